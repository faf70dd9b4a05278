import type { Counters } from '../engine/ports.ts'
import type { RedisSettings } from '../program/settings.ts'
import { slotOf } from './cluster-slot.ts'
import type { LocalCounters } from './memory-counters.ts'
import { connectRedis } from './redis.ts'
import { RedisBuckets } from './redis-buckets.ts'
import { createStoreCounters } from './redis-counters.ts'
import { type RedisConnection, RedisScript } from './redis-script.ts'
import { heartbeatScript } from './redis-scripts.ts'
import { aliveMs, StoreCircuit, type StoreEvent } from './store-circuit.ts'
import type { WorkerFigures } from './store-figures.ts'
import { TokenLeases } from './token-leases.ts'

const gatewaysKey = 'portcullis:gateways'
/** Of a worker that takes the place of another, for the store to answer, or to be known as gone. */
const firstAnswerMs = 1000

export interface ConnectedCounters {
  readonly counters: Counters
  /** What the limits wait for at a start; null once the store answered. */
  waitingFor(): string | null
  /** Gives back what is on loan, and leaves the gateways. */
  stop(): Promise<void>
}

export interface ConnectOptions {
  readonly settings: RedisSettings
  readonly local: LocalCounters
  /** Id of this process among the gateways, the same for all of its workers. */
  readonly gateway: string
  readonly figures: WorkerFigures
  /** As this process last knew: whoever takes the place of a worker while the store is gone goes on with it. 0 at its start. */
  readonly knownGateways: number
  readonly onEvent: (event: StoreEvent) => void
  readonly onReady: () => void
}

/**
 * Counters in Redis or Valkey, over a connection of their own. A process that starts does not wait for the server. INVARIANT:
 * who takes the place of a worker counts nothing by itself while the server answers the others: its requests come at once.
 * @throws Error with the command that helps, when the driver is not installed
 */
export async function connectCounters(options: ConnectOptions): Promise<ConnectedCounters> {
  const { settings, local, gateway, figures } = options
  const heartbeat = new RedisScript(heartbeatScript)
  const found = Promise.withResolvers<void>()
  const circuit = new StoreCircuit({
    probe: async () => Number(await heartbeat.run(redis, [gatewaysKey], [gateway, `${aliveMs}`])),
    onCounted: (gateways) => figures.set('gateways', gateways),
    knownGateways: options.knownGateways,
    deadlineMs: settings.deadlineMs,
    onEvent(event) {
      note()
      found.resolve()
      options.onEvent(event)
    },
    onReady() {
      note()
      found.resolve()
      options.onReady()
    },
  })
  const redis: RedisConnection = await connectRedis(settings, {
    onReady: () => circuit.connected(),
    onLost: (detail) => circuit.disconnected(detail),
  })
  const partOf = settings.servers.kind === 'cluster' ? slotOf : () => 0
  const buckets = new RedisBuckets({ redis, circuit, deadlineMs: settings.deadlineMs, partOf })
  const leases = new TokenLeases((tokens) => void buckets.giveBack(tokens))
  if (options.knownGateways > 0) await Promise.race([found.promise, timeout(firstAnswerMs)])

  return {
    counters: createStoreCounters({ local, buckets, leases, circuit, figures }),
    waitingFor: () => (circuit.everUp ? null : 'the store of limits'),
    async stop() {
      const leaving = [buckets.giveBack(leases.returnAll()), circuit.up && redis.zrem(gatewaysKey, gateway)]
      await Promise.race([Promise.allSettled(leaving), timeout(settings.deadlineMs)])
      circuit.stop()
      note()
      redis.disconnect()
    },
  }

  function note(): void {
    figures.set('up', Number(circuit.up))
    if (circuit.everUp) figures.set('gateways', circuit.gateways)
  }
}

const timeout = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
