import { draw, peek } from '../engine/limit/draw.ts'
import type { BucketState, Counters, Draw, Taken } from '../engine/ports.ts'

export interface MemoryCounters extends Counters {
  /** Buckets held now. */
  readonly size: number
  /** Takes that had to share an overflow bucket because the table was full of callers being held back. */
  readonly overflowed: number
}

const sweepPerTake = 8

/**
 * Token buckets in this process. Bounded: buckets that are full again are forgotten, a few at every take; when all
 * that are left hold somebody back, newcomers share one bucket a limit instead of pushing anyone out.
 *
 * @param maxKeys most buckets at a time
 */
export function createMemoryCounters(maxKeys = 1_000_000): MemoryCounters {
  const buckets = new Map<string, number>()
  let cursor = buckets.entries()
  let overflowed = 0

  return {
    take,
    get size() {
      return buckets.size
    },
    get overflowed() {
      return overflowed
    },
  }

  function take(draws: readonly Draw[], nowMs: number): Taken {
    sweep(nowMs)
    const keys = draws.map(({ limit, key }) => bucketKey(`${limit.name} ${key}`, limit.name))
    const drawn = draws.map(({ limit, cost }, index) =>
      draw(buckets.get(keys[index] as string), limit, cost, nowMs),
    )
    const allowed = drawn.every((one) => one.allowed)
    const states: BucketState[] = []
    for (const [index, one] of drawn.entries()) {
      const key = keys[index] as string
      // All or nothing: where one limit denies, no other is charged.
      if (allowed) buckets.set(key, one.fullAtMs)
      const { limit } = draws[index] as Draw
      const { remaining, resetMs, retryMs } =
        allowed || !one.allowed ? one : peek(buckets.get(key), limit, nowMs)
      states.push({ remaining, resetMs, retryMs })
    }
    return { allowed, states }
  }

  function bucketKey(key: string, limitName: string): string {
    if (buckets.has(key) || buckets.size < maxKeys) return key
    overflowed++
    return `${limitName} overflow`
  }

  function sweep(nowMs: number): void {
    if (buckets.size === 0) return
    for (let i = 0; i < sweepPerTake; i++) {
      const next = cursor.next()
      if (next.done) {
        cursor = buckets.entries()
        return
      }
      if (next.value[1] <= nowMs) buckets.delete(next.value[0])
    }
  }
}
