/** Drops the oldest entry of a map that is full, so that one more fits. */
export function makeRoom(cache: Map<string, unknown>, maxEntries: number): void {
  if (cache.size < maxEntries) return
  const [oldest] = cache.keys()
  if (oldest !== undefined) cache.delete(oldest)
}
