import { setImmediate as nextTurn } from 'node:timers/promises'
import { wordsPerLine } from './line-locks.ts'

export const slotsPerLine = 5
/** Lines of limits, after those of both regions; a power of two. */
export const limitLines = 65_536
// What stands in the hot path is a constant of this module alone: V8 looks up an imported or exported one each time.
const slots = slotsPerLine
const stride = wordsPerLine
const lastLimitLine = limitLines - 1
/** A line is five instants, five tags and a lock: what a look-up needs is one cache line. */
const firstTag = 2 * slots
const doublesPerLine = stride / 2
const slotBits = 31 - Math.clz32(doublesPerLine)
const lastDouble = doublesPerLine - 1
const linesAtOnce = 8192
/** Of what a turn of the event loop takes: counting is to be done soon also where each of them is long. */
const countingShare = 1 / 10

/** Memory of a table, shared by all threads; structured clone passes it on. */
export interface TableMemory {
  /** Lines of either region. */
  readonly lines: number
  readonly buckets: SharedArrayBuffer
  readonly warnings: SharedArrayBuffer
}

/** Buckets of short limits and of long ones, which are saved, stand apart. */
export type Region = 0 | 1

/** @param keys so many live keys leave two thirds of the slots of a region free */
export function allocateTable(keys: number): TableMemory {
  const lines = Math.max(2, Math.ceil((keys * 3) / slotsPerLine))
  const all = 2 * lines + limitLines
  return {
    lines,
    buckets: new SharedArrayBuffer(all * wordsPerLine * 4),
    warnings: new SharedArrayBuffer(all * slotsPerLine * 8),
  }
}

/**
 * Buckets by the digests of their keys, in flat memory of a fixed size of which only what is used becomes real.
 *
 * A line has five slots. Each key has two lines where it may stand, and stands in the first unless that was as good as
 * full when it came. A slot whose bucket is full again may be taken by anyone; one that holds somebody back is never given
 * away. So nothing is swept, nothing grows, and a look-up has a bound. A slot knows its key by its line and 32 bits more.
 *
 * INVARIANT: whoever reads or writes a slot has locked its line; only `find` may look without. A key gets a slot only while
 * both of its lines are locked, so that it never stands in two.
 */
export class BucketTable {
  readonly #lines: number
  /** Lines of a region for each digest: less than one. */
  readonly #share: number
  readonly #words: Int32Array
  readonly #instants: Float64Array

  constructor({ lines, buckets }: TableMemory) {
    this.#lines = lines
    this.#share = lines / 2 ** 32
    this.#words = new Int32Array(buckets)
    this.#instants = new Float64Array(buckets)
  }

  /** @param digest 32 bits */
  lineOf(region: Region, digest: number): number {
    return region * this.#lines + (((digest >>> 0) * this.#share) | 0)
  }

  /** @returns the slot of a key in a line, or -1; without a lock where it seems to stand, no more than a hint */
  find(line: number, tag: number): number {
    const words = this.#words
    const at = line * stride + firstTag
    for (let nth = 0; nth < slots; nth++) if (words[at + nth] === tag) return line * doublesPerLine + nth
    return -1
  }

  /**
   * Finds the slot of a key for a take. A full bucket is not free for this instant: no other draw of the same take, whose key
   * may be new to the line, must get its slot.
   * @param seen where it seemed to stand, in a line that is locked; or -1
   * @returns -1 where it does not stand
   */
  take(line: number, tag: number, seen: number, nowMs: number): number {
    const slot = seen >= 0 && this.#tagOf(seen) === tag ? seen : this.find(line, tag)
    if (slot >= 0 && this.fullAtMs(slot) < nowMs) this.fill(slot, nowMs)
    return slot
  }

  /**
   * Gives a key that stands in neither of its lines a slot.
   * @param tag not 0
   * @param nowMs above 0 unless the clock stepped back
   * @returns -1 when both are full of keys that are held back
   */
  claim(one: number, other: number, tag: number, nowMs: number): number {
    const free = this.#countFree(one, nowMs)
    const line = free > 1 || free >= this.#countFree(other, nowMs) ? one : other
    for (let nth = 0; nth < slots; nth++) {
      if (!this.#isFree(line, nth, nowMs)) continue
      const slot = line * doublesPerLine + nth
      // Full, and likewise not free for this instant.
      this.fill(slot, nowMs)
      this.#words[line * stride + firstTag + nth] = tag
      return slot
    }
    return -1
  }

  fullAtMs(slot: number): number {
    return this.#instants[slot] as number
  }

  fill(slot: number, fullAtMs: number): void {
    this.#instants[slot] = fullAtMs
  }

  /** The line where the search for a limit's own line begins, past all keys. @param digest 32 bits */
  limitLineOf(digest: number): number {
    return 2 * this.#lines + (digest & lastLimitLine)
  }

  /** The line after it, of those of limits. */
  nextLimitLine(line: number): number {
    return line < 2 * this.#lines + lastLimitLine ? line + 1 : 2 * this.#lines
  }

  /** Buckets that are not full, counted in many short turns of the event loop: a look at all of them takes 30 to 130 ms. */
  async countLive(nowMs: number): Promise<number> {
    let count = 0
    let untilMs = 0
    for (let line = 0; line < this.#lines * 2; line++) {
      if (line % linesAtOnce === 0 && performance.now() >= untilMs) untilMs = await nextShare()
      for (let nth = 0; nth < slots; nth++) if (this.fullAtMs(line * doublesPerLine + nth) > nowMs) count++
    }
    return count
  }

  #tagOf(slot: number): number {
    return this.#words[(slot >>> slotBits) * stride + firstTag + (slot & lastDouble)] as number
  }

  #countFree(line: number, nowMs: number): number {
    let free = 0
    for (let nth = 0; nth < slots; nth++) if (this.#isFree(line, nth, nowMs)) free++
    return free
  }

  #isFree(line: number, nth: number, nowMs: number): boolean {
    return (
      this.#words[line * stride + firstTag + nth] === 0 || this.fullAtMs(line * doublesPerLine + nth) < nowMs
    )
  }
}

/** @returns until when it may be counted in this turn, in milliseconds of `performance` */
async function nextShare(): Promise<number> {
  const askedMs = performance.now()
  await nextTurn()
  const nowMs = performance.now()
  return nowMs + (nowMs - askedMs) * countingShare
}

/** Place of a slot among all slots. */
export function indexOf(slot: number): number {
  return (slot >>> slotBits) * slots + (slot & lastDouble)
}
