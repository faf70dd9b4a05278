import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { verifyTrail } from '../src/app/trail/verify-trail.ts'
import { Memo } from '../src/base/memo.ts'
import type { Caller, IntentEntry, OutcomeEntry } from '../src/engine/record/trail-entry.ts'
import { textOfEntry } from '../src/sinks/trail/entry-text.ts'
import { type SigningKey, verifyingKey } from '../src/sinks/trail/signing-key.ts'
import { TrailWriter } from '../src/sinks/trail/trail-writer.ts'
import { openSqliteTrail } from '../src/stores/sqlite-trail.ts'
import { createSigningKey } from '../test/harness/trail.ts'
import { percentile, requestsFile, runClient } from './client.ts'
import { order } from './load.ts'
import { type Spread, shown, spreadOf, table } from './statistics.ts'
import { patience, type Started, startPortcullis } from './subjects.ts'
import { type Received, turningMs } from './traffic.ts'
import { contract, proxyCore, type World } from './world.ts'

/** Intents and outcomes; those of a commit share an entry of the chain. */
const entries = 60_000
/** Entries that share a commit: what comes in a few milliseconds at such a rate. */
const batch = 200
const aims = { written: 20_000, verified: 200_000, cpuUs: 12 }

/** Of what the gateway can serve without a trail; null: as fast as it goes. */
const loads = [0.35, 0.7, null] as const
const connections = 256
/** Of each kind of write, one after the other. */
const turnMs = 500
const turns = 8
const runSeconds = (turns * turnMs) / 1000
const warmUpSeconds = 24
const sampleMs = 10
const gates = ['power', 'process'] as const
type Durability = (typeof gates)[number]

interface TrailFigures {
  /** Entries a second, made, chained and written through to the disk, or handed to the operating system. */
  readonly power: Spread
  readonly process: Spread
  readonly verified: Spread
  readonly loads: readonly LoadFigures[]
}

interface LoadFigures {
  readonly load: string
  readonly durability: Durability
  /** Of writes that are not on the trail. */
  readonly rps: Spread
  readonly cpuUs: Spread
  readonly p50Us: Spread
  /** What a write on the trail takes more than one that is not, in the same run. */
  readonly addedUs: Spread
  /** What the thread that writes takes of it. */
  readonly writerUs: Spread
  readonly addedP50Us: Spread
}

/** Of one kind of write in one run. */
interface Run {
  readonly cpuUs: number
  readonly writerUs: number
  readonly p50Us: number
  readonly rps: number
}

/** Writes that are not on the trail of a gateway and writes that are, in turn. */
interface Pair {
  readonly off: Run
  readonly on: Run
}

/** CPU time of a gateway so far, in microseconds. */
interface Sample {
  readonly atMs: number
  readonly cpuUs: number
  readonly writerUs: number
}

/** What the audit trail takes: in this process, and of a gateway's CPU for each write. */
export async function measureTrail(world: World, rounds: number): Promise<TrailFigures> {
  const power: number[] = []
  const process: number[] = []
  const verified: number[] = []
  for (let round = 0; round < Math.min(rounds, 5); round++) {
    power.push((await writeAndVerify('power')).written)
    const figures = await writeAndVerify('process')
    process.push(figures.written)
    verified.push(figures.verified)
  }
  const compared = await compareWrites(world, rounds)
  const figures: TrailFigures = {
    power: spreadOf(power),
    process: spreadOf(process),
    verified: spreadOf(verified),
    loads: compared,
  }
  tell(figures)
  return figures
}

function figuresOf(factor: number | null, durability: Durability, pairs: readonly Pair[]): LoadFigures {
  const of = (figure: (pair: Pair) => number) => spreadOf(pairs.map(figure))
  return {
    load: factor === null ? 'as fast as it goes' : `${factor * 100} %`,
    durability,
    rps: of(({ off }) => off.rps),
    cpuUs: of(({ off }) => off.cpuUs),
    p50Us: of(({ off }) => off.p50Us),
    addedUs: of(({ off, on }) => on.cpuUs - off.cpuUs),
    writerUs: of(({ on }) => on.writerUs),
    addedP50Us: of(({ off, on }) => on.p50Us - off.p50Us),
  }
}

function tell({ power, process, verified, loads }: TrailFigures): void {
  const ms = ({ median }: Spread) => `${(median / 1000).toFixed(1)} ms`
  const rows = loads.map(({ load, durability, rps, cpuUs, p50Us, addedUs, writerUs, addedP50Us }) => [
    load,
    durability,
    shown(rps),
    shown(cpuUs, 1),
    shown(addedUs, 1),
    shown(writerUs, 1),
    ms(p50Us),
    ms(addedP50Us),
  ])
  const head = ['load', 'durability', 'POST/s', 'CPU µs', 'on the trail, more', 'the writer', 'p50', 'more']
  console.log(
    `the audit trail\n${table([
      ['', 'median', 'aim'],
      ['entries/s, durability power', shown(power), String(aims.written)],
      ['entries/s, durability process', shown(process), String(aims.written)],
      ['entries/s, verified', shown(verified), String(aims.verified)],
    ])}\n\na POST that is not on the trail, and what one that is takes more; aim: ${aims.cpuUs} µs\n${table([head, ...rows])}\n`,
  )
}

async function writeAndVerify(
  durability: 'power' | 'process',
): Promise<{ readonly written: number; readonly verified: number }> {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-bench-trail-'))
  const store = await openSqliteTrail(join(folder, 'trail.sqlite'), { durability, create: true })
  const key = createSigningKey()
  try {
    const writer = writerOf(store, key)
    await writer.open()
    const startedMs = performance.now()
    for (let i = 0; i < entries; ) {
      const intents: string[] = []
      const notes: string[] = []
      for (; intents.length + notes.length < batch; i += 2) {
        intents.push(textOfEntry(intent(i), key.hashKey))
        notes.push(textOfEntry(outcome(i), key.hashKey))
      }
      await writer.write({ intents, notes, lost: 0 })
    }
    const written = entries / ((performance.now() - startedMs) / 1000)
    await writer.close()
    const reader = await openSqliteTrail(join(folder, 'trail.sqlite'), { durability, create: false })
    const readMs = performance.now()
    const report = await verifyTrail(reader, {
      keys: [verifyingKey(key.publicKey)],
      checkpoints: [],
      progress: () => {},
    })
    const verified = entries / ((performance.now() - readMs) / 1000)
    await reader.close()
    if (report.problems.length > 0) throw new Error(JSON.stringify(report.problems))
    return { written, verified }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function writerOf(
  store: ConstructorParameters<typeof TrailWriter>[0]['store'],
  key: SigningKey,
): TrailWriter {
  const nothing = () => {}
  return new TrailWriter({
    store,
    key,
    chain: 'bench-1',
    checkpointMs: 10_000,
    nowMs: Date.now,
    tell: nothing,
    keep: nothing,
  })
}

/**
 * Two starts of one gateway can differ by more than the trail takes, and so can two seconds of one machine. So each gateway
 * is held against itself, in turns of half a second: of two operations that are alike one is on the trail.
 */
async function compareWrites(world: World, rounds: number): Promise<readonly LoadFigures[]> {
  const document = join(world.folder, 'trail.yaml')
  writeFileSync(document, withDrafts(readFileSync(contract, 'utf8')))
  const file = requestsFile(world, 'writes', [
    wirePost('/drafts', world.token),
    wirePost('/orders', world.token),
  ])
  const series = gates.flatMap((durability) =>
    loads.map((factor) => ({ durability, factor, pairs: [] as Pair[] })),
  )
  const started = new Map<Durability, Started>()
  try {
    for (const durability of gates) {
      const more = `${patience}\nstateDir: ./trail-${durability}\ntrail: { records: marked, durability: ${durability} }`
      started.set(durability, await startPortcullis(world, more, 1, proxyCore, document))
    }
    const capacities = new Map<Durability, number>()
    for (const [durability, gate] of started) {
      await inTurns(gate, file, null, warmUpSeconds)
      capacities.set(durability, (await inTurns(gate, file, null, runSeconds)).off.rps)
    }
    for (let round = 0; round < rounds; round++)
      for (const { durability, factor, pairs } of series) {
        process.stderr.write(`\rtrail: round ${round + 1} of ${rounds} `)
        const rate = factor === null ? null : (capacities.get(durability) as number) * factor
        pairs.push(await inTurns(started.get(durability) as Started, file, rate, runSeconds))
      }
    process.stderr.write('\r\u001b[K')
  } finally {
    for (const gate of started.values()) gate.stop()
  }
  return series.map(({ durability, factor, pairs }) => figuresOf(factor, durability, pairs))
}

async function inTurns(gate: Started, file: string, rate: number | null, seconds: number): Promise<Pair> {
  const samples: Sample[] = []
  const sample = () =>
    samples.push({ atMs: epochMs(), cpuUs: gate.threadCpuUs(), writerUs: gate.threadCpuUs('trail') })
  const timer = setInterval(sample, sampleMs)
  const port = Number(new URL(gate.origin).port)
  const orders = { ports: [port], from: ['127.0.0.1'], connections, rate, seconds, turnMs, file }
  const received = await runClient(orders).finally(() => clearInterval(timer))
  const { statuses, sent } = received
  if (statuses['200'] !== sent) throw new Error(`not all were served: ${JSON.stringify(statuses)}`)
  return { off: runOf(received, samples, 0), on: runOf(received, samples, 1) }
}

/**
 * All turns together: what comes once in some of them, as a checkpoint of the database does, is part of the cost.
 * @param kind of the two that take turns
 */
function runOf({ startedMs, turnsUs }: Received, samples: readonly Sample[], kind: number): Run {
  const sum = { cpuUs: 0, writerUs: 0, answered: 0, ms: 0 }
  const all: number[] = []
  const whole = turnsUs.length - (turnsUs.length % 2)
  for (let turn = kind; turn < whole; turn += 2) {
    const latenciesUs = turnsUs[turn] ?? []
    const beginMs = startedMs + turn * turnMs
    const within = samples.filter(({ atMs }) => atMs >= beginMs + turningMs && atMs < beginMs + turnMs)
    const [first, last] = [within[0], within.at(-1)]
    if (!first || !last || latenciesUs.length === 0) throw new Error('a turn was not measured')
    const ms = last.atMs - first.atMs
    sum.cpuUs += last.cpuUs - first.cpuUs
    sum.writerUs += last.writerUs - first.writerUs
    sum.answered += (latenciesUs.length * ms) / (turnMs - turningMs)
    sum.ms += ms
    all.push(...latenciesUs)
  }
  return {
    cpuUs: sum.cpuUs / sum.answered,
    writerUs: sum.writerUs / sum.answered,
    p50Us: percentile(all, 50),
    rps: (sum.answered * 1000) / sum.ms,
  }
}

const epochMs = () => performance.timeOrigin + performance.now()

/** The contract of the bench, with `POST /orders` on the trail, and `POST /drafts` as well, which is not. */
function withDrafts(text: string): string {
  const operation = /^ {4}post:\n(?: {6}.*\n)+/m.exec(text)?.[0]
  if (operation === undefined) throw new Error('the contract has no POST')
  const drafts = `  /drafts:\n${operation.replace('createOrder', 'createDraft')}`
  return text
    .replace(operation, `${operation}      x-portcullis: { trail: true }\n`)
    .replace(/^components:/m, `${drafts}components:`)
}

function wirePost(path: string, token: string): string {
  return `POST ${path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: bench\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nContent-Length: ${order.length}\r\n\r\n${order}`
}

const hex = (i: number, letters: number) => i.toString(16).padStart(letters, '0')

const callers = Array.from(
  { length: 1000 },
  (_, i): Caller => ({
    subject: `user-${i}`,
    issuer: 'https://login.example.com',
    client: 'shop',
    keyId: 'key-2026-01',
    schemes: ['bearerAuth'],
    trailText: new Memo(),
  }),
)

function intent(i: number): IntentEntry {
  return {
    kind: 'intent',
    requestId: hex(i, 32),
    traceId: hex(i * 7, 32),
    operation: 'updateOrder',
    method: 'PUT',
    object: [{ name: 'orderId', value: `order-${i}`, hashed: false }],
    caller: callers[i % callers.length] as Caller,
    address: `203.0.113.${i % 256}`,
    programDigest: 'f'.repeat(64),
  }
}

function outcome(i: number): OutcomeEntry {
  return { kind: 'outcome', requestId: hex(i, 32), status: 200, denial: null, intentMissing: false }
}
