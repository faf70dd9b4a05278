import type { Counters, Draw } from '../src/engine/ports.ts'
import type { LimitPlan, SharingPlan } from '../src/program/program.ts'
import { type ConnectedCounters, connectCounters } from '../src/stores/connect-counters.ts'
import { createMemoryCounters, type LocalCounters } from '../src/stores/memory-counters.ts'
import { allocateStoreFigures, readStoreFigures, WorkerFigures } from '../src/stores/store-figures.ts'
import { startRedis } from '../test/harness/redis.ts'
import { type Spread, shown, spreadOf } from './statistics.ts'

interface RedisFigures {
  readonly name: string
  readonly limits: number
  /** CPU of this process for one take, beyond a loop that takes nothing, microseconds. */
  readonly cpuUs: Spread
  readonly takesPerSecond: Spread
  /** Takes sent to the server, for each take of a request. */
  readonly asked: number
}

const takes = 20_000
const concurrency = 64
const keys = 1000
const lease = 20

/** Takes of the counters against a server on loopback: many under way at a time, as in a gateway under load. */
export async function measureRedis(rounds: number): Promise<readonly RedisFigures[]> {
  const redis = await startRedis()
  const memory = allocateStoreFigures(1)
  const local = createMemoryCounters()
  const store = await connected(redis.settings, local, memory)
  const exact: SharingPlan = { mode: 'exact', lease: 0, onStoreFault: 'deny' }
  const leased: SharingPlan = { mode: 'leased', lease, onStoreFault: 'deny' }
  const shared = { memory: local, exact: store.counters, [`leased by ${lease}`]: store.counters }
  const subjects = Object.entries(shared).flatMap(([name, counters]) =>
    [1, 2].map((count) => ({ name, counters, plans: plansOf(count, name === 'exact' ? exact : leased) })),
  )
  const samples = subjects.map(() => ({ cpuUs: [] as number[], rate: [] as number[], asked: 0 }))
  for (let round = -2; round < rounds; round++)
    for (const [index, { counters, plans }] of subjects.entries()) {
      const before = askedOf(memory)
      const empty = await timed(nothing, plans)
      const taking = await timed(counters, plans)
      const sample = samples[index]
      if (round < 0 || !sample) continue
      sample.cpuUs.push(taking.cpuUs - empty.cpuUs)
      sample.rate.push(taking.rate)
      sample.asked += askedOf(memory) - before
    }
  const { late, failed, skipped } = readStoreFigures(memory)
  await store.stop()
  await redis.stop()
  if (late + failed + skipped > 0) throw new Error(`${late} late, ${failed} failed, ${skipped} skipped`)
  const figures = subjects.map(({ name, plans }, index) => ({
    name,
    limits: plans.length,
    cpuUs: spreadOf(samples[index]?.cpuUs ?? []),
    takesPerSecond: spreadOf(samples[index]?.rate ?? []),
    asked: (samples[index]?.asked ?? 0) / (rounds * takes),
  }))
  for (const { name, limits, cpuUs, takesPerSecond, asked } of figures)
    console.log(
      `redis, ${name}, ${limits} ${limits === 1 ? 'limit' : 'limits'}: ${shown(cpuUs, 1)} µs of CPU a take, ${shown(takesPerSecond)} takes/s, ${asked.toFixed(2)} questions to the server a take`,
    )
  return figures
}

const nothing: Counters = { take: () => ({ allowed: true, states: [] }) }

function askedOf(memory: ReturnType<typeof allocateStoreFigures>): number {
  const { answered, borrowed } = readStoreFigures(memory)
  return answered + borrowed
}

function plansOf(count: number, sharing: SharingPlan): readonly LimitPlan[] {
  return Array.from({ length: count }, (_, index) => ({
    name: `${sharing.mode}-${count}-${index}`,
    by: [{ property: 'subject' as const }],
    rate: 100_000,
    windowSeconds: 1,
    burst: 100_000,
    ipv6PrefixBits: 64,
    sharing,
  }))
}

async function connected(
  settings: Parameters<typeof connectCounters>[0]['settings'],
  local: LocalCounters,
  memory: ReturnType<typeof allocateStoreFigures>,
): Promise<ConnectedCounters> {
  return new Promise((resolve, reject) => {
    const made = connectCounters({
      settings: { ...settings, deadlineMs: 1000 },
      local,
      gateway: 'bench',
      figures: new WorkerFigures(memory, 0),
      knownGateways: 0,
      onEvent: () => {},
      onReady: () => void made.then(resolve),
    })
    made.catch(reject)
  })
}

async function timed(
  counters: Counters,
  plans: readonly LimitPlan[],
): Promise<{ readonly cpuUs: number; readonly rate: number }> {
  let sent = 0
  const client = async () => {
    while (sent < takes) {
      const user = nth(sent++) % keys
      const draws = plans.map(
        (limit): Draw => ({
          limit,
          key: { namespace: 'subject https://login.example.com', name: `user-${user}` },
          cost: 1,
        }),
      )
      const answer = counters.take(draws, Date.now())
      const taken = answer instanceof Promise ? await answer : answer
      if (!taken.allowed) throw new Error('a take was denied')
      // Requests come in with turns of the event loop; both sides of the comparison pay for them.
      await nextTurn()
    }
  }
  const [cpu, startedMs] = [process.cpuUsage(), performance.now()]
  await Promise.all(Array.from({ length: concurrency }, client))
  const { user, system } = process.cpuUsage(cpu)
  return { cpuUs: (user + system) / takes, rate: (takes / (performance.now() - startedMs)) * 1000 }
}

let turn: Promise<void> | null = null

function nextTurn(): Promise<void> {
  turn ??= new Promise((resolve) =>
    setImmediate(() => {
      turn = null
      resolve()
    }),
  )
  return turn
}

function nth(index: number): number {
  return Math.imul(index, 2_654_435_761) >>> 0
}
