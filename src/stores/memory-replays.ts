import { randomBytes } from 'node:crypto'
import type { ReplayMemory } from '../engine/ports.ts'
import { allocateTable, BucketTable, type TableMemory } from './bucket-table.ts'
import { KeyedHash } from './keyed-hash.ts'
import { LineLocks, noteWords, unlockAfterDeath } from './line-locks.ts'

const defaultMaxKept = 100_000

/** What was used, for all threads; structured clone passes it on. */
export interface ReplaysMemory {
  readonly table: TableMemory
  /** Of the keyed hash: eight octets. */
  readonly secret: Uint8Array
  /** What each thread is about to lock. */
  readonly notes: SharedArrayBuffer
}

export interface ReplaysOptions {
  /** So many are remembered at a time without one being refused for lack of room. */
  readonly maxKept?: number
  /** Threads that attach; they are numbered from 0. */
  readonly workers?: number
}

/** Called once, on the main thread. */
export function allocateReplays({
  maxKept = defaultMaxKept,
  workers = 64,
}: ReplaysOptions = {}): ReplaysMemory {
  return {
    table: allocateTable(maxKept),
    secret: new Uint8Array(randomBytes(8)),
    notes: new SharedArrayBuffer(workers * noteWords * 4),
  }
}

/** Memory of one thread alone. */
export function createMemoryReplays(maxKept = defaultMaxKept): ReplayMemory {
  return attachReplays(allocateReplays({ maxKept, workers: 1 }), 0)
}

/**
 * Remembers what was used, in memory that threads share, until it is refused for its age anyway. Bounded: where there is no
 * room beside what must still be remembered, nothing more is let in, because forgetting would open a door (RFC 9449 11.1).
 *
 * Keys are known by keyed digests: that one is taken for another, and refused, happens once in some 500 million uses.
 *
 * @param worker number of this thread, of no other that lives
 */
export function attachReplays(memory: ReplaysMemory, worker: number): ReplayMemory {
  const table = new BucketTable(memory.table)
  const locks = new LineLocks(new Int32Array(memory.table.buckets), noteOf(memory, worker), worker)
  const hash = new KeyedHash(memory.secret)

  return {
    use(key, untilMs, nowMs) {
      hash.digest(key)
      const tag = hash.high || 1
      const one = table.lineOf(0, hash.low)
      const other = table.lineOf(0, Math.imul(hash.low, 0x9e3779b1))
      locks.want(one)
      locks.want(other)
      try {
        locks.lock()
        let slot = table.find(one, tag)
        if (slot < 0) slot = table.find(other, tag)
        if (slot >= 0 && table.fullAtMs(slot) > nowMs) return 'again'
        if (slot < 0) slot = table.claim(one, other, tag, nowMs)
        if (slot < 0) return 'full'
        table.fill(slot, untilMs)
        return 'first'
      } finally {
        locks.unlock()
      }
    },
  }
}

/** Frees what a thread had locked when it died. Called once it is gone, before another gets its number. */
export function releaseReplaysAfterDeath(memory: ReplaysMemory, worker: number): void {
  unlockAfterDeath(new Int32Array(memory.table.buckets), noteOf(memory, worker), worker)
}

function noteOf({ notes }: ReplaysMemory, worker: number): Int32Array {
  return new Int32Array(notes, worker * noteWords * 4, noteWords)
}
