/** Something that can stand in one line. Both are written by the line alone. */
export interface Standing<T> {
  ahead: T | null
  behind: T | null
}

/**
 * Who waits, in the order of coming; anybody can leave.
 *
 * Linked through its members, and whoever leaves is cut off from the others: a member that has grown old would keep all
 * alive that came after it.
 */
export class Line<T extends Standing<T>> {
  #oldest: T | null = null
  #newest: T | null = null

  get oldest(): T | null {
    return this.#oldest
  }

  get newest(): T | null {
    return this.#newest
  }

  /** @param member of no line */
  enter(member: T): void {
    member.ahead = this.#newest
    if (this.#newest) this.#newest.behind = member
    else this.#oldest = member
    this.#newest = member
  }

  /** @param member of this line */
  leave(member: T): void {
    const { ahead, behind } = member
    if (ahead) ahead.behind = behind
    else this.#oldest = behind
    if (behind) behind.ahead = ahead
    else this.#newest = ahead
    member.ahead = null
    member.behind = null
  }
}
