import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { type RunningCommand, startRun } from '../test/harness/command.ts'
import { audience, startIssuer } from '../test/harness/issuer.ts'
import { startRedis, type TestRedis } from '../test/harness/redis.ts'
import { startUpstream } from '../test/harness/upstream.ts'
import { type Driven, drive } from './drive.ts'
import { table } from './statistics.ts'

// Limits under load: real clients in parallel at one worker, at several, at two gateways that share Debian's
// redis-server; then the server is killed in the middle. Says what was allowed, denied and expected, and ends with 0 when
// every error is within its bound.

const longestMs = 60_000
const burst = 400
const lease = 10
const count = 3 * burst
const several = Math.max(2, cpus().length)
/** What all workers of two gateways hold together fills less than half of a bucket. */
const onLoan = Math.max(2, Math.floor((0.4 * burst) / (2 * several)))
/** Gives back what they borrowed, and twice that, before leases end. */
const onLoanPerSecond = burst / 4

const operations = {
  exact: {},
  leased: { mode: 'leased', lease },
  onLoan: { mode: 'leased', lease: onLoan, rate: `${onLoanPerSecond}/s` },
  deny: { onStoreFault: 'deny' },
  allow: { onStoreFault: 'allow' },
} as const
type Operation = keyof typeof operations

interface Row extends Span {
  readonly what: string
  readonly limit: string
  readonly driven: Driven
}

interface Span {
  readonly least: number
  readonly most: number
}

interface Fleet {
  readonly origins: readonly string[]
  readonly workers: number
  /** Whether all reach their store, and know of each other. */
  up(): Promise<boolean>
  /** Whether none reaches it. */
  down(): Promise<boolean>
  stop(): Promise<void>
}

const startedMs = performance.now()
const folder = mkdtempSync(join(tmpdir(), 'portcullis-prove-'))
const running = new Set<RunningCommand>()
const tooLong = setTimeout(() => {
  console.error(`prove:limits: not done within ${longestMs / 1000} s`)
  for (const { child } of running) child.kill('SIGKILL')
  void server?.stop()
  setImmediate(() => process.exit(1))
}, longestMs)
let server: TestRedis | null = null
const [upstream, issuer] = [await startUpstream(), await startIssuer()]
const rows: Row[] = []
let subjects = 0

writeContract()
await proveOne(1)
const parallel = await proveOne(several)
await proveShared(parallel ? 2 : 1)
clearTimeout(tooLong)
await upstream.stop()
await issuer.stop()
rmSync(folder, { recursive: true, force: true })
process.exitCode = report() ? 0 : 1

/** One gateway for itself. @returns whether it runs so many workers */
async function proveOne(workers: number): Promise<boolean> {
  const fleet = await startFleet(1, workers, 'memory')
  if (!fleet) {
    console.log(
      `left out: ${workers} workers, this version of \`portcullis run\` refuses --workers ${workers}`,
    )
    return false
  }
  await prove(fleet, workers === 1 ? 'one worker' : `${workers} workers`, 'exact')
  await fleet.stop()
  return true
}

/** Two gateways that share a server; then without it. */
async function proveShared(workers: number): Promise<void> {
  const redis = await startRedis()
  server = redis
  const fleet = await startFleet(2, workers, `{ redis: "${redis.url}", deadline: 250ms }`)
  if (!fleet) throw new Error('the gateways do not start')
  const what = workers === 1 ? 'two gateways' : `two gateways, ${workers} workers each`
  await until(() => fleet.up())
  await prove(fleet, what, 'exact')
  // Nothing is on loan before, so that what is lent can only be missing.
  await prove(fleet, what, 'leased', { least: burst - fleet.workers * lease, most: burst })
  await proveOnLoan(fleet, `${what}, tokens on loan before`)

  // In the middle: what the store let through before, and two halves of the bucket after.
  let answers = 0
  let killed: Promise<void> | null = null
  const driven = await drive(fleet.origins, '/exact', await fresh(), count, () => {
    if (++answers === burst / 2) killed = redis.kill()
  })
  await killed
  rows.push({
    what: `${what}, redis killed under way`,
    limit: 'exact',
    driven,
    least: burst,
    most: 2 * burst,
  })
  await until(() => fleet.down())
  await prove(fleet, 'redis gone: local, two halves', 'exact')
  await prove(fleet, 'redis gone: deny', 'deny', { least: 0, most: 0 })
  await prove(fleet, 'redis gone: allow', 'allow', { least: count, most: count })
  await redis.start()
  await until(() => fleet.up())
  await prove(fleet, 'redis back', 'exact')
  await fleet.stop()
  await redis.stop()
}

async function prove(
  { origins }: Fleet,
  what: string,
  limit: Operation,
  expected: Span = { least: burst, most: burst },
): Promise<void> {
  const driven = await drive(origins, `/${limit}`, await fresh(), count)
  rows.push({ what, limit, driven, ...expected })
}

/** Every worker borrows, the bucket fills again, and then both are drawn from: the most that a lease can let through. */
async function proveOnLoan({ origins, workers }: Fleet, what: string): Promise<void> {
  const [token, borrowing] = [await fresh(), 4 * workers]
  await drive(origins, '/onLoan', token, borrowing)
  const filledMs = (1000 * (borrowing + 2 * workers * onLoan)) / onLoanPerSecond
  await new Promise((resolve) => setTimeout(resolve, filledMs))
  const fromMs = performance.now()
  const driven = await drive(origins, '/onLoan', token, count)
  const refilled = Math.ceil(((performance.now() - fromMs) / 1000) * onLoanPerSecond)
  const bound = workers * onLoan
  rows.push({ what, limit: 'onLoan', driven, least: burst - bound, most: burst + bound + refilled })
}

/** A token of a subject nobody counted before. */
function fresh(): Promise<string> {
  return issuer.token({ sub: `subject-${++subjects}` })
}

async function startFleet(gateways: number, workers: number, state: string): Promise<Fleet | null> {
  const file = join(folder, 'portcullis.yaml')
  writeFileSync(
    file,
    `contract: ./openapi.json
listen: { http: { host: 127.0.0.1, port: 0, allowPlaintext: true }, admin: { host: 127.0.0.1, port: 0 } }
upstreams: { default: { url: "${upstream.url}" } }
identity: { bearerAuth: { type: jwt, issuer: "${issuer.issuer}", audience: "${audience}", algorithms: [ES256] } }
limits: [{ name: wide, by: address, rate: 1000000/s, burst: 1000000 }]
bounds: { queueDelay: 10s }
state: ${state}
`,
  )
  const started = Array.from({ length: gateways }, () => startRun(file, {}, ['--workers', `${workers}`]))
  for (const one of started) running.add(one)
  const ready = await Promise.all(
    started.map((one) => Promise.race([one.logged('ready'), one.ended.then(() => null)])),
  )
  if (ready.includes(null)) return null
  const address = (kind: string) => ready.map((line) => String(line?.[kind]))
  const all = async (...figures: readonly string[]) => {
    const pages = address('admin').map(async (origin) => (await fetch(`${origin}/metrics`)).text())
    const said = await Promise.all(pages)
    return said.every((page) => figures.every((one) => page.includes(`\nportcullis_limit_store${one}`)))
  }
  return {
    origins: address('http'),
    workers: gateways * workers,
    up: () => all(`_up 1\n`, `_gateways ${gateways}\n`),
    down: () => all(`_up 0\n`),
    async stop() {
      for (const one of started) one.child.kill('SIGTERM')
      await Promise.all(started.map(({ ended }) => ended))
      for (const one of started) running.delete(one)
    },
  }
}

function writeContract(): void {
  const paths = Object.entries(operations).map(([name, sharing]) => [
    `/${name}`,
    {
      get: {
        operationId: name,
        'x-portcullis': {
          limits: [{ name, by: 'subject', rate: `${burst}/month`, burst, ...sharing }],
        },
        responses: { 200: { description: 'ok' } },
      },
    },
  ])
  writeFileSync(
    join(folder, 'openapi.json'),
    JSON.stringify({
      openapi: '3.1.0',
      info: { title: 'limits', version: '1' },
      security: [{ bearerAuth: [] }],
      components: { securitySchemes: { bearerAuth: { type: 'http', scheme: 'bearer' } } },
      paths: Object.fromEntries(paths),
    }),
  )
}

function report(): boolean {
  const shown = rows.map(({ what, limit, driven: { allowed, denied, unavailable, other }, least, most }) => {
    const error = allowed < least ? allowed - least : Math.max(0, allowed - most)
    const fits = error === 0 && other === 0
    const expected = least === most ? `${least}` : `${least}–${most}`
    return {
      fits,
      cells: [what, limit, allowed, denied, unavailable, other, expected, error, fits ? 'ok' : 'NO'],
    }
  })
  const head = ['', 'limit', 'allowed', '429', '503', 'other', 'expected', 'error', '']
  console.log(table([head, ...shown.map(({ cells }) => cells.map(String))]))
  const sound = shown.every(({ fits }) => fits)
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(0)
  console.log(`\n${sound ? 'every limit holds' : 'a limit does not hold'}; ${seconds} s`)
  return sound
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 25))
}
