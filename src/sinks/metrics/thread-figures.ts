import {
  constants,
  type EventLoopUtilization,
  monitorEventLoopDelay,
  PerformanceObserver,
  performance,
} from 'node:perf_hooks'
import { getHeapStatistics } from 'node:v8'
import type { WorkerMetrics } from './record-metrics.ts'

/** What a data-plane thread holds at the moment. */
export interface ThreadSources {
  readonly inFlight: () => number
  readonly connections: () => number
  /** Connections that ended without a request so far, by reason. */
  readonly unserved: () => ReadonlyMap<string, number>
  readonly upstreams: () => readonly UpstreamFigures[]
}

/** Connections to one upstream, as the pool counts them. */
export interface UpstreamFigures {
  readonly name: string
  readonly connected: number
  readonly free: number
  readonly running: number
  readonly pending: number
  readonly breaker: keyof typeof breakerLevels
}

/** As a number, so that a rule can alert on it. */
const breakerLevels = { closed: 0, halfOpen: 1, open: 2 } as const

export interface ThreadFigures {
  /** Notes what is now; otherwise that is done every second. */
  sample(): void
  stop(): void
}

const sampleEveryMs = 1000
/** The delay of the event loop is told for so many samples, so that a peak is not gone before a scrape. */
const delaySamples = 15

/** Writes a thread's gauges beside its counters. Costs a timer, and nothing for a request. */
export function watchThread(metrics: WorkerMetrics, worker: number, sources: ThreadSources): ThreadFigures {
  const label = [String(worker)]
  const delay = monitorEventLoopDelay({ resolution: 20 })
  delay.enable()
  const collections = watchCollections(metrics)
  const upstreams = new Set<string>()
  const unserved = new Map<string, number>()
  let utilization: EventLoopUtilization = performance.eventLoopUtilization()
  let samples = 0
  const timer = setInterval(tick, sampleEveryMs)
  timer.unref()
  sample()
  return { sample, stop }

  function tick(): void {
    sample()
    const now = performance.eventLoopUtilization()
    metrics.set('eventLoopUtilization', label, performance.eventLoopUtilization(now, utilization).utilization)
    utilization = now
    if (++samples % delaySamples === 0) delay.reset()
  }

  function sample(): void {
    metrics.set('activeRequests', [], sources.inFlight())
    metrics.set('connections', [], sources.connections())
    for (const [reason, times] of sources.unserved()) {
      metrics.add('connectionsUnserved', [reason], times - (unserved.get(reason) ?? 0))
      unserved.set(reason, times)
    }
    sampleUpstreams(sources.upstreams())
    if (delay.count > 0) {
      metrics.set('eventLoopDelayP50', label, lateness(delay.percentile(50)))
      metrics.set('eventLoopDelayP99', label, lateness(delay.percentile(99)))
      metrics.set('eventLoopDelayMax', label, lateness(delay.max))
    }
    const heap = getHeapStatistics()
    metrics.set('heapUsed', label, heap.used_heap_size)
    metrics.set('heapLimit', label, heap.heap_size_limit)
  }

  function sampleUpstreams(pools: readonly UpstreamFigures[]): void {
    const named = new Set(pools.map(({ name }) => name))
    const gone = [...upstreams].filter((name) => !named.has(name))
    for (const { name, connected, free, running, pending, breaker } of [...pools, ...gone.map(nothing)]) {
      upstreams.add(name)
      metrics.set('upstreamConnections', [name, 'active'], connected - free)
      metrics.set('upstreamConnections', [name, 'idle'], free)
      metrics.set('upstreamRequests', [name, 'running'], running)
      metrics.set('upstreamRequests', [name, 'pending'], pending)
      metrics.set('upstreamBreaker', [name], breakerLevels[breaker])
    }
  }

  function stop(): void {
    clearInterval(timer)
    delay.disable()
    collections.disconnect()
  }
}

/** A reload took the upstream away. */
function nothing(name: string): UpstreamFigures {
  return { name, connected: 0, free: 0, running: 0, pending: 0, breaker: 'closed' }
}

/** The monitor counts the interval of its own timer in; what is told is only what was over it. */
function lateness(nanoseconds: number): number {
  return Math.max(0, nanoseconds / 1e9 - 0.02)
}

const kinds: ReadonlyMap<unknown, string> = new Map([
  [constants.NODE_PERFORMANCE_GC_MAJOR, 'major'],
  [constants.NODE_PERFORMANCE_GC_MINOR, 'minor'],
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL, 'incremental'],
  [constants.NODE_PERFORMANCE_GC_WEAKCB, 'weakcb'],
])

interface CollectionEntry extends PerformanceEntry {
  readonly detail?: { readonly kind?: number }
}

function watchCollections(metrics: WorkerMetrics): PerformanceObserver {
  const observer = new PerformanceObserver((list) => {
    for (const { duration, detail } of list.getEntries() as CollectionEntry[]) {
      const kind = kinds.get(detail?.kind) ?? 'other'
      metrics.observe('gcDuration', [kind], duration / 1000)
    }
  })
  observer.observe({ entryTypes: ['gc'] })
  return observer
}
