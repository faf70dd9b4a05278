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
import { load, type Run, scenarios } from './load.ts'
import { type Spread, shown, spreadOf, table } from './statistics.ts'
import { patience, startPortcullis } from './subjects.ts'
import type { World } from './world.ts'

const entries = 60_000
/** Entries that share a commit: what comes in a few milliseconds at such a rate. */
const batch = 200
const aims = { written: 20_000, verified: 200_000, cpuUs: 12 }

interface TrailFigures {
  /** Entries a second, made, chained and written through to the disk, or handed to the operating system. */
  readonly power: Spread
  readonly process: Spread
  readonly verified: Spread
  /** CPU time of a POST. */
  readonly off: Spread
  readonly on: Spread
  readonly onProcess: Spread
  readonly added: Spread
}

/** What the audit trail takes: in this process, and of a gateway's CPU for each write. */
export async function measureTrail(world: World, rounds: number, seconds: number): Promise<TrailFigures> {
  const power: number[] = []
  const process: number[] = []
  const verified: number[] = []
  for (let round = 0; round < Math.min(rounds, 5); round++) {
    power.push((await writeAndVerify('power')).written)
    const figures = await writeAndVerify('process')
    process.push(figures.written)
    verified.push(figures.verified)
  }
  const runs = await compareGateways(world, rounds, seconds)
  const figures: TrailFigures = {
    power: spreadOf(power),
    process: spreadOf(process),
    verified: spreadOf(verified),
    off: spreadOf(runs.off.map(({ cpuUs }) => cpuUs)),
    on: spreadOf(runs.on.map(({ cpuUs }) => cpuUs)),
    onProcess: spreadOf(runs.onProcess.map(({ cpuUs }) => cpuUs)),
    added: spreadOf(runs.on.map(({ cpuUs }, round) => cpuUs - (runs.off[round]?.cpuUs ?? Number.NaN))),
  }
  const p50 = (of: readonly Run[]) => (spreadOf(of.map(({ p50Us }) => p50Us)).median / 1000).toFixed(2)
  console.log(
    `the audit trail\n${table([
      ['', 'median', 'aim'],
      ['entries/s, durability power', shown(figures.power), String(aims.written)],
      ['entries/s, durability process', shown(figures.process), String(aims.written)],
      ['entries/s, verified', shown(figures.verified), String(aims.verified)],
      ['CPU µs of a POST, no trail', `${shown(figures.off, 1)}, p50 ${p50(runs.off)} ms`, ''],
      ['CPU µs of a POST, power', `${shown(figures.on, 1)}, p50 ${p50(runs.on)} ms`, ''],
      ['CPU µs of a POST, process', `${shown(figures.onProcess, 1)}, p50 ${p50(runs.onProcess)} ms`, ''],
      ['CPU µs more, power', shown(figures.added, 1), String(aims.cpuUs)],
    ])}\n`,
  )
  return figures
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

async function compareGateways(
  world: World,
  rounds: number,
  seconds: number,
): Promise<{
  readonly off: readonly Run[]
  readonly on: readonly Run[]
  readonly onProcess: readonly Run[]
}> {
  const post = scenarios[1]
  if (!post) throw new Error('there is no POST to measure')
  const state = (name: string) => `${patience}\nstateDir: ./trail-${name}`
  const gates = [
    await startPortcullis(world, `${state('off')}\ntrail: false`),
    await startPortcullis(world, state('on')),
    await startPortcullis(world, `${state('process')}\ntrail: { durability: process }`),
  ]
  const runs = gates.map((): Run[] => [])
  try {
    for (const gate of gates) await load(gate, post, world, 4 * seconds)
    for (let round = 0; round < rounds; round++)
      for (const [index, gate] of gates.entries()) runs[index]?.push(await load(gate, post, world, seconds))
  } finally {
    for (const gate of gates) gate.stop()
  }
  const [off = [], on = [], onProcess = []] = runs
  return { off, on, onProcess }
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
