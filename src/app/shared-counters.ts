import { randomUUID } from 'node:crypto'
import { codeOfError } from '../base/code-of-error.ts'
import type { StateSettings } from '../program/settings.ts'
import { type ConnectedCounters, connectCounters } from '../stores/connect-counters.ts'
import type { LocalCounters } from '../stores/memory-counters.ts'
import type { StoreEvent } from '../stores/store-circuit.ts'
import {
  allocateStoreFigures,
  readStoreFigures,
  type StoreFigures,
  type StoreFiguresMemory,
  WorkerFigures,
} from '../stores/store-figures.ts'
import { StartError } from './start-error.ts'

/** What the workers of a process have in common beside their buckets; crosses threads by structured clone. */
export interface SharedCountersMemory {
  /** Id of this process among the gateways that share a store. */
  readonly gateway: string
  readonly figures: StoreFiguresMemory
}

export function allocateSharedCounters(workers: number): SharedCountersMemory {
  return { gateway: randomUUID(), figures: allocateStoreFigures(workers) }
}

/**
 * The counters of one worker: those of this process, or in front of them those that gateways share. A server that does not
 * answer is no reason not to start: the gateway is unready until it does.
 * @param local counts what is not shared, and everything while the store is gone; one for all workers of the process
 * @throws StartError when the driver is not installed
 */
export async function attachSharedCounters(
  { gateway, figures }: SharedCountersMemory,
  worker: number,
  state: StateSettings,
  local: LocalCounters,
  events: { readonly onEvent: (event: StoreEvent) => void; readonly onReady: () => void },
): Promise<ConnectedCounters> {
  if (state.kind === 'memory') return { counters: local, waitingFor: () => null, stop: async () => {} }
  try {
    return await connectCounters({
      settings: state,
      local,
      gateway,
      figures: new WorkerFigures(figures, worker),
      knownGateways: readStoreFigures(figures).gateways,
      ...events,
    })
  } catch (error) {
    throw new StartError(codeOfError(error))
  }
}

/** For metrics; null where nothing is shared. */
export function sharedCounterFigures(
  memory: SharedCountersMemory,
  state: StateSettings,
): StoreFigures | null {
  return state.kind === 'memory' ? null : readStoreFigures(memory.figures)
}
