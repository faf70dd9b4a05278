import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { verifyTrail } from '../src/app/trail/verify-trail.ts'
import type { IntentEntry, OutcomeEntry } from '../src/engine/record/trail-entry.ts'
import { textOfEntry } from '../src/sinks/trail/entry-text.ts'
import { type SigningKey, verifyingKey } from '../src/sinks/trail/signing-key.ts'
import { TrailWriter } from '../src/sinks/trail/trail-writer.ts'
import { openSqliteTrail } from '../src/stores/sqlite-trail.ts'
import { createSigningKey } from '../test/harness/trail.ts'
import { percentile, requestsFile, runClient } from './client.ts'
import { order } from './load.ts'
import { type Spread, shown, spreadOf, table } from './statistics.ts'
import { patience, type Started, startPortcullis } from './subjects.ts'
import type { World } from './world.ts'

const entries = 60_000
/** Entries that share a commit: what comes in a few milliseconds at such a rate. */
const batch = 200
const aims = { written: 20_000, verified: 200_000, cpuUs: 12 }

/** Of what the gateway without a trail can serve; null: as fast as it goes. */
const loads = [0.35, 0.7, null] as const
const connections = 256
const seconds = 3
const gates = ['off', 'power', 'process'] as const
type Gate = (typeof gates)[number]

interface TrailFigures {
  /** Entries a second, made, chained and written through to the disk, or handed to the operating system. */
  readonly power: Spread
  readonly process: Spread
  readonly verified: Spread
  readonly loads: readonly LoadFigures[]
}

interface LoadFigures {
  readonly load: string
  readonly offRps: Spread
  /** CPU time of a POST, by gate. */
  readonly cpuUs: Readonly<Record<Gate, Spread>>
  readonly p50Us: Readonly<Record<Gate, Spread>>
  /** Of neighbouring runs. */
  readonly addedUs: Readonly<Record<Gate, Spread>>
}

interface Run {
  readonly cpuUs: number
  readonly p50Us: number
  readonly rps: number
}

type Round = Readonly<Record<Gate, Run>>

/** What the audit trail takes: in this process, and of a gateway's CPU for each write at the same rate. */
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
  const compared = await compareGateways(world, rounds)
  const figures: TrailFigures = {
    power: spreadOf(power),
    process: spreadOf(process),
    verified: spreadOf(verified),
    loads: loads.map((factor, index) => figuresOf(factor, compared[index] ?? [])),
  }
  tell(figures)
  return figures
}

function figuresOf(factor: number | null, rounds: readonly Round[]): LoadFigures {
  const byGate = (figure: (round: Round, gate: Gate) => number) =>
    Object.fromEntries(
      gates.map((gate) => [gate, spreadOf(rounds.map((round) => figure(round, gate)))]),
    ) as Record<Gate, Spread>
  return {
    load: factor === null ? 'as fast as it goes' : `${factor * 100} %`,
    offRps: spreadOf(rounds.map(({ off }) => off.rps)),
    cpuUs: byGate((round, gate) => round[gate].cpuUs),
    p50Us: byGate((round, gate) => round[gate].p50Us),
    addedUs: byGate((round, gate) => round[gate].cpuUs - round.off.cpuUs),
  }
}

function tell({ power, process, verified, loads }: TrailFigures): void {
  const rows = loads.map(({ load, offRps, cpuUs, p50Us, addedUs }) => [
    load,
    shown(offRps),
    ...gates.map((gate) => `${shown(cpuUs[gate], 1)}, p50 ${(p50Us[gate].median / 1000).toFixed(1)} ms`),
    shown(addedUs.power, 1),
    shown(addedUs.process, 1),
  ])
  const head = ['load', 'POST/s', 'CPU µs, no trail', 'power', 'process', 'more, power', 'more, process']
  console.log(
    `the audit trail\n${table([
      ['', 'median', 'aim'],
      ['entries/s, durability power', shown(power), String(aims.written)],
      ['entries/s, durability process', shown(process), String(aims.written)],
      ['entries/s, verified', shown(verified), String(aims.verified)],
    ])}\n\nCPU time of a POST; the trail may take ${aims.cpuUs} µs\n${table([head, ...rows])}\n`,
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
    const verified = report.entries / ((performance.now() - readMs) / 1000)
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

/** @returns the rounds of each load */
async function compareGateways(world: World, rounds: number): Promise<readonly (readonly Round[])[]> {
  const state = (name: string) => `${patience}\nstateDir: ./trail-${name}`
  const started: Readonly<Record<Gate, Started>> = {
    off: await startPortcullis(world, `${state('off')}\ntrail: false`),
    power: await startPortcullis(world, state('power')),
    process: await startPortcullis(world, `${state('process')}\ntrail: { durability: process }`),
  }
  const file = requestsFile(world, 'post', [wirePost(world.token)])
  const run = async (gate: Started, rate: number | null): Promise<Run> => {
    const port = Number(new URL(gate.origin).port)
    const before = gate.cpuUs()
    const received = await runClient({ port, from: ['127.0.0.1'], connections, rate, seconds, file })
    const { latenciesUs, statuses } = received
    const served = statuses['200'] ?? 0
    if (served !== received.sent) throw new Error(`not all were served: ${JSON.stringify(statuses)}`)
    const cpuUs = (gate.cpuUs() - before) / served
    return { cpuUs, p50Us: percentile(latenciesUs, 50), rps: served / seconds }
  }
  const all: Round[][] = loads.map(() => [])
  try {
    for (let i = 0; i < 3; i++) for (const gate of gates) await run(started[gate], null)
    const capacity = (await run(started.off, null)).rps
    for (let round = 0; round < rounds; round++)
      for (const [index, factor] of loads.entries()) {
        process.stderr.write(`\rtrail: round ${round + 1} of ${rounds} `)
        const runs: Partial<Record<Gate, Run>> = {}
        for (const gate of gates)
          runs[gate] = await run(started[gate], factor === null ? null : capacity * factor)
        all[index]?.push(runs as Round)
      }
    process.stderr.write('\r\u001b[K')
  } finally {
    for (const gate of gates) started[gate].stop()
  }
  return all
}

function wirePost(token: string): string {
  return `POST /orders HTTP/1.1\r\nHost: localhost\r\nUser-Agent: bench\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nContent-Length: ${order.length}\r\n\r\n${order}`
}

const hex = (i: number, letters: number) => i.toString(16).padStart(letters, '0')

function intent(i: number): IntentEntry {
  return {
    kind: 'intent',
    requestId: hex(i, 32),
    traceId: hex(i * 7, 32),
    operation: 'updateOrder',
    method: 'PUT',
    object: [{ name: 'orderId', value: `order-${i}`, hashed: false }],
    subject: `user-${i % 1000}`,
    issuer: 'https://login.example.com',
    client: 'shop',
    keyId: 'key-2026-01',
    schemes: ['bearerAuth'],
    address: `203.0.113.${i % 256}`,
    programDigest: 'f'.repeat(64),
  }
}

function outcome(i: number): OutcomeEntry {
  return { kind: 'outcome', requestId: hex(i, 32), status: 200, denial: null, intentMissing: false }
}
