import type { BucketState, Taken } from '../../src/engine/ports.ts'
import type { LimitPlan, SharingPlan } from '../../src/program/program.ts'
import type { RedisSettings } from '../../src/program/settings.ts'
import { connectCounters } from '../../src/stores/connect-counters.ts'
import { createMemoryCounters } from '../../src/stores/memory-counters.ts'
import type { StoreEvent } from '../../src/stores/store-circuit.ts'
import {
  allocateStoreFigures,
  readStoreFigures,
  type StoreFigures,
  WorkerFigures,
} from '../../src/stores/store-figures.ts'
import { keyNamed } from './key-named.ts'

/** One gateway with one worker, as far as limits are concerned. */
export interface CountingGateway {
  readonly events: readonly StoreEvent[]
  readonly figures: StoreFigures
  waitingFor(): string | null
  /** A take of one of each. */
  take(limits: readonly LimitPlan[], key?: string, cost?: number): Promise<Taken>
  stop(): Promise<void>
}

let gateways = 0

/**
 * @param unready do not wait for the store
 * @param knownGateways of a worker that takes the place of another
 */
export async function startCounting(
  settings: RedisSettings,
  unready?: 'unready',
  knownGateways = 0,
): Promise<CountingGateway> {
  const memory = allocateStoreFigures(1)
  const events: StoreEvent[] = []
  const local = createMemoryCounters(1000)
  const ready = Promise.withResolvers<void>()
  const { counters, waitingFor, stop } = await connectCounters({
    settings,
    local,
    gateway: `gateway-${++gateways}`,
    figures: new WorkerFigures(memory, 0),
    knownGateways,
    onEvent: (event) => events.push(event),
    onReady: ready.resolve,
  })
  if (!unready) await ready.promise
  return {
    events,
    waitingFor,
    stop,
    get figures() {
      return readStoreFigures(memory)
    },
    take: async (limits, name = 'alice', cost = 1) =>
      counters.take(
        limits.map((limit) => ({ limit, key: keyNamed(name), cost })),
        Date.now(),
      ),
  }
}

export function sharedLimit(
  name: string,
  rate: number,
  burst: number,
  sharing: Partial<SharingPlan> | null = {},
  windowSeconds = 86_400,
): LimitPlan {
  return {
    name,
    by: [{ property: 'subject' }],
    rate,
    windowSeconds,
    burst,
    ipv6PrefixBits: 64,
    ...(sharing && { sharing: { mode: 'exact', lease: 0, onStoreFault: 'local', ...sharing } }),
  }
}

/** Takes at once from several gateways, in turns; how many were allowed. */
export async function allowedOf(
  gateways: readonly CountingGateway[],
  count: number,
  limits: readonly LimitPlan[],
  key?: string,
): Promise<number> {
  const all = Array.from({ length: count }, (_, turn) =>
    (gateways[turn % gateways.length] as CountingGateway).take(limits, key),
  )
  return (await Promise.all(all)).filter(({ allowed }) => allowed).length
}

export const remaining = ({ states }: { readonly states: readonly BucketState[] }): readonly number[] =>
  states.map((state) => state.remaining)

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
