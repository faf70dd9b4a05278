/**
 * From 0 up to 1, by an id: the engine has no dice of its own. By all of the id, since those of a proxy may begin with the
 * time (RFC 9562 5.7) or with a word that all share.
 * @see Fowler, Noll, Vo: FNV-1a; Appleby: the finalizer of MurmurHash3
 */
export function spreadOf(requestId: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < requestId.length; at++) hash = Math.imul(hash ^ requestId.charCodeAt(at), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32
}
