import type { BucketTable } from './bucket-table.ts'
import { type Locks, wordsPerLine } from './line-locks.ts'

// A constant of this module alone: V8 looks up an imported one each time, and this is the hot path.
const stride = wordsPerLine
/** In the line of a limit: the instant of its overflow bucket, the digest of its name, and until when it holds somebody back. */
const nameWord = 10
const heldUntilWord = 12
const maxProbes = 65_536
/** 68 years, the most that its word holds. */
const maxHeldUntil = 2 ** 31 - 1

/** One line for each limit, found by the digest of its name; it is the same in all threads and never given away. */
export class LimitLines {
  readonly #table: BucketTable
  readonly #words: Int32Array
  readonly #locks: Locks

  constructor(table: BucketTable, words: Int32Array, locks: Locks) {
    this.#table = table
    this.#words = words
    this.#locks = locks
  }

  /**
   * Finds the line of a limit, or makes it. Nothing may be locked.
   * @param low and `high`: the digest of its name
   * @returns one shared with another limit when there is no other
   */
  lineOf(low: number, high: number): number {
    const second = (low | high) === 0 ? 1 : high
    let line = this.#table.limitLineOf(low)
    for (let probe = 1; !this.#isFor(line, low, second) && probe < maxProbes; probe++)
      line = this.#table.nextLimitLine(line)
    return line
  }

  /** Whether any bucket of the limit may hold somebody back. */
  holdsBack(line: number, nowMs: number): boolean {
    return nowMs <= Atomics.load(this.#words, line * stride + heldUntilWord) * 1000
  }

  /** The same by a look in passing, which may be a moment old. */
  seemsToHoldBack(line: number, nowMs: number): boolean {
    return nowMs <= (this.#words[line * stride + heldUntilWord] as number) * 1000
  }

  /** Notes until when a bucket holds somebody back; before the bucket itself is unlocked. */
  noteHeldBack(line: number, untilMs: number): void {
    const at = line * stride + heldUntilWord
    // It only grows, so what an older look shows is enough to leave it as it is.
    let seen = this.#words[at] as number
    if (untilMs <= seen * 1000) return
    const until = Math.min(Math.ceil(untilMs / 1000), maxHeldUntil)
    while (seen < until) {
      const found = Atomics.compareExchange(this.#words, at, seen, until)
      if (found === seen) return
      seen = found
    }
  }

  #isFor(line: number, low: number, high: number): boolean {
    const at = line * stride + nameWord
    this.#locks.want(line)
    this.#locks.lock()
    if (((this.#words[at] as number) | (this.#words[at + 1] as number)) === 0) {
      this.#words[at] = low
      this.#words[at + 1] = high
    }
    const same = this.#words[at] === low && this.#words[at + 1] === high
    this.#locks.unlock()
    return same
  }
}
