import { percentile, requestsFile, runClient, wireRequest } from './client.ts'
import { measureIdle } from './idle.ts'
import { type Spread, shown, spreadOf, table } from './statistics.ts'
import { type Started, startPortcullis } from './subjects.ts'
import type { Orders, Received } from './traffic.ts'
import type { World } from './world.ts'

/** What a gateway does at one load, by round. */
interface LoadFigures {
  readonly load: string
  readonly sentRps: Spread
  readonly servedRps: Spread
  readonly shedRps: Spread
  /** Delay of what is served above that of a gateway with hardly anything to do. */
  readonly queueDelayP50Us: Spread
  readonly queueDelayP99Us: Spread
}

const seconds = 2
/** So few that what waits is served before it is late: the gateway is busy all the time and turns nobody away. */
const saturating = 12
const connections = 256
const loads = { 'hardly any': 0.05, '70 %': 0.7, '200 %': 2 } as const

/**
 * What shedding costs and saves. P is the CPU time of a served request when the gateway is busy all the time, S that of one
 * that is shed, from what the runs at twice the capacity spent beside the served ones.
 */
export async function measureOverload(world: World, rounds: number): Promise<object> {
  const gateway = await startPortcullis(world, '')
  try {
    const shedding = await measureShedding(world, gateway, rounds)
    return { ...shedding, idle: await measureIdle(world) }
  } finally {
    gateway.stop()
  }
}

async function measureShedding(world: World, gateway: Started, rounds: number) {
  const file = requestsFile(world, 'overload', [wireRequest(world.token)])
  const port = Number(new URL(gateway.origin).port)
  const orders = (rate: number | null): Orders => ({
    port,
    from: ['127.0.0.1'],
    connections: rate === null ? saturating : connections,
    rate,
    seconds,
    file,
  })
  const timed = async (rate: number | null) => {
    const before = gateway.cpuUs()
    const received = await runClient(orders(rate))
    return { ...received, cpuUs: gateway.cpuUs() - before }
  }
  for (let i = 0; i < 3; i++) await timed(null)
  const saturated: Awaited<ReturnType<typeof timed>>[] = []
  const runs = Object.keys(loads).map((): Awaited<ReturnType<typeof timed>>[] => [])
  for (let round = 0; round < rounds; round++) {
    const own = await timed(null)
    saturated.push(own)
    const capacity = served(own) / seconds
    for (const [index, share] of Object.values(loads).entries())
      runs[index]?.push(await timed(capacity * share))
  }
  const passUs = saturated.map((run) => run.cpuUs / run.latenciesUs.length)
  const [quiet = [], busy = [], flooded = []] = runs
  const shedUs = flooded.map((run, i) => (run.cpuUs - served(run) * (passUs[i] ?? 0)) / shed(run))
  const goodput = flooded.map((run, i) => served(run) / served(saturated[i] as Received))
  const lawful = shedUs.map((s, i) => {
    const p = passUs[i] ?? Number.NaN
    const factor = flooded[i] ? flooded[i].sent / served(saturated[i] as Received) : 2
    return (p - factor * s) / (p - s)
  })
  const base = (percent: number) => spreadOf(quiet.map((one) => percentile(delaysOf(one), percent))).median
  const delays = (of: readonly Received[], percent: number) =>
    spreadOf(of.map((one) => percentile(delaysOf(one), percent) - base(50)))
  const figures = [quiet, busy, flooded].map(
    (own, index): LoadFigures => ({
      load: Object.keys(loads)[index] ?? '',
      sentRps: spreadOf(own.map(({ sent }) => sent / seconds)),
      servedRps: spreadOf(own.map((run) => served(run) / seconds)),
      shedRps: spreadOf(own.map((run) => shed(run) / seconds)),
      queueDelayP50Us: delays(own, 50),
      queueDelayP99Us: delays(own, 99),
    }),
  )
  const told = {
    capacityRps: spreadOf(saturated.map((run) => served(run) / seconds)),
    passUs: spreadOf(passUs),
    shedUs: spreadOf(shedUs),
    goodput: spreadOf(goodput),
    lawfulGoodput: spreadOf(lawful),
    goodputOfLawful: spreadOf(goodput.map((share, i) => share / (lawful[i] ?? Number.NaN))),
    delayRatioP50: spreadOf(busy.map((_, i) => ratioOf(flooded[i], busy[i], 50))),
    delayRatioP99: spreadOf(busy.map((_, i) => ratioOf(flooded[i], busy[i], 99))),
    statuses: flooded.map(({ statuses }) => statuses),
    loads: figures,
  }
  tell(told)
  return told

  function ratioOf(over: Received | undefined, under: Received | undefined, percent: number): number {
    const delay = (run: Received | undefined) => percentile(run ? delaysOf(run) : [], percent) - base(50)
    return delay(over) / delay(under)
  }
}

function tell(told: Awaited<ReturnType<typeof measureShedding>>): void {
  const rows = told.loads.map((one) => [
    one.load,
    shown(one.sentRps),
    shown(one.servedRps),
    shown(one.shedRps),
    shown(one.queueDelayP50Us),
    shown(one.queueDelayP99Us),
  ])
  console.log(
    `overload: capacity ${shown(told.capacityRps)}/s; a pass P ${shown(told.passUs, 1)} µs, a shed request S ${shown(told.shedUs, 1)} µs
goodput at twice the capacity ${shown(told.goodput, 2)} of it, the law allows ${shown(told.lawfulGoodput, 2)}: ${shown(told.goodputOfLawful, 2)} of that
queue delay at 200 % over that at 70 %: p50 ${shown(told.delayRatioP50, 1)}, p99 ${shown(told.delayRatioP99, 1)}
${table([['load', 'sent/s', 'served/s', 'shed/s', 'queue delay p50 µs', 'p99 µs'], ...rows])}\n`,
  )
}

function shed({ statuses }: Received): number {
  return statuses['503'] ?? 0
}

function delaysOf({ byStatusUs }: Received): readonly number[] {
  return byStatusUs['200'] ?? []
}

function served({ statuses }: Received): number {
  return statuses['200'] ?? 0
}
