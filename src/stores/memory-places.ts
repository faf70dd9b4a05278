import { holdBack } from '../engine/limit/back-off.ts'
import { spellKey } from '../engine/limit/spell-key.ts'
import type { PlaceState, Places, Placing } from '../engine/ports.ts'
import {
  type Ask,
  allocateHolds,
  attachHolds,
  type HoldsMemory,
  releaseHoldsAfterDeath,
  sizeOfHolds,
} from './shared-holds.ts'
import { WarningTable } from './warning-table.ts'

/** Places under caps that all threads share; structured clone passes it on. */
export interface PlacesMemory {
  readonly holds: HoldsMemory
  /** What callers who were turned away were told last, beside the slots of their keys. */
  readonly warnings: SharedArrayBuffer
}

const warningBytes = 8
/** Nobody knows when a request will end: as soon as `Retry-After` can say. */
const retryMs = 1000

/** Called once, on the main thread. @param slots keys at a time; up to a quarter of it, one is unlikely to find no room */
export function allocatePlaces(slots: number, workers = 64): PlacesMemory {
  const holds = allocateHolds(slots, workers)
  return { holds, warnings: new SharedArrayBuffer(holds.slots * warningBytes) }
}

/**
 * Places of requests in flight, in memory that threads share: exact under any interleaving, all or nothing over several caps.
 * @param worker number of this thread, of no other that lives
 */
export function attachPlaces(memory: PlacesMemory, worker: number): Places {
  const holds = attachHolds(memory.holds, worker)
  const warnings = new WarningTable(memory.warnings)
  return {
    take(placings, nowMs) {
      const full: { backOffMs: number }[] = []
      const { entered, counts } = holds.enterAll(placings.map(askOf), {
        claimed: (slot) => warnings.forget(slot),
        full: (nth, slot) => {
          const told = holdBack(warnings.read(slot, nowMs), retryMs, nowMs)
          warnings.write(slot, told)
          full[nth] = { backOffMs: told.toldAtMs + told.waitMs - nowMs }
        },
      })
      const states = placings.map(({ cap }, nth): PlaceState => {
        const denied = full[nth]
        if (denied) return { remaining: 0, retryMs, backOffMs: denied.backOffMs }
        return { remaining: Math.max(0, cap.concurrent - (counts[nth] ?? 0)), retryMs: 0, backOffMs: 0 }
      })
      return { allowed: entered, states, held: entered ? placings.map(keyOf) : [] }
    },
    leave(held) {
      for (const key of held) holds.leave(key)
    },
  }
}

/** Places that all threads together hold now. Looks at all of them. */
export function countPlaces({ holds }: PlacesMemory): number {
  return sizeOfHolds(holds)
}

/** Gives back what a thread held when it died. Called once it is gone, before another gets its number. */
export function releasePlacesAfterDeath(memory: PlacesMemory, worker: number): void {
  releaseHoldsAfterDeath(memory.holds, worker)
}

function askOf(placing: Placing): Ask {
  return { key: keyOf(placing), max: placing.cap.concurrent }
}

/** With the length of the cap's name before it no caller's key pretends to be one of another cap. */
function keyOf({ cap, key }: Placing): string {
  return `${cap.name.length}:${cap.name} ${spellKey(key)}`
}
