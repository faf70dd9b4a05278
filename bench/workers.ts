import { availableParallelism, cpus } from 'node:os'
import { requestsFile, runClient, wireRequest } from './client.ts'
import { type CorePlan, type PlannedGateway, planCores } from './core-plan.ts'
import { statusesOf } from './flood.ts'
import { connections, load, scenarios } from './load.ts'
import { type Spread, shown, spreadOf, table } from './statistics.ts'
import { type Started, startPortcullis } from './subjects.ts'
import { startWorld, type World } from './world.ts'

/** CPU time at a rate that is far from saturation. */
interface Steady {
  readonly cpuUs: number
  /** Part of it that V8's own threads take: they compile, and help to collect garbage. */
  readonly compiling: number
}

/** What a closed loop gets through, and which cores it took. */
interface Saturated {
  readonly rps: number
  readonly cpuUs: number
  readonly shares: Readonly<Record<Sharer, number>>
}

type Sharer = (typeof sharers)[number]

interface Round {
  /** All gateways get the same load. */
  readonly alike: Steady
  /** The first gateway gets what is one worker's part of that. */
  readonly lone: Steady
  /** Each worker gets as much as the only one of the first gateway. */
  readonly each: Steady
  /** So does each of as many gateways of one worker, which share nothing. */
  readonly apart: Steady
  readonly saturated: Saturated
}

interface Subject {
  readonly planned: PlannedGateway
  readonly gateway: Started
  /** As many as it has workers, of one each; none where it has one itself. */
  readonly apart: readonly Started[]
}

interface Place {
  readonly world: World
  readonly plan: CorePlan
  readonly seconds: number
}

/** Load for one gateway, or for several alike. */
interface Target {
  readonly gateways: readonly Started[]
  /** Requests a second, in all. */
  readonly rate: number
  readonly connections: number
}

export interface WorkersFigures {
  readonly cores: number
  readonly plan: CorePlan
  readonly rate: number
  readonly gateways: readonly GatewayFigures[]
}

interface GatewayFigures {
  readonly workers: number
  /** CPU time of a request. */
  readonly alikeUs: Spread
  readonly loneUs: Spread
  readonly eachUs: Spread
  readonly saturatedUs: Spread
  /** Of that of one worker in the same round. */
  readonly alikeRatio: Spread
  /** Of one worker that has as much to do as each of these. */
  readonly loneRatio: Spread
  readonly eachRatio: Spread
  /** Of that of as many processes. */
  readonly apartRatio: Spread
  readonly saturatedRatio: Spread
  readonly rps: Spread
  readonly rpsRatio: Spread
  /** Cores taken at saturation. */
  readonly shares: Readonly<Record<Sharer, Spread>>
}

/** `others`: what else the machine did, and what its host kept from it. */
const sharers = ['gateway', 'generator', 'upstream', 'idle', 'others'] as const
/** Of what one worker gets through. */
const partOfCapacity = 0.25
const warmUp = 4
/** V8 is done with a load when its threads take less than so much for `calmTimes` measurements on end. */
const calmShare = 0.025
const calmTimes = 3
const mostUntilCalm = 40
/** Two starts of the same gateway can differ by some percent, whatever the load. */
const roundsOfStart = 3

/**
 * Gateways with more and more worker threads, everything else alike: CPU time of a request, and throughput with what each
 * party took of the machine.
 * @param cores more than there are: who would run where is told, and nothing is measured
 */
export async function measureWorkers(
  rounds: number,
  seconds: number,
  cores = availableParallelism(),
): Promise<WorkersFigures | CorePlan> {
  const plan = planCores(cores)
  console.log(`workers: ${cores} cores\n${textOfPlan(plan)}`)
  if (cores > availableParallelism()) {
    console.log(`not measured: this machine has ${availableParallelism()}\n`)
    return plan
  }
  const world = await startWorld(plan.otherCores, plan.upstreamProcesses)
  const place = { world, plan, seconds }
  const runs = plan.gateways.map((): Round[] => [])
  let rate: number | null = null
  try {
    for (let round = 0; round < rounds; ) {
      await using crew = await startAll(place)
      rate ??= Math.round(crew.capacity * partOfCapacity)
      await settle(crew.subjects, rate, place)
      const until = Math.min(rounds, round + roundsOfStart)
      for (; round < until; round++) {
        process.stderr.write(`\rworkers: round ${round + 1} of ${rounds} `)
        await measureAll(crew.subjects, rate, place, runs, round)
      }
    }
  } finally {
    await world.stop()
  }
  process.stderr.write('\r\u001b[K')
  const base = runs[0] ?? []
  const gateways = plan.gateways.map(({ workers }, index) => figuresOf(workers, runs[index] ?? [], base))
  const figures = { cores, plan, rate: rate ?? Number.NaN, gateways }
  tell(figures)
  return figures
}

/** Starts all gateways and warms them; `capacity` is what the first gets through, requests a second. */
async function startAll(place: Place) {
  const subjects: Subject[] = []
  const stop = async () => {
    for (const { gateway, apart } of subjects) for (const one of [gateway, ...apart]) one.stop()
  }
  try {
    for (const planned of place.plan.gateways) subjects.push(await startSubject(planned, place))
    const capacities: number[] = []
    for (const { planned, gateway, apart } of subjects) {
      capacities.push((await saturate(gateway, planned.workers, place, warmUpOf(planned, place))).rps)
      for (const one of apart) await saturate(one, 1, place, warmUp * place.seconds)
    }
    return { subjects, capacity: capacities[0] ?? Number.NaN, [Symbol.asyncDispose]: stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function startSubject(planned: PlannedGateway, { world }: Place): Promise<Subject> {
  const start = (workers: number) => startPortcullis(world, undefined, workers, planned.cores)
  const gateway = await start(planned.workers)
  const apart: Started[] = []
  if (planned.workers > 1) for (let i = 0; i < planned.workers; i++) apart.push(await start(1))
  return { planned, gateway, apart }
}

/** Each worker optimizes the code for itself, and has the time of a core for it only where it is pinned. */
function warmUpOf({ workers }: PlannedGateway, { plan, seconds }: Place): number {
  return warmUp * seconds * (plan.pinned ? 1 : workers)
}

/**
 * Until V8 has compiled for the steady load what it had compiled for a closed loop: each worker does so for itself, for some
 * ten seconds in which a request costs up to half as much again.
 */
async function settle(subjects: readonly Subject[], rate: number, place: Place): Promise<void> {
  for (const { planned, gateway, apart } of subjects)
    for (const gateways of apart.length > 0 ? [[gateway], apart] : [[gateway]]) {
      const target = loadOf(gateways, rate * planned.workers, planned.workers)
      let calm = 0
      for (let times = 0; calm < calmTimes && times < mostUntilCalm; times++) {
        process.stderr.write(`\rworkers: settling, ${times} `)
        calm = (await keepRate(target, place)).compiling < calmShare ? calm + 1 : 0
      }
      if (calm < calmTimes) console.log(`workers ${planned.workers}: V8 was not done compiling for the load`)
    }
}

async function measureAll(
  subjects: readonly Subject[],
  rate: number,
  place: Place,
  runs: readonly Round[][],
  round: number,
): Promise<void> {
  const [first] = subjects
  if (!first) return
  const order = [...subjects.entries()]
  for (const [index, subject] of round % 2 === 0 ? order : order.reverse())
    runs[index]?.push(await measure(subject, first, rate, place))
}

async function measure(
  { planned, gateway, apart }: Subject,
  first: Subject,
  rate: number,
  place: Place,
): Promise<Round> {
  const { workers } = planned
  const alike = await keepRate(loadOf([gateway], rate, 1), place)
  const each = await keepRate(loadOf([gateway], rate * workers, workers), place)
  return {
    alike,
    lone: workers === 1 ? alike : await keepRate(loadOf([first.gateway], rate / workers, 1), place),
    each,
    apart: workers === 1 ? each : await keepRate(loadOf(apart, rate * workers, workers), place),
    saturated: await saturate(gateway, workers, place, place.seconds),
  }
}

function loadOf(gateways: readonly Started[], rate: number, workers: number): Target {
  return { gateways, rate, connections: connections * workers }
}

/**
 * Of as many clients as the most workers, whatever is measured: a client sends what is due once in a millisecond, and a worker
 * is to be woken as often by as many requests, alone or beside others.
 */
async function keepRate(
  { gateways, rate, connections }: Target,
  { world, plan, seconds }: Place,
): Promise<Steady> {
  const clients = Math.max(...plan.gateways.map(({ workers }) => workers))
  const orders = {
    ports: gateways.map(({ origin }) => Number(new URL(origin).port)),
    from: ['127.0.0.1'],
    connections: connections / clients,
    rate: rate / clients,
    seconds,
    file: requestsFile(world, 'workers', [wireRequest(world.token)]),
  }
  const sum = (of: (gateway: Started) => number) => gateways.reduce((all, gateway) => all + of(gateway), 0)
  const compiled = () => sum((gateway) => gateway.threadCpuUs('node-V8Worker'))
  const before = [sum((gateway) => gateway.cpuUs()), compiled()] as const
  const received = await Promise.all(
    Array.from({ length: clients }, () => runClient(orders, 0, plan.otherCores)),
  )
  const cpuUs = sum((gateway) => gateway.cpuUs()) - before[0]
  const compiling = (compiled() - before[1]) / cpuUs
  const statuses = statusesOf(received)
  const answered = statuses['200'] ?? 0
  const sent = received.reduce((all, one) => all + one.sent, 0)
  if (answered !== sent) throw new Error(`answers to ${sent} requests: ${JSON.stringify(statuses)}`)
  return { cpuUs: cpuUs / answered, compiling }
}

async function saturate(
  gateway: Started,
  workers: number,
  { world, plan }: Place,
  seconds: number,
): Promise<Saturated> {
  const get = scenarios[0]
  if (!get) throw new Error('there is no GET to measure')
  const loader = {
    cores: plan.otherCores,
    threads: plan.loaderThreads,
    connections: connections * workers,
  }
  const [startedMs, gatewayUs, upstreamUs, idleMs] = [
    performance.now(),
    gateway.cpuUs(),
    world.upstreamCpuUs(),
    idleMsOfAll(),
  ]
  const run = await load(gateway, get, world, seconds, loader)
  const tookUs = (performance.now() - startedMs) * 1000
  const taken = {
    gateway: (gateway.cpuUs() - gatewayUs) / tookUs,
    generator: run.loaderCpuUs / tookUs,
    upstream: (world.upstreamCpuUs() - upstreamUs) / tookUs,
    idle: ((idleMsOfAll() - idleMs) * 1000) / tookUs,
  }
  const told = Object.values(taken).reduce((sum, one) => sum + one, 0)
  return { rps: run.rps, cpuUs: run.cpuUs, shares: { ...taken, others: cpus().length - told } }
}

function idleMsOfAll(): number {
  return cpus().reduce((sum, { times }) => sum + times.idle, 0)
}

function figuresOf(workers: number, own: readonly Round[], base: readonly Round[]): GatewayFigures {
  const of = (figure: (round: Round) => number) => spreadOf(own.map(figure))
  const ratio = (figure: (round: Round) => number) =>
    spreadOf(own.map((round, index) => figure(round) / figure(base[index] as Round)))
  return {
    workers,
    alikeUs: of(({ alike }) => alike.cpuUs),
    loneUs: of(({ lone }) => lone.cpuUs),
    eachUs: of(({ each }) => each.cpuUs),
    saturatedUs: of(({ saturated }) => saturated.cpuUs),
    alikeRatio: ratio(({ alike }) => alike.cpuUs),
    loneRatio: of(({ alike, lone }) => alike.cpuUs / lone.cpuUs),
    eachRatio: ratio(({ each }) => each.cpuUs),
    apartRatio: of(({ each, apart }) => each.cpuUs / apart.cpuUs),
    saturatedRatio: ratio(({ saturated }) => saturated.cpuUs),
    rps: of(({ saturated }) => saturated.rps),
    rpsRatio: ratio(({ saturated }) => saturated.rps),
    shares: {
      gateway: of(({ saturated }) => saturated.shares.gateway),
      generator: of(({ saturated }) => saturated.shares.generator),
      upstream: of(({ saturated }) => saturated.shares.upstream),
      idle: of(({ saturated }) => saturated.shares.idle),
      others: of(({ saturated }) => saturated.shares.others),
    },
  }
}

function tell({ rate, gateways }: WorkersFigures): void {
  const costs = gateways.map((one) => [
    String(one.workers),
    shown(one.alikeUs, 1),
    shown(one.alikeRatio, 3),
    shown(one.loneRatio, 3),
    shown(one.eachUs, 1),
    shown(one.eachRatio, 3),
    shown(one.apartRatio, 3),
    shown(one.saturatedUs, 1),
    shown(one.saturatedRatio, 3),
  ])
  const costHead = [
    `${rate}/s in all: CPU µs`,
    '× one',
    '× one with its part',
    `${rate}/s each: CPU µs`,
    '× one',
    '× as many processes',
  ]
  const speeds = gateways.map((one) => [
    String(one.workers),
    shown(one.rps),
    shown(one.rpsRatio, 2),
    ...sharers.map((sharer) => shown(one.shares[sharer], 2)),
  ])
  console.log(
    `CPU time of a request\n${table([['workers', ...costHead, 'saturated: CPU µs', '× one'], ...costs])}
throughput of a closed loop, and the cores it took\n${table([['workers', 'requests/s', '× one', ...sharers], ...speeds])}\n`,
  )
}

function textOfPlan({ pinned, gateways, otherCores, upstreamProcesses, loaderThreads }: CorePlan): string {
  const others = `${loaderThreads} of the generator's threads and ${upstreamProcesses} of the upstream's processes`
  if (!pinned) return `nothing is pinned: gateway, ${others} share cores ${otherCores}`
  const ours = gateways.map(({ workers, cores }) => `workers ${workers}: cores ${cores}`)
  return `${ours.join('; ')}; ${others}: cores ${otherCores}`
}
