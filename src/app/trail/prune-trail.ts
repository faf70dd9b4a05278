import type { Hold, PruneRecord, TrailRow, TrailStore } from '../../engine/trail-store.ts'
import { signPruning } from '../../sinks/trail/checkpoint.ts'
import { apart, entriesAtOnce } from '../../sinks/trail/grouped-entries.ts'
import type { SigningKey } from '../../sinks/trail/signing-key.ts'
import { factsOf } from './entry-facts.ts'

export interface Pruned {
  readonly chains: number
  readonly entries: number
}

/**
 * Removes the entries of each chain that are older than a moment, up to the first that is under a hold, and puts a signed
 * record in their place.
 * @param beforeMs epoch milliseconds
 */
export async function pruneTrail(store: TrailStore, key: SigningKey, beforeMs: number): Promise<Pruned> {
  const holds = await store.holds()
  let chains = 0
  let entries = 0
  for (const { chain, sequence, pruned } of await store.chains()) {
    const from = pruned?.sequence ?? 0
    const old = await lastBefore(store, chain, from, sequence, beforeMs)
    const last = holds.length === 0 || old === null ? old : await lastFree(store, chain, from, old, holds)
    if (last === null) continue
    const record: PruneRecord = signPruning(
      chain,
      { sequence: last.sequence, hash: last.hash, timeMs: beforeMs },
      key,
    )
    await store.prune(chain, record)
    chains++
    entries += last.sequence - from
  }
  return { chains, entries }
}

/** Times never decrease within a chain, so the last entry before a moment is found by halving. */
export async function lastBefore(
  store: TrailStore,
  chain: string,
  from: number,
  to: number,
  beforeMs: number,
): Promise<TrailRow | null> {
  let low = from
  let high = to
  let found: TrailRow | null = null
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    const [row] = await store.read(chain, middle - 1, 1)
    if (row && row.timeMs < beforeMs) {
      found = row
      low = middle
    } else high = middle - 1
  }
  return found
}

/** The last entry up to which none is under a hold. */
async function lastFree(
  store: TrailStore,
  chain: string,
  from: number,
  old: TrailRow,
  holds: readonly Hold[],
): Promise<TrailRow | null> {
  let last: TrailRow | null = null
  while ((last?.sequence ?? from) < old.sequence) {
    const rows = await store.read(chain, last?.sequence ?? from, entriesAtOnce)
    if (rows.length === 0) return last
    for (const row of rows) {
      if (row.sequence > old.sequence || isHeld(row, holds)) return last
      last = row
    }
  }
  return last
}

function isHeld({ text }: TrailRow, holds: readonly Hold[]): boolean {
  return apart(text).some((one) => {
    const entry = factsOf(one)
    // What was tampered with says no more whether it is under a hold.
    return entry === null || holds.some(({ field, value }) => entry[field] === value)
  })
}
