import { randomBytes } from 'node:crypto'
import { threadId } from 'node:worker_threads'
import { allocateTable, type TableMemory } from './bucket-table.ts'
import { noteWords, unlockAfterDeath, wordsPerLine } from './line-locks.ts'

/** What the token buckets of all threads are made of; structured clone passes it on. */
export interface CountersMemory {
  readonly table: TableMemory
  /** The thread that has it to itself, which locks nothing; null where threads share it. */
  readonly onlyThread: number | null
  /** Of the keyed hash: eight octets, shared; what was saved is restored before the first take. */
  readonly secret: Uint8Array
  /**
   * The epoch, the count of overflows, the latest instant of a take, by how much the clock was set back; of each thread how
   * often it drew, and what it locks.
   */
  readonly desk: SharedArrayBuffer
}

export interface CountersOptions {
  /** Live buckets at a time of short limits, and of long ones; beyond it becomes likely that some share. */
  readonly keys?: number
  /** Threads that attach; they are numbered from 0. */
  readonly workers?: number
  /** Whether all that attach do so in this thread. */
  readonly alone?: boolean
}

const overflowedWord = 2
const latestWord = 3
const setBackByte = 16
/** What all threads share comes first; then each has a line of its own and its notes. */
const firstOwn = 16
const ownWords = wordsPerLine + noteWords

/** Called once, on the main thread. */
export function allocateCounters({
  keys = 1_000_000,
  workers = 64,
  alone = false,
}: CountersOptions = {}): CountersMemory {
  const secret = new Uint8Array(new SharedArrayBuffer(8))
  secret.set(randomBytes(8))
  return {
    table: allocateTable(keys),
    onlyThread: alone ? threadId : null,
    secret,
    desk: new SharedArrayBuffer((firstOwn + workers * ownWords) * 4),
  }
}

/** Frees what a thread had locked when it died. Called once it is gone, before another gets its number. */
export function releaseAfterDeath(memory: CountersMemory, worker: number): void {
  const desk = attachDesk(memory)
  const note = desk.noteOf(worker)
  // It may have drawn from a bucket, and not have come to count that.
  if (note[0] !== 0) Atomics.add(desk.longDrawnOf(worker), 0, 1)
  unlockAfterDeath(new Int32Array(memory.table.buckets), note, worker)
}

export function attachDesk({ desk }: CountersMemory) {
  const words = new Int32Array(desk)
  const epoch = new BigInt64Array(desk, 0, 1)
  const setBack = new Float64Array(desk, setBackByte, 1)
  return {
    /** The instant from which all threads count: about that of the first take. @param atMs epoch milliseconds, now */
    epochMs(atMs: number): number {
      Atomics.compareExchange(epoch, 0, 0n, BigInt(Math.ceil(atMs) - 1))
      return Number(Atomics.load(epoch, 0))
    },
    /** On the clock as it is set now; null before the first take. */
    get startedMs(): number | null {
      const startedMs = Number(Atomics.load(epoch, 0))
      return startedMs === 0 ? null : startedMs - (setBack[0] as number)
    },
    /** One number: by how much the clock was set back since the epoch; so much more time has passed than it says. */
    setBackMs: setBack,
    /** Called by one thread alone. */
    noteSetBack(byMs: number): void {
      setBack[0] = (setBack[0] as number) + byMs
    },
    /** One number: of whole milliseconds since the epoch the low 32 bits, at the latest take of all threads. */
    latestMs: words.subarray(latestWord, latestWord + 1),
    /** Goes on with the count of an earlier process. */
    startFrom(epochMs: number): void {
      Atomics.store(epoch, 0, BigInt(epochMs))
    },
    /** One number, of a thread: it counts its takes from buckets of long limits, each before their lines are unlocked. */
    longDrawnOf(worker: number): Int32Array {
      return words.subarray(ownOf(worker), ownOf(worker) + 1)
    },
    /**
     * Takes of all threads from buckets of long limits; where it is what it was, so are they. It is counted without a fence,
     * which takes 15 to 40 ns: on a processor that reorders writes a take may be seen here a moment before its bucket.
     */
    get longDrawn(): number {
      let count = 0
      for (let own = firstOwn; own < words.length; own += ownWords) count += Atomics.load(words, own) >>> 0
      return count
    },
    get overflowed(): number {
      return Atomics.load(words, overflowedWord) >>> 0
    },
    countOverflow(): void {
      Atomics.add(words, overflowedWord, 1)
    },
    noteOf(worker: number): Int32Array {
      return words.subarray(ownOf(worker) + wordsPerLine, ownOf(worker + 1))
    },
  }
}

function ownOf(worker: number): number {
  return firstOwn + worker * ownWords
}
