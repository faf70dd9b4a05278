import { collect, type Sample } from './metrics/collect.ts'
import type { MetricsMemory } from './metrics/memory.ts'
import { type Gauges, processFigures } from './metrics/process-figures.ts'
import { type Exposition, expose } from './metrics/prometheus.ts'

/** Figures of all workers and of the process. */
export function allFigures(memory: MetricsMemory, gauges: Gauges): readonly Sample[] {
  return [...collect(memory), ...processFigures(gauges)]
}

/** @param accept the scraper's `Accept` */
export function exposeMetrics(memory: MetricsMemory, gauges: Gauges, accept = ''): Exposition {
  return expose(allFigures(memory, gauges), accept)
}
