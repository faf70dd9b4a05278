import { writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { measureFlood } from './flood.ts'
import { measureGitHub } from './github.ts'
import { measureIdentity } from './identity.ts'
import { measureIdle } from './idle.ts'
import { measureLimits, measureSaving } from './limits.ts'
import { denials, load, type Run, type Scenario, scenarios } from './load.ts'
import { measureEngine } from './micro.ts'
import { measureOverload } from './overload.ts'
import { measureRecords } from './records.ts'
import { measureRedis } from './redis.ts'
import { measureRotation } from './rotation.ts'
import { type Spread, shown, spreadOf, table } from './statistics.ts'
import { type Started, subjects } from './subjects.ts'
import { measureTrail } from './trail.ts'
import { measureUploads } from './upload.ts'
import { measureValidation } from './validate.ts'
import { measureWorkers } from './workers.ts'
import { startWorld, type World } from './world.ts'

// Portcullis beside its peers: same upstream, same token, same cores, in one run, rounds interleaved.

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '9' },
    seconds: { type: 'string', default: '2' },
    only: { type: 'string' },
    cores: { type: 'string' },
    json: { type: 'string' },
  },
})
/** Rounds before the first that counts: optimizing the code of a whole request takes V8 some seconds, on the core that is measured. */
const warmUp = 4
const rounds = Number(values.rounds)
const seconds = Number(values.seconds)
/** Of the machine, as the part about workers is to take it; else as many as this process may use. */
const cores = values.cores === undefined ? undefined : coresOf(values.cores)
const wants = (part: string) => values.only === undefined || values.only === part

interface Figures {
  readonly subject: string
  readonly scenario: string
  readonly cpuUs: Spread
  readonly rps: Spread
  readonly p50Us: Spread
  readonly p99Us: Spread
}

const report: Record<string, unknown> = {
  node: process.version,
  cpu: cpus()[0]?.model,
  cores: cpus().length,
  rounds,
  seconds,
}
const absent = subjects.flatMap(({ name, missing }) => (missing() === null ? [] : [`${name}: ${missing()}`]))
if (absent.length > 0) console.log(`left out: ${absent.join('; ')}\n`)
report.leftOut = absent
if (wants('engine')) report.engine = await measureEngine(rounds)
if (wants('limits'))
  report.limits = { takes: await measureLimits(rounds), saving: await measureSaving(rounds) }
if (wants('records')) report.records = await measureRecords(rounds)
if (wants('redis')) report.redis = await measureRedis(rounds)
if (wants('identity')) report.identity = await measureIdentity(rounds)
if (wants('validate')) report.validate = { ...measureValidation(rounds), uploads: await measureUploads() }
if (wants('github')) report.github = await measureGitHub()
if (['flood', 'rotation', 'overload', 'idle', 'trail'].some(wants)) await measureAttacked()
if (wants('workers')) report.workers = await measureWorkers(rounds, seconds, cores)
if (wants('http') || wants('denials')) await measureHttp()
const text = JSON.stringify(report, null, 2)
if (values.json === undefined) console.log(`\n${text}`)
else writeFileSync(values.json, `${text}\n`)

function coresOf(text: string): number {
  if (/^[1-9]\d{0,2}$/.test(text)) return Number(text)
  throw new Error('--cores: write how many cores the machine has')
}

async function measureAttacked(): Promise<void> {
  const world = await startWorld()
  try {
    if (wants('flood')) report.flood = await measureFlood(world, rounds)
    if (wants('overload')) report.overload = await measureOverload(world, rounds)
    if (wants('idle')) report.idle = await measureIdle(world)
    if (wants('trail')) report.trail = await measureTrail(world, rounds)
    if (wants('rotation')) report.rotation = await measureRotation(world)
  } finally {
    await world.stop()
  }
}

async function measureHttp(): Promise<void> {
  const world = await startWorld()
  const started = new Map<string, Started>()
  try {
    for (const { name, missing, start } of subjects)
      if (missing() === null) started.set(name, await start(world))
    if (wants('http')) report.http = await measureSubjects(world, started)
    const portcullis = started.get('portcullis')
    if (wants('denials') && portcullis) report.denials = await measureDenials(world, portcullis)
  } finally {
    for (const subject of started.values()) subject.stop()
    await world.stop()
  }
}

async function measureSubjects(
  world: World,
  started: ReadonlyMap<string, Started>,
): Promise<readonly Figures[]> {
  const all: Figures[] = []
  const denying = new Set(subjects.flatMap(({ name, denies }) => (denies ? [name] : [])))
  for (const scenario of scenarios) {
    const able = [...started].filter(([name]) => scenario.status === 200 || denying.has(name))
    const figures = await interleaved(
      able.map(([name, subject]) => ({ name, subject, scenario })),
      world,
    )
    all.push(...figures)
    const nginx = figures.find(({ subject }) => subject === 'nginx')?.cpuUs.median ?? Number.NaN
    const ours = figures.find(({ subject }) => subject === 'portcullis')?.cpuUs.median ?? Number.NaN
    const rows = figures.map(({ subject, cpuUs, rps, p50Us, p99Us }) => [
      subject,
      shown(cpuUs, 1),
      (cpuUs.median / nginx).toFixed(2),
      (ours / cpuUs.median).toFixed(2),
      shown(rps),
      (p50Us.median / 1000).toFixed(2),
      (p99Us.median / 1000).toFixed(2),
    ])
    console.log(
      `${scenario.name}\n${table([['', 'CPU µs/request', '× nginx', 'portcullis ÷ it', 'requests/s', 'p50 ms', 'p99 ms'], ...rows])}\n`,
    )
  }
  return all
}

async function measureDenials(world: World, subject: Started): Promise<readonly Figures[]> {
  const passes = scenarios.filter(({ status }) => status === 200)
  const figures = await interleaved(
    [...passes, ...denials].map((scenario) => ({ name: 'portcullis', subject, scenario })),
    world,
  )
  const cost = (name: string) => figures.find(({ scenario }) => scenario === name)?.cpuUs.median ?? Number.NaN
  const rows = denials.map((scenario) => {
    const pass =
      passes.find((one) => one.request(world).method === scenario.request(world).method) ?? passes[0]
    const own = figures.find((one) => one.scenario === scenario.name)
    const spread = own?.cpuUs ?? spreadOf([])
    return [scenario.name, shown(spread, 1), (spread.median / cost(pass?.name ?? '')).toFixed(2)]
  })
  console.log(`denials of portcullis\n${table([['', 'CPU µs/request', '× a pass'], ...rows])}\n`)
  return figures
}

async function interleaved(
  pairs: readonly { readonly name: string; readonly subject: Started; readonly scenario: Scenario }[],
  world: World,
): Promise<readonly Figures[]> {
  const runs = pairs.map((): Run[] => [])
  for (const { subject, scenario } of pairs) await load(subject, scenario, world, warmUp * seconds)
  for (let round = 0; round < rounds; round++) {
    process.stderr.write(`\r${pairs[0]?.scenario.name ?? ''}: round ${round + 1} of ${rounds} `)
    for (const [index, { subject, scenario }] of pairs.entries())
      runs[index]?.push(await load(subject, scenario, world, seconds))
  }
  process.stderr.write('\r\u001b[K')
  return pairs.map(({ name, scenario }, index) => {
    const own = runs[index] ?? []
    return {
      subject: name,
      scenario: scenario.name,
      cpuUs: spreadOf(own.map(({ cpuUs }) => cpuUs)),
      rps: spreadOf(own.map(({ rps }) => rps)),
      p50Us: spreadOf(own.map(({ p50Us }) => p50Us)),
      p99Us: spreadOf(own.map(({ p99Us }) => p99Us)),
    }
  })
}
