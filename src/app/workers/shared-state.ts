import { randomBytes } from 'node:crypto'
import type { Places, ReplayMemory } from '../../engine/ports.ts'
import type { Sample } from '../../sinks/metrics/collect.ts'
import { releaseAfterDeath as releaseMetricsAfterDeath } from '../../sinks/metrics/collect.ts'
import { allocateMetrics, type MetricsMemory } from '../../sinks/metrics/memory.ts'
import type { Gauges as AllGauges } from '../../sinks/metrics/process-figures.ts'
import type { Exposition } from '../../sinks/metrics/prometheus.ts'
import { attachMetrics, type WorkerMetrics } from '../../sinks/metrics/record-metrics.ts'
import { allFigures, exposeMetrics } from '../../sinks/metrics.ts'
import type { ResourceFacts } from '../../sinks/otlp/encode.ts'
import {
  allocateCounters,
  type CountersMemory,
  releaseAfterDeath as releaseBucketsAfterDeath,
} from '../../stores/counters-memory.ts'
import { attachCounters, type LocalCounters } from '../../stores/memory-counters.ts'
import {
  allocatePlaces,
  attachPlaces,
  countPlaces,
  type PlacesMemory,
  releasePlacesAfterDeath,
} from '../../stores/memory-places.ts'
import {
  allocateReplays,
  attachReplays,
  type ReplaysMemory,
  releaseReplaysAfterDeath,
} from '../../stores/memory-replays.ts'
import {
  allocateHolds,
  attachHolds,
  type Holds,
  type HoldsMemory,
  releaseHoldsAfterDeath,
} from '../../stores/shared-holds.ts'
import { allocateLastExports, type LastExportsMemory } from '../last-exports.ts'
import { allocateSharedCounters, type SharedCountersMemory } from '../shared-counters.ts'
import { resourceFacts } from '../telemetry.ts'
import { allocateLogLinks, type LogLinksMemory, releaseLogLinkAfterDeath } from './log-link.ts'

/** What the workers of one process have in common. Crosses threads by structured clone; memory in it is shared. */
export interface SharedState {
  readonly workers: number
  readonly buckets: CountersMemory
  readonly replays: ReplaysMemory
  /** Connections of clients, by socket peer. */
  readonly connections: HoldsMemory
  /** Of requests in flight, under caps. */
  readonly places: PlacesMemory
  readonly metrics: MetricsMemory
  readonly counting: SharedCountersMemory
  /** Lines of threads on their way to the control plane. */
  readonly logLinks: LogLinksMemory
  /** Of records for a collector, likewise. */
  readonly recordLinks: LogLinksMemory
  readonly lastExports: LastExportsMemory
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
/** Four for each address of a hundred thousand, more than a process of Node.js serves at once; unreal until it is used. */
const connectionSlots = 400_000
/** Four for each key that twenty thousand requests in flight may be counted by. */
const placeSlots = 80_000
const fingerprintKeyBytes = 32
const ticketKeyBytes = 48

export function allocateSharedState(workers: number): SharedState {
  return {
    workers,
    // The control plane looks at the buckets as well, under the number after those of the workers.
    buckets: allocateCounters({ workers: workers + 1, alone: workers === 1 }),
    replays: allocateReplays({ workers }),
    lastExports: allocateLastExports(),
    connections: allocateHolds(connectionSlots, workers),
    places: allocatePlaces(placeSlots, workers),
    metrics: allocateMetrics({ workers }),
    counting: allocateSharedCounters(workers),
    logLinks: allocateLogLinks(workers),
    recordLinks: allocateLogLinks(workers),
    nonceKey: randomBytes(nonceKeyBytes),
    fingerprintKey: randomBytes(fingerprintKeyBytes),
    ticketKeys: randomBytes(ticketKeyBytes),
    facts: resourceFacts(),
  }
}

/** What one worker works on. */
export interface AttachedState {
  readonly worker: number
  readonly counters: LocalCounters
  readonly replays: ReplayMemory
  readonly connections: Holds
  readonly places: Places
  readonly metrics: WorkerMetrics
}

export function attachSharedState(shared: SharedState, worker: number): AttachedState {
  return {
    worker,
    counters: attachCounters(shared.buckets, worker),
    replays: attachReplays(shared.replays, worker),
    connections: attachHolds(shared.connections, worker),
    places: attachPlaces(shared.places, worker),
    metrics: attachMetrics(shared.metrics, worker),
  }
}

/** Gives back what a worker held when its thread died. */
export function releaseAfterDeath(shared: SharedState, worker: number): void {
  releaseBucketsAfterDeath(shared.buckets, worker)
  releaseReplaysAfterDeath(shared.replays, worker)
  releaseHoldsAfterDeath(shared.connections, worker)
  releasePlacesAfterDeath(shared.places, worker)
  releaseMetricsAfterDeath(shared.metrics, worker)
  releaseLogLinkAfterDeath(shared.logLinks, worker)
  releaseLogLinkAfterDeath(shared.recordLinks, worker)
}

/** What only the control plane knows. */
export type Gauges = Omit<AllGauges, 'buckets' | 'places'>

/** Tells the figures of all workers and of the process. */
export interface Figures {
  readonly samples: () => Promise<readonly Sample[]>
  /** @param accept the scraper's `Accept` */
  readonly expose: (accept: string) => Promise<Exposition>
}

export function openFigures(shared: SharedState, own: Gauges): Figures {
  const buckets = attachCounters(shared.buckets, shared.workers)
  const gauges = async (): Promise<AllGauges> => {
    const live = { size: await buckets.countLive(Date.now()), overflowed: buckets.countOverflowed() }
    return { ...own, buckets: () => live, places: () => countPlaces(shared.places) }
  }
  return {
    samples: async () => allFigures(shared.metrics, await gauges()),
    expose: async (accept) => exposeMetrics(shared.metrics, await gauges(), accept),
  }
}
