/** Something that can stand in one roster: it knows its own place, so that leaving costs nothing. */
export interface Member {
  /** Written by the roster alone; -1 outside. */
  place: number
}

/**
 * A set whose members come and go with every request.
 *
 * An array, because the table that a growing or thinning `Map` or `Set` leaves behind points to the next one (V8's
 * OrderedHashTable, for iterators): once one of them has grown old, it keeps all that follow alive, with everything that
 * stood in them, until the next collection of the old generation. Here that had every request live through two scavenges.
 */
export class Roster<T extends Member> implements Iterable<T> {
  readonly #members: T[] = []

  get size(): number {
    return this.#members.length
  }

  add(member: T): void {
    if (member.place >= 0) return
    member.place = this.#members.push(member) - 1
  }

  delete(member: T): void {
    const { place } = member
    if (place < 0) return
    const last = this.#members.pop() as T
    if (last !== member) {
      this.#members[place] = last
      last.place = place
    }
    member.place = -1
  }

  [Symbol.iterator](): Iterator<T> {
    return this.#members[Symbol.iterator]()
  }
}
