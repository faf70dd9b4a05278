/**
 * Remembers the entries that were set or read last: at least `atLeast` of them, at most twice as many.
 *
 * Two tables: when the young one is full it becomes the old one, and the old one is let go whole. So nothing is searched
 * for, a flood of new entries does not push out one that is in use, and no table is thinned out one by one
 * (see `Roster` for what that costs).
 */
export class BoundedCache<V> {
  readonly #atLeast: number
  #young = new Map<string, V>()
  #old = new Map<string, V>()

  constructor(atLeast: number) {
    this.#atLeast = atLeast
  }

  get(key: string): V | undefined {
    const young = this.#young.get(key)
    if (young !== undefined) return young
    const old = this.#old.get(key)
    if (old !== undefined) this.set(key, old)
    return old
  }

  set(key: string, value: V): void {
    if (this.#young.size >= this.#atLeast && !this.#young.has(key)) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(key, value)
  }

  /** What is remembered, an old value of a key that has a new one left out. Costs as much as there is. */
  *entries(): IterableIterator<[string, V]> {
    yield* this.#young
    for (const entry of this.#old) if (!this.#young.has(entry[0])) yield entry
  }

  delete(key: string): void {
    this.#young.delete(key)
    this.#old.delete(key)
  }
}
