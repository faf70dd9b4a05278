import type { HeldBack } from '../engine/limit/back-off.ts'

/** Above the 27 bits of a time: whether it counts steps of 32 ms instead of milliseconds, and four bits of strikes. */
const timeBits = 27
const maxTime = 2 ** timeBits - 1
const coarseMs = 32
const aheadMs = 60_000

/**
 * What callers who were turned away were told last, beside the slots of their buckets: eight octets each, written only for
 * those who are turned away. Times are rounded down, in favour of who was told; after 49 days what was told may look new.
 */
export class WarningTable {
  readonly #words: Uint32Array

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Uint32Array(memory)
  }

  /** Has the processor fetch what stands beside slots while it waits for something else. Needs no lock, and means nothing. */
  fetch(first: number, count: number): number {
    return (this.#words[2 * first] as number) ^ (this.#words[2 * (first + count) - 1] as number)
  }

  /** @param index of the slot, its line locked */
  read(index: number, nowMs: number): HeldBack | null {
    const word = this.#words[2 * index + 1] as number
    if (word === 0) return null
    const time = word & maxTime
    const waitMs = ((word >>> timeBits) & 1) === 1 ? time * coarseMs : time
    const now = Math.floor(nowMs)
    // Another thread may have told it a moment later than this one's request came.
    const agoMs = ((now - (this.#words[2 * index] as number) + aheadMs) >>> 0) - aheadMs
    return {
      toldAtMs: now - agoMs,
      waitMs,
      strikes: word >>> (timeBits + 1),
    }
  }

  write(index: number, { toldAtMs, waitMs, strikes }: HeldBack): void {
    const coarse = waitMs > maxTime
    const time = Math.min(maxTime, Math.floor(coarse ? waitMs / coarseMs : waitMs))
    this.#words[2 * index] = Math.floor(toldAtMs) >>> 0
    this.#words[2 * index + 1] = (strikes << (timeBits + 1)) | ((coarse ? 1 : 0) << timeBits) | time
  }

  /** Only what is set is written: untouched memory stays unreal. */
  forget(index: number): void {
    if (this.#words[2 * index + 1] !== 0) this.#words[2 * index + 1] = 0
  }
}
