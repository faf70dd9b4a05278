import { randomBytes } from 'node:crypto'
import { KeyedHash } from './keyed-hash.ts'
import { LineLocks, noteWords, unlockAfterDeath, wordsPerLine } from './line-locks.ts'

/** What is held, and by which thread; structured clone passes it on. */
export interface HoldsMemory {
  readonly lines: number
  readonly slots: number
  readonly workers: number
  /** Of the keyed hash: eight octets. */
  readonly secret: Uint8Array
  /** Digests of the keys, seven in a line with its lock. */
  readonly keys: SharedArrayBuffer
  /** How often each thread holds each slot. */
  readonly counts: SharedArrayBuffer
  /** What each thread is about to lock. */
  readonly notes: SharedArrayBuffer
}

/** A key, and how often it may be held. */
export interface Ask {
  readonly key: string
  readonly max: number
}

/** Told while nobody else can touch the slot. */
export interface EnterNotes {
  /** A slot was given to a key that had none. */
  readonly claimed: (slot: number) => void
  /** The key of this ask is held as often as it may be. */
  readonly full: (nth: number, slot: number) => void
}

export interface Entered {
  readonly entered: boolean
  /** How often each key is held now. */
  readonly counts: readonly number[]
}

/** Counts what is under way by key, over all threads: connections of an address, requests of a caller. */
export interface Holds {
  /**
   * Holds a key once more.
   * @returns false where it is held `max` times already, and where there is no room for one key more
   */
  enter(key: string, max: number): boolean
  /** Holds all of these keys once more, or none; different ones. */
  enterAll(asks: readonly Ask[], notes: EnterNotes): Entered
  /** Gives back what was entered in this thread, once for each time. */
  leave(key: string): void
  /** How often a key is held by all threads together. */
  count(key: string): number
}

const slotsPerLine = 7

/** @param slots keys at a time; up to a quarter of it, one is unlikely to find no room. @param workers threads that attach */
export function allocateHolds(slots: number, workers = 64): HoldsMemory {
  const lines = Math.max(2, Math.ceil(slots / slotsPerLine))
  return {
    lines,
    slots: lines * slotsPerLine,
    workers,
    secret: new Uint8Array(randomBytes(8)),
    keys: new SharedArrayBuffer(lines * wordsPerLine * 4),
    counts: new SharedArrayBuffer(lines * slotsPerLine * workers * 4),
    notes: new SharedArrayBuffer(workers * noteWords * 4),
  }
}

/**
 * INVARIANT: each thread writes its own counts only, and what is held is their sum: so what a dead thread held is exactly
 * what its counts say. A slot whose sum is 0 may be taken by another key; both lines of a key are locked for that.
 *
 * @param worker number of this thread, of no other that lives
 */
export function attachHolds(memory: HoldsMemory, worker: number): Holds {
  const { lines, workers } = memory
  const words = new Int32Array(memory.keys)
  const counts = new Int32Array(memory.counts)
  const locks = new LineLocks(words, noteOf(memory, worker), worker)
  const hash = new KeyedHash(memory.secret)

  return {
    enter: (key, max) =>
      locked(key, (one, other) => {
        let slot = find(one, other)
        if (slot < 0) slot = claim(one, other)
        if (slot < 0 || sum(slot) >= max) return false
        Atomics.add(counts, slot * workers + worker, 1)
        return true
      }),
    enterAll,
    leave: (key) =>
      locked(key, (one, other) => {
        const slot = find(one, other)
        const at = slot * workers + worker
        if (slot >= 0 && (counts[at] as number) > 0) Atomics.sub(counts, at, 1)
      }),
    count: (key) =>
      locked(key, (one, other) => {
        const slot = find(one, other)
        return slot < 0 ? 0 : sum(slot)
      }),
  }

  function enterAll(asks: readonly Ask[], notes: EnterNotes): Entered {
    const digests = asks.map(({ key }) => {
      hash.digest(key)
      return { low: hash.low, high: hash.high, ...linesOfDigest() }
    })
    for (const { one, other } of digests) {
      locks.want(one)
      locks.want(other)
    }
    try {
      locks.lock()
      const slots = asks.map(({ max }, nth) => {
        const { low, high, one, other } = digests[nth] as (typeof digests)[number]
        hash.low = low
        hash.high = high
        let slot = find(one, other)
        if (slot < 0) {
          slot = claim(one, other)
          if (slot >= 0) notes.claimed(slot)
        }
        if (slot < 0) return { slot, entered: false }
        const entered = sum(slot) < max
        // At once, so that the next of these keys is not given the same slot.
        if (entered) Atomics.add(counts, slot * workers + worker, 1)
        else notes.full(nth, slot)
        return { slot, entered }
      })
      const all = slots.every(({ entered }) => entered)
      if (!all)
        for (const { slot, entered } of slots) if (entered) Atomics.sub(counts, slot * workers + worker, 1)
      return { entered: all, counts: slots.map(({ slot }) => (slot < 0 ? 0 : sum(slot))) }
    } finally {
      locks.unlock()
    }
  }

  function linesOfDigest(): { readonly one: number; readonly other: number } {
    return { one: (hash.low >>> 0) % lines, other: (hash.high >>> 0) % lines }
  }

  function locked<T>(key: string, act: (one: number, other: number) => T): T {
    hash.digest(key)
    const { one, other } = linesOfDigest()
    locks.want(one)
    locks.want(other)
    try {
      locks.lock()
      return act(one, other)
    } finally {
      locks.unlock()
    }
  }

  function find(one: number, other: number): number {
    const found = slotIn(one, (low, high) => low === hash.low && high === hash.high)
    return found >= 0 ? found : slotIn(other, (low, high) => low === hash.low && high === hash.high)
  }

  function claim(one: number, other: number): number {
    const isFree = (_low: number, _high: number, slot: number) => sum(slot) === 0
    const found = slotIn(one, isFree)
    const slot = found >= 0 ? found : slotIn(other, isFree)
    if (slot < 0) return -1
    const at = wordOf(slot)
    words[at] = hash.low
    words[at + 1] = hash.high
    return slot
  }

  function slotIn(line: number, suits: (low: number, high: number, slot: number) => boolean): number {
    for (let slot = line * slotsPerLine; slot < (line + 1) * slotsPerLine; slot++) {
      const at = wordOf(slot)
      if (suits(words[at] as number, words[at + 1] as number, slot)) return slot
    }
    return -1
  }

  function sum(slot: number): number {
    let held = 0
    for (let by = 0; by < workers; by++) held += Atomics.load(counts, slot * workers + by)
    return held
  }
}

/** How often any key is held by all threads together. Looks at all of them. */
export function sizeOfHolds({ counts }: HoldsMemory): number {
  return new Int32Array(counts).reduce((held, count) => held + count, 0)
}

/** Gives back all that a thread held when it died. Called once it is gone, before another gets its number. */
export function releaseHoldsAfterDeath(memory: HoldsMemory, worker: number): void {
  const { lines, workers } = memory
  unlockAfterDeath(new Int32Array(memory.keys), noteOf(memory, worker), worker)
  const counts = new Int32Array(memory.counts)
  for (let slot = 0; slot < lines * slotsPerLine; slot++)
    if (counts[slot * workers + worker] !== 0) Atomics.exchange(counts, slot * workers + worker, 0)
}

function noteOf({ notes }: HoldsMemory, worker: number): Int32Array {
  return new Int32Array(notes, worker * noteWords * 4, noteWords)
}

/** Index of the first half of a slot's digest. */
function wordOf(slot: number): number {
  return Math.floor(slot / slotsPerLine) * wordsPerLine + 2 * (slot % slotsPerLine)
}
