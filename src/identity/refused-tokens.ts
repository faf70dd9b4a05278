const sets = 4096
const ways = 4
/** Of a digest; nobody finds two texts that share so many of SHA-256. */
const digestWords = 4
const words = digestWords + 1

/**
 * Tokens whose signature was found wrong, each with the generation of the keys it was wrong under: the last four of each of
 * 4096 sets.
 *
 * In one block of 328 kB, so that a flood of bad tokens leaves nothing on the heap: what is remembered of each would live
 * long enough to become old, and be collected only together with all else that is.
 */
export class RefusedTokens {
  readonly #table = new Int32Array(sets * ways * words)
  /** Which of its entries a set gives up next. */
  readonly #oldest = new Uint8Array(sets)

  /** @param digest what begins with a SHA-256, a character for each octet ('latin1') */
  has(digest: string, generation: number): boolean {
    const first = setOf(digest) * ways * words
    for (let at = first; at < first + ways * words; at += words)
      if (this.#table[at + digestWords] === generation + 1 && this.#holds(at, digest)) return true
    return false
  }

  add(digest: string, generation: number): void {
    const set = setOf(digest)
    const first = set * ways * words
    let at = -1
    for (let own = first; own < first + ways * words; own += words) if (this.#holds(own, digest)) at = own
    if (at < 0) {
      const way = this.#oldest[set] as number
      this.#oldest[set] = (way + 1) % ways
      at = first + way * words
    }
    for (let i = 0; i < digestWords; i++) this.#table[at + i] = wordOf(digest, i)
    // 0 marks what was never written.
    this.#table[at + digestWords] = generation + 1
  }

  #holds(at: number, digest: string): boolean {
    for (let i = 0; i < digestWords; i++) if (this.#table[at + i] !== wordOf(digest, i)) return false
    return true
  }
}

/** By octets that the entry does not hold itself. */
function setOf(digest: string): number {
  return wordOf(digest, digestWords) & (sets - 1)
}

function wordOf(digest: string, index: number): number {
  const at = index * 4
  return (
    digest.charCodeAt(at) |
    (digest.charCodeAt(at + 1) << 8) |
    (digest.charCodeAt(at + 2) << 16) |
    (digest.charCodeAt(at + 3) << 24)
  )
}
