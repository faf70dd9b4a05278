import { percentile, requestsFile, runClient, wireRequest } from './client.ts'
import { type Spread, shown, spreadOf, table } from './statistics.ts'
import { type Started, startPortcullis } from './subjects.ts'
import type { Orders, Received } from './traffic.ts'
import type { World } from './world.ts'

/** What a gateway does at one load, by round. */
interface LoadFigures {
  readonly load: string
  /** Of the capacity, as it was sent. */
  readonly factor: Spread
  readonly servedRps: Spread
  readonly shedRps: Spread
  readonly unansweredRps: Spread
  /** Served, as a share of the capacity. */
  readonly goodput: Spread
  /** What is left for it when each of the others costs S. */
  readonly lawfulGoodput: Spread
  /** Delay of what is served above that of a gateway with hardly anything to do. */
  readonly queueDelayP50Us: Spread
  readonly queueDelayP99Us: Spread
  /** With the first half second, in which a queue is not yet known to stand. */
  readonly wholeDelayP99Us: Spread
  /** Of that at 70 %, of the same round. */
  readonly delayRatioP50: Spread
  readonly delayRatioP99: Spread
  readonly clientShare: Spread
}

interface Run extends Received {
  readonly cpuUs: number
}

interface Round {
  readonly saturated: Run
  readonly loads: readonly Run[]
}

const seconds = 4
/** So few that what waits is served before it is late: the gateway is busy all the time and turns nobody away. */
const saturating = 12
const connections = 512
const loads = [0.05, 0.7, 0.9, 1, 1.1, 1.2, 1.3, 2]
const quiet = loads.indexOf(0.05)
const busy = loads.indexOf(0.7)

/**
 * What shedding costs and saves. P is the CPU time of a served request when the gateway is busy all the time, S that of one
 * that is shed, from what the runs at twice the capacity spent beside the served ones.
 */
export async function measureOverload(world: World, rounds: number): Promise<object> {
  const gateway = await startPortcullis(world, '')
  try {
    return await measureShedding(world, gateway, rounds)
  } finally {
    gateway.stop()
  }
}

async function measureShedding(world: World, gateway: Started, rounds: number) {
  const file = requestsFile(world, 'overload', [wireRequest(world.token)])
  const port = Number(new URL(gateway.origin).port)
  const orders = (rate: number | null): Orders => ({
    ports: [port],
    from: ['127.0.0.1'],
    connections: rate === null ? saturating : connections,
    rate,
    seconds,
    file,
  })
  const timed = async (rate: number | null): Promise<Run> => {
    const before = gateway.cpuUs()
    const received = await runClient(orders(rate))
    return { ...received, cpuUs: gateway.cpuUs() - before }
  }
  for (let i = 0; i < 3; i++) await timed(null)
  const all: Round[] = []
  for (let round = 0; round < rounds; round++) {
    process.stderr.write(`\roverload: round ${round + 1} of ${rounds} `)
    const saturated = await timed(null)
    const runs: Run[] = []
    for (const factor of loads) runs.push(await timed((served(saturated) / seconds) * factor))
    all.push({ saturated, loads: runs })
  }
  process.stderr.write('\r\u001b[K')
  const costs = all.map(costsOf)
  const base = spreadOf(all.map((round) => percentile(delaysOf(runOf(round, quiet)), 50))).median
  const told = {
    capacityRps: spreadOf(all.map(({ saturated }) => served(saturated) / seconds)),
    clientShare: spreadOf(all.map(({ saturated }) => saturated.ownShare)),
    passUs: spreadOf(costs.map(({ passUs }) => passUs)),
    shedUs: spreadOf(costs.map(({ shedUs }) => shedUs)),
    goodputOfLawful: spreadOf(
      all.map((round) => goodput(round, loads.length - 1) / lawful(round, loads.length - 1)),
    ),
    loads: loads.map((factor, index) => figuresOf(all, factor, index, base)),
  }
  tell(told)
  return told
}

function figuresOf(all: readonly Round[], factor: number, index: number, base: number): LoadFigures {
  const by = (figure: (round: Round, run: Run) => number) =>
    spreadOf(all.map((round) => figure(round, runOf(round, index))))
  const delay = (run: Run, percent: number) => percentile(delaysOf(run), percent) - base
  const ratio = (percent: number) =>
    by((round, run) => delay(run, percent) / delay(runOf(round, busy), percent))
  return {
    load: `${(factor * 100).toFixed(0)} %`,
    factor: by(({ saturated }, run) => run.sent / served(saturated)),
    servedRps: by((_, run) => served(run) / seconds),
    shedRps: by((_, run) => shed(run) / seconds),
    unansweredRps: by((_, run) => (run.sent - run.latenciesUs.length) / seconds),
    goodput: by((round) => goodput(round, index)),
    lawfulGoodput: by((round) => lawful(round, index)),
    queueDelayP50Us: by((_, run) => delay(run, 50)),
    queueDelayP99Us: by((_, run) => delay(run, 99)),
    wholeDelayP99Us: by((_, run) => percentile(run.byStatusUs['200'] ?? [], 99) - base),
    delayRatioP50: ratio(50),
    delayRatioP99: ratio(99),
    clientShare: by((_, run) => run.ownShare),
  }
}

/** Of the round's own run at twice the capacity: the machine is not the same in all of them. */
function costsOf(round: Round): { readonly passUs: number; readonly shedUs: number } {
  const { saturated } = round
  const flooded = runOf(round, loads.length - 1)
  const passUs = saturated.cpuUs / saturated.latenciesUs.length
  return { passUs, shedUs: (flooded.cpuUs - served(flooded) * passUs) / shed(flooded) }
}

function goodput(round: Round, index: number): number {
  return served(runOf(round, index)) / served(round.saturated)
}

/** At a load of f: (P - f S) / (P - S), and all where there is time for all. */
function lawful(round: Round, index: number): number {
  const { passUs, shedUs } = costsOf(round)
  const factor = runOf(round, index).sent / served(round.saturated)
  return factor <= 1 ? factor : (passUs - factor * shedUs) / (passUs - shedUs)
}

function tell(told: Awaited<ReturnType<typeof measureShedding>>): void {
  const rows = told.loads.map((one) => [
    one.load,
    shown(one.factor, 2),
    shown(one.servedRps),
    shown(one.shedRps),
    shown(one.unansweredRps),
    shown(one.goodput, 2),
    shown(one.lawfulGoodput, 2),
    shown(one.queueDelayP50Us),
    shown(one.queueDelayP99Us),
    shown(one.delayRatioP50, 1),
    shown(one.delayRatioP99, 1),
    shown(one.wholeDelayP99Us),
    shown(one.clientShare, 2),
  ])
  const head = ['load', 'sent', 'served/s', 'shed/s', 'unanswered/s', 'goodput', 'the law allows']
  const delays = [
    'queue delay p50 µs',
    'p99 µs',
    'of 70 %: p50',
    'p99',
    'p99 µs from its beginning',
    'client',
  ]
  console.log(
    `overload: capacity ${shown(told.capacityRps)}/s, the client took ${shown(told.clientShare, 2)} of its core; a pass P ${shown(told.passUs, 1)} µs, a shed request S ${shown(told.shedUs, 1)} µs
goodput at twice the capacity ${shown(told.goodputOfLawful, 2)} of what (P - 2S) / (P - S) allows
${table([[...head, ...delays], ...rows])}\n`,
  )
}

function runOf(round: Round, index: number): Run {
  return round.loads[index] as Run
}

function shed({ statuses }: Received): number {
  return statuses['503'] ?? 0
}

function delaysOf({ settledUs }: Received): readonly number[] {
  return settledUs['200'] ?? []
}

function served({ statuses }: Received): number {
  return statuses['200'] ?? 0
}
