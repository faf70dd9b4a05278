import { collect, type Sample } from './metrics/collect.ts'
import { allocateMetrics, type MetricsMemory } from './metrics/memory.ts'
import { type Gauges, processFigures } from './metrics/process-figures.ts'
import { type Exposition, expose } from './metrics/prometheus.ts'
import { attachMetrics, type WorkerMetrics } from './metrics/record-metrics.ts'
import { type ThreadSources, watchThread } from './metrics/thread-figures.ts'

/** Metrics of a process whose only worker is the calling thread. */
export interface Metrics extends WorkerMetrics {
  /** From then on tells what the thread holds. Ends with `stop`. */
  watch(sources: ThreadSources): void
  figures(gauges: Gauges): readonly Sample[]
  expose(gauges: Gauges, accept?: string): Exposition
  stop(): void
}

export function createMetrics(): Metrics {
  const memory = allocateMetrics({ workers: 1 })
  const worker = attachMetrics(memory, 0)
  let watched: ReturnType<typeof watchThread> | null = null
  return {
    write: (ending) => worker.write(ending),
    add: (family, labels, count) => worker.add(family, labels, count),
    set: (family, labels, value) => worker.set(family, labels, value),
    observe: (family, labels, value) => worker.observe(family, labels, value),
    watch(sources) {
      watched = watchThread(worker, 0, sources)
    },
    figures(gauges) {
      watched?.sample()
      return allFigures(memory, gauges)
    },
    expose(gauges, accept) {
      watched?.sample()
      return exposeMetrics(memory, gauges, accept)
    },
    stop: () => watched?.stop(),
  }
}

/** Figures of all workers and of the process. */
export function allFigures(memory: MetricsMemory, gauges: Gauges): readonly Sample[] {
  return [...collect(memory), ...processFigures(gauges)]
}

/** @param accept the scraper's `Accept` */
export function exposeMetrics(memory: MetricsMemory, gauges: Gauges, accept = ''): Exposition {
  return expose(allFigures(memory, gauges), accept)
}
