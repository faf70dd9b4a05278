import { randomBytes } from 'node:crypto'
import type { Counters, ReplayMemory } from '../../engine/ports.ts'
import type { RecordSink } from '../../engine/record/ending.ts'
import { createMetrics, type Gauges, type Metrics } from '../../sinks/metrics.ts'
import { createMemoryCounters, type MemoryCounters } from '../../stores/memory-counters.ts'
import { createMemoryReplays } from '../../stores/memory-replays.ts'

/** What the workers of one process have in common. Crosses threads by structured clone; memory in it is shared. */
export interface SharedState {
  readonly workers: number
  /** Of DPoP nonces (RFC 9449 8): what one worker hands out, another takes. */
  readonly nonceKey: Uint8Array
  /** Of TLS session tickets (RFC 5077 4): a session that one worker began, another resumes. */
  readonly ticketKeys: Uint8Array
}

const nonceKeyBytes = 32
const ticketKeyBytes = 48

export function allocateSharedState(workers: number): SharedState {
  return { workers, nonceKey: randomBytes(nonceKeyBytes), ticketKeys: randomBytes(ticketKeyBytes) }
}

/** What one worker works on. */
export interface AttachedState {
  readonly counters: Counters
  readonly replays: ReplayMemory
  readonly metrics: RecordSink
}

const local = new WeakMap<SharedState, AttachedState & { counters: MemoryCounters; metrics: Metrics }>()

export function attachSharedState(shared: SharedState, _worker: number): AttachedState {
  return attachLocal(shared)
}

function attachLocal(shared: SharedState) {
  let known = local.get(shared)
  if (!known) {
    known = { counters: createMemoryCounters(), replays: createMemoryReplays(), metrics: createMetrics() }
    local.set(shared, known)
  }
  return known
}

export function exposeMetrics(shared: SharedState, gauges: Omit<Gauges, 'buckets'>): string {
  const { counters, metrics } = attachLocal(shared)
  return metrics.expose({ ...gauges, buckets: () => counters })
}

/** Gives back what a worker held when its thread died. */
export function releaseAfterDeath(_shared: SharedState, _worker: number): void {}
