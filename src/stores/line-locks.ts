/** Of `Atomics`, what locks need; a test puts its scheduler in between. */
export type LockAtomics = Pick<typeof Atomics, 'compareExchange' | 'exchange' | 'wait' | 'notify'>

/** 32-bit words in a cache line of 64 octets; the last one of each line is its lock. */
export const wordsPerLine = 16

/** Words in which a thread notes the lines it is about to lock: how many, and which. */
export const noteWords = 1024

// What stands in the hot path is a constant of this module alone: V8 looks up an exported one each time.
const stride = wordsPerLine
const lockWord = stride - 1
const mostNoted = noteWords - 2

/** Locks of lines. */
export interface Locks {
  /**
   * Adds a line to those that `lock` locks next. What is added while some are locked comes after all of these.
   * @throws RangeError beyond what can be noted
   */
  want(line: number): void
  /** Locks what is wanted and not locked yet. */
  lock(): void
  /** Unlocks all. */
  unlock(): void
}

/** Where one thread has the memory to itself nobody can come in between. */
export const noLocks: Locks = { want() {}, lock() {}, unlock() {} }

/** Set in a lock's word while somebody may sleep on it. */
const contended = 1 << 30
const spins = 100
/** A wake-up that was meant for a thread that died costs the others no more than this. */
const sleepMs = 10

/**
 * Locks that stand in the cache lines they protect, so that taking one costs no line of its own.
 *
 * Each is free (0) or names the thread that has it, and each thread notes, in memory that outlives it, which lines it is
 * about to lock: what a dead thread leaves locked is found.
 *
 * INVARIANT: lines are locked in ascending order, so nobody waits in a circle.
 * @see Drepper, Futexes Are Tricky, section 5: a mutex that enters the kernel only when somebody waits
 */
export class LineLocks implements Locks {
  readonly #words: Int32Array
  readonly #note: Int32Array
  readonly #owner: number
  readonly #atomics: LockAtomics
  #locked = 0

  /**
   * @param note of this thread
   * @param worker number of this thread, from 0
   */
  constructor(words: Int32Array, note: Int32Array, worker: number, atomics: LockAtomics = Atomics) {
    this.#words = words
    this.#note = note
    this.#owner = ownerOf(worker)
    this.#atomics = atomics
    note[0] = 0
  }

  want(line: number): void {
    const note = this.#note
    const count = note[0] as number
    let before = count
    for (; before > this.#locked && (note[before] as number) >= line; before--)
      if (note[before] === line) return
    if (count > mostNoted) throw new RangeError('too many lines for one take')
    for (let nth = count; nth > before; nth--) note[nth + 1] = note[nth] as number
    note[before + 1] = line
    note[0] = count + 1
  }

  lock(): void {
    const note = this.#note
    const words = this.#words
    const count = note[0] as number
    while (this.#locked < count) {
      const at = (note[++this.#locked] as number) * stride + lockWord
      if (this.#atomics.compareExchange(words, at, 0, this.#owner) !== 0) this.#wait(at)
    }
  }

  unlock(): void {
    const note = this.#note
    const words = this.#words
    for (; this.#locked > 0; this.#locked--) {
      const at = (note[this.#locked] as number) * stride + lockWord
      if ((this.#atomics.exchange(words, at, 0) & contended) !== 0) this.#atomics.notify(words, at, 1)
    }
    note[0] = 0
  }

  #wait(at: number): void {
    const words = this.#words
    const atomics = this.#atomics
    for (let spin = 0; spin < spins; spin++) if (words[at] === 0 && this.#seize(at, 0)) return
    // Whoever has waited takes it as contended, for there may be others who still sleep.
    while (!this.#seize(at, contended)) {
      const seen = words[at] as number
      if (seen === 0) continue
      const marked = seen | contended
      if (seen === marked || atomics.compareExchange(words, at, seen, marked) === seen)
        atomics.wait(words, at, marked, sleepMs)
    }
  }

  #seize(at: number, mark: number): boolean {
    return this.#atomics.compareExchange(this.#words, at, 0, this.#owner | mark) === 0
  }
}

/** Frees what a thread that is no more had locked. @param note of that thread */
export function unlockAfterDeath(words: Int32Array, note: Int32Array, worker: number): void {
  for (let nth = 1; nth <= (note[0] as number); nth++) {
    const at = (note[nth] as number) * stride + lockWord
    if ((Atomics.load(words, at) & ~contended) !== ownerOf(worker)) continue
    Atomics.exchange(words, at, 0)
    Atomics.notify(words, at)
  }
  note[0] = 0
}

function ownerOf(worker: number): number {
  return worker + 1
}
