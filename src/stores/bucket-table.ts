import type { HeldBack } from '../engine/limit/back-off.ts'

const groupSlots = 8
const overflowSlots = 65_536

/**
 * Buckets by the digests of their keys, in flat memory of a fixed size that is touched only where it is used.
 *
 * Each key has two groups of eight slots where it may stand, and goes to the emptier one. A slot whose bucket is full
 * again may be taken by anyone; one that holds somebody back is never given away. So nothing is swept, nothing grows, and
 * a look-up has a bound.
 */
export class BucketTable {
  readonly #groups: number
  /** Each group is two cache lines side by side: eight digests as 32-bit halves, and eight instants. */
  readonly #digests: Int32Array
  readonly #fullAtMs: Float64Array
  readonly #toldAtMs: Float64Array
  readonly #waitMs: Uint32Array
  readonly #strikes: Uint8Array

  /** @param keys so many live keys leave half of the slots free */
  constructor(keys: number) {
    const groups = 2 ** Math.ceil(Math.log2(Math.max(2, (2 * keys) / groupSlots)))
    this.#groups = groups
    const all = groups * groupSlots + overflowSlots
    const memory = new ArrayBuffer(all * 16)
    this.#digests = new Int32Array(memory)
    this.#fullAtMs = new Float64Array(memory)
    this.#toldAtMs = new Float64Array(all)
    this.#waitMs = new Uint32Array(all)
    this.#strikes = new Uint8Array(all)
  }

  /** Buckets that are not full. */
  countLive(nowMs: number): number {
    let count = 0
    for (let slot = 0; slot < this.#strikes.length; slot++) if (this.fullAtMs(slot) > nowMs) count++
    return count
  }

  /**
   * The slot of a key, new or known.
   * @param low and `high`: the digest
   * @param nowMs above 0 unless the clock stepped back
   * @returns -1 when both of its groups are full of keys that are held back
   */
  find(low: number, high: number, nowMs: number): number {
    // A digest of nothing but zeros is how a slot looks that nobody ever used.
    const second = (low | high) === 0 ? 1 : high
    const one = low & (this.#groups - 1)
    const known = this.#search(one, low, second)
    if (known >= 0) return known
    const other = second & (this.#groups - 1)
    const knownThere = this.#search(other, low, second)
    if (knownThere >= 0) return knownThere
    return this.#claim(
      this.#countFree(one, nowMs) >= this.#countFree(other, nowMs) ? one : other,
      low,
      second,
      nowMs,
    )
  }

  /** Slots apart from all keys, for what does not find a place. */
  overflowSlot(index: number): number {
    return this.#groups * groupSlots + Math.min(index, overflowSlots - 1)
  }

  fullAtMs(slot: number): number {
    return this.#fullAtMs[instantOf(slot)] as number
  }

  fill(slot: number, fullAtMs: number): void {
    this.#fullAtMs[instantOf(slot)] = fullAtMs
  }

  heldBack(slot: number): HeldBack | null {
    const waitMs = this.#waitMs[slot] as number
    if (waitMs === 0) return null
    return { toldAtMs: this.#toldAtMs[slot] as number, waitMs, strikes: this.#strikes[slot] as number }
  }

  holdBack(slot: number, { toldAtMs, waitMs, strikes }: HeldBack): void {
    this.#toldAtMs[slot] = toldAtMs
    this.#waitMs[slot] = Math.ceil(waitMs)
    this.#strikes[slot] = strikes
  }

  #search(group: number, low: number, high: number): number {
    const first = group * 32
    for (let at = first; at < first + 16; at += 2)
      if (this.#digests[at] === low && this.#digests[at + 1] === high)
        return group * groupSlots + ((at - first) >> 1)
    return -1
  }

  #claim(group: number, low: number, high: number, nowMs: number): number {
    for (let slot = group * groupSlots; slot < (group + 1) * groupSlots; slot++) {
      if (!this.#isFree(slot, nowMs)) continue
      const at = digestOf(slot)
      this.#digests[at] = low
      this.#digests[at + 1] = high
      // Full, and for this instant not free: another draw of the same take must not get the slot as well.
      this.fill(slot, nowMs)
      this.#waitMs[slot] = 0
      return slot
    }
    return -1
  }

  #countFree(group: number, nowMs: number): number {
    let free = 0
    for (let slot = group * groupSlots; slot < (group + 1) * groupSlots; slot++)
      if (this.#isFree(slot, nowMs)) free++
    return free
  }

  #isFree(slot: number, nowMs: number): boolean {
    const at = digestOf(slot)
    const unused = ((this.#digests[at] as number) | (this.#digests[at + 1] as number)) === 0
    return unused || this.fullAtMs(slot) < nowMs
  }
}

/** Index of the first half of a slot's digest among 32-bit integers. */
function digestOf(slot: number): number {
  return (slot >> 3) * 32 + (slot & 7) * 2
}

/** Index of a slot's instant among doubles. */
function instantOf(slot: number): number {
  return (slot >> 3) * 16 + 8 + (slot & 7)
}
