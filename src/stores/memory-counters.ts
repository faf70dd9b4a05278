import { holdBack } from '../engine/limit/back-off.ts'
import { type Drawn, draw, peek } from '../engine/limit/draw.ts'
import type { BucketState, Counters, Draw, Taken } from '../engine/ports.ts'
import { BucketTable } from './bucket-table.ts'
import { KeyedHash } from './keyed-hash.ts'

export interface MemoryCounters extends Counters {
  /** Buckets that are not full. Looks at all of them. */
  readonly size: number
  /** Takes that had to share an overflow bucket because there was no room beside callers being held back. */
  readonly overflowed: number
}

/**
 * Token buckets in this process. Bounded: a bucket that is full again makes room; where all that could be given away hold
 * somebody back, newcomers share one bucket a limit instead of pushing anyone out.
 *
 * @param keys live buckets at a time, beyond which it becomes likely that some share
 */
export function createMemoryCounters(keys = 1_000_000): MemoryCounters {
  const table = new BucketTable(keys)
  const hash = new KeyedHash()
  const overflowIndexes = new Map<string, number>()
  let overflowed = 0
  /** Instants are kept as milliseconds since the first take: of those since 1970 a double keeps no microseconds. */
  let epochMs: number | null = null
  let latestMs = 0

  return {
    take,
    get size() {
      return table.countLive(latestMs)
    },
    get overflowed() {
      return overflowed
    },
  }

  function take(draws: readonly Draw[], atMs: number): Taken {
    epochMs ??= atMs - 1
    const nowMs = atMs - epochMs
    latestMs = nowMs
    const slots: number[] = []
    const drawn: Drawn[] = []
    let allowed = true
    for (const asked of draws) {
      const slot = slotOf(asked, nowMs)
      const one = draw(table.fullAtMs(slot), asked.limit, asked.cost, nowMs)
      if (!one.allowed) allowed = false
      slots.push(slot)
      drawn.push(one)
    }
    const states = drawn.map((one, index) => {
      const slot = slots[index] as number
      // All or nothing: where one limit denies, no other is charged.
      if (allowed) table.fill(slot, one.fullAtMs)
      if (!one.allowed) return deny(slot, one, nowMs)
      return stateOf(allowed ? one : peek(table.fullAtMs(slot), (draws[index] as Draw).limit, nowMs), 0)
    })
    return { allowed, states }
  }

  function deny(slot: number, drawn: Drawn, nowMs: number): BucketState {
    const held = holdBack(table.heldBack(slot), drawn.retryMs, nowMs)
    table.holdBack(slot, held)
    return stateOf(drawn, held.toldAtMs + held.waitMs - nowMs)
  }

  function slotOf({ limit, key }: Draw, nowMs: number): number {
    hash.digest(`${limit.name} ${key}`)
    const slot = table.find(hash.low, hash.high, nowMs)
    if (slot >= 0) return slot
    overflowed++
    return table.overflowSlot(overflowIndex(limit.name))
  }

  function overflowIndex(limitName: string): number {
    const known = overflowIndexes.get(limitName)
    if (known !== undefined) return known
    const next = overflowIndexes.size
    overflowIndexes.set(limitName, next)
    return next
  }
}

function stateOf({ remaining, resetMs, retryMs }: Drawn, backOffMs: number): BucketState {
  return { remaining, resetMs, retryMs, backOffMs }
}
