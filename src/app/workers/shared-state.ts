import { randomBytes } from 'node:crypto'
import type { Counters, ReplayMemory } from '../../engine/ports.ts'
import type { Sample } from '../../sinks/metrics/collect.ts'
import { allocateMetrics, type MetricsMemory } from '../../sinks/metrics/memory.ts'
import type { Gauges as AllGauges } from '../../sinks/metrics/process-figures.ts'
import type { Exposition } from '../../sinks/metrics/prometheus.ts'
import { attachMetrics, type WorkerMetrics } from '../../sinks/metrics/record-metrics.ts'
import { allFigures, exposeMetrics } from '../../sinks/metrics.ts'
import type { ResourceFacts } from '../../sinks/otlp/encode.ts'
import { createMemoryCounters, type MemoryCounters } from '../../stores/memory-counters.ts'
import { createMemoryReplays } from '../../stores/memory-replays.ts'
import { resourceFacts } from '../telemetry.ts'

/** What the workers of one process have in common. Crosses threads by structured clone; memory in it is shared. */
export interface SharedState {
  readonly workers: number
  readonly metrics: MetricsMemory
  /** Of DPoP nonces (RFC 9449 8): what one worker hands out, another takes. */
  readonly nonceKey: Uint8Array
  /** Of fingerprints of tokens in records: all workers name one token alike. */
  readonly fingerprintKey: Uint8Array
  /** Of TLS session tickets (RFC 5077 4): a session that one worker began, another resumes. */
  readonly ticketKeys: Uint8Array
  /** What every thread says of the process to a collector. */
  readonly facts: ResourceFacts
}

const nonceKeyBytes = 32
const fingerprintKeyBytes = 32
const ticketKeyBytes = 48

export function allocateSharedState(workers: number): SharedState {
  return {
    workers,
    metrics: allocateMetrics({ workers }),
    nonceKey: randomBytes(nonceKeyBytes),
    fingerprintKey: randomBytes(fingerprintKeyBytes),
    ticketKeys: randomBytes(ticketKeyBytes),
    facts: resourceFacts(),
  }
}

/** What one worker works on. */
export interface AttachedState {
  readonly worker: number
  readonly counters: Counters
  readonly replays: ReplayMemory
  readonly metrics: WorkerMetrics
}

const local = new WeakMap<SharedState, MemoryCounters>()

export function attachSharedState(shared: SharedState, worker: number): AttachedState {
  return {
    worker,
    counters: attachLocal(shared),
    replays: createMemoryReplays(),
    metrics: attachMetrics(shared.metrics, worker),
  }
}

function attachLocal(shared: SharedState): MemoryCounters {
  let known = local.get(shared)
  if (!known) {
    known = createMemoryCounters()
    local.set(shared, known)
  }
  return known
}

/** Gives back what a worker held when its thread died. */
export function releaseAfterDeath(_shared: SharedState, _worker: number): void {}

/** What only the control plane knows. */
export type Gauges = Omit<AllGauges, 'buckets'>

/** Figures of all workers and of the process. */
export function figuresOf(shared: SharedState, gauges: Gauges): readonly Sample[] {
  return allFigures(shared.metrics, { ...gauges, buckets: () => attachLocal(shared) })
}

/** @param accept the scraper's `Accept` */
export function exposeFigures(shared: SharedState, gauges: Gauges, accept: string): Exposition {
  return exposeMetrics(shared.metrics, { ...gauges, buckets: () => attachLocal(shared) }, accept)
}
