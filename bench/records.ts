import { randomBytes } from 'node:crypto'
import { openSync, writeSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { type Journal, openJournal } from '../src/engine/outcome.ts'
import { anonymous, type Principal } from '../src/engine/principal.ts'
import type { Ending } from '../src/engine/record/ending.ts'
import type { OperationPlan } from '../src/program/program.ts'
import { everyLine } from '../src/program/thinning.ts'
import { createLog, jsonLines } from '../src/sinks/log.ts'
import { recordForm } from '../src/sinks/log-records/record-text.ts'
import { exportLogs } from '../src/sinks/log-records.ts'
import { allocateMetrics } from '../src/sinks/metrics/memory.ts'
import { attachMetrics } from '../src/sinks/metrics/record-metrics.ts'
import { createTraces, type Traces } from '../src/sinks/traces.ts'
import { stages } from '../test/harness/stages.ts'
import { type Spread, shown, spreadOf } from './statistics.ts'

type RecordFigures = { readonly [what: string]: Spread }

const requests = 200_000
/** Fewer than find room in the queue of spans together with a batch that is not full. */
const batch = 1500
const operations = 100

/** One way to record: what happens before the stages of a request, and after its end. */
interface Subject {
  readonly before?: (journal: Journal) => void
  readonly after?: (ending: Ending) => void
  /** Resolves when nothing is on its way any more. */
  readonly settled?: () => Promise<void>
}

/** Nanoseconds of this thread's CPU for the records of one read that passed, above a request that leaves none. */
export async function measureRecords(rounds: number): Promise<RecordFigures> {
  const out = openSync('/dev/null', 'w')
  const log = createLog(
    () => everyLine,
    jsonLines((lines) => writeSync(out, lines)),
  )
  const metrics = attachMetrics(allocateMetrics({ workers: 1 }), 0)
  const collector = await startSink()
  const collected = collecting(collector.url)
  const [tenth, all] = [tracing(collector.url, 0.1), tracing(collector.url, 1)]
  const subjects: { readonly [name: string]: Subject } = {
    nothing: {},
    'log line': { after: log.write },
    metrics: { after: (ending) => metrics.write(ending) },
    'log line and metrics': {
      after(ending) {
        log.write(ending)
        metrics.write(ending)
      },
    },
    'record for a collector': collected,
    'traces, a tenth': tenth,
    'traces, all': all,
  }
  const figures = new Map(Object.keys(subjects).map((name): [string, number[]] => [name, []]))
  for (let round = -2; round < rounds; round++) {
    let base = 0
    for (const [name, subject] of Object.entries(subjects)) {
      const ns = await timed(subject)
      if (name === 'nothing') base = ns
      if (round >= 0) figures.get(name)?.push(name === 'nothing' ? ns : ns - base)
    }
  }
  const untilMs = Date.now() + 5000
  await Promise.all([tenth.traces.stop(untilMs), all.traces.stop(untilMs), collected.stop()])
  collector.stop()
  const spreads = Object.fromEntries(Array.from(figures, ([name, ns]) => [name, spreadOf(ns)]))
  for (const [name, spread] of Object.entries(spreads)) console.log(`records, ${name}: ${shown(spread)} ns`)
  return spreads
}

const plans = Array.from(
  { length: operations },
  (_, index) => ({ id: `operation${index}`, route: `/things${index}/{thingId}` }) as OperationPlan,
)
const facts = { version: '0.0.0', instanceId: 'bench', hostName: 'bench', pid: 1 }
const peer = { address: '203.0.113.9', encrypted: true }
const principal: Principal = {
  ...anonymous,
  schemes: ['bearerAuth'],
  subject: 'user-4711',
  issuer: 'https://login.example.com',
  client: 'web-app',
}
const traces = Array.from({ length: batch }, () => ({
  traceId: randomBytes(16).toString('hex'),
  spanId: randomBytes(8).toString('hex'),
}))

async function timed({ before, after, settled }: Subject): Promise<number> {
  const { user, system } = process.threadCpuUsage()
  for (let from = 0; from < requests; from += batch) {
    for (let i = 0; i < batch; i++) {
      const trace = traces[i] as (typeof traces)[number]
      const journal = openJournal({ id: trace.traceId, trace, peer, method: 'GET' })
      before?.(journal)
      for (const stage of stages) journal.stageClock?.enter(stage)
      journal.operation = plans[i % operations] as OperationPlan
      journal.principal = principal
      journal.userAgent = 'bench/1.0'
      after?.({ journal, denial: null, status: 200, durationMs: 0.4 + (i % 7), responseBytes: 700 })
    }
    await settled?.()
  }
  const spent = process.threadCpuUsage()
  return ((spent.user - user + spent.system - system) * 1000) / requests
}

function tracing(
  endpoint: string,
  sample: number,
): Subject & { readonly traces: Traces; readonly settled: () => Promise<void> } {
  let written = 0
  let sent = 0
  let heard: () => void = () => {}
  const made = createTraces({
    target: { endpoint, headers: {} },
    sample,
    facts,
    tell: () => {},
    count(exported, dropped) {
      sent += exported + dropped
      if (dropped > 0) throw new Error('spans were dropped, and so cost nothing')
      heard()
    },
  })
  return {
    traces: made,
    before: (journal) => made.follow(journal, peer),
    after(ending) {
      if (ending.journal.traceSampled) written++
      made.write(ending)
    },
    async settled() {
      while (written - sent >= 512)
        await new Promise<void>((resolve) => {
          heard = resolve
        })
    },
  }
}

/** Records and their sending, which in a gate with several workers is the main thread's. */
function collecting(
  endpoint: string,
): Subject & { readonly settled: () => Promise<void>; readonly stop: () => Promise<void> } {
  const sending = exportLogs({ target: { endpoint, headers: {} }, facts, tell: () => {} })
  const log = createLog(() => everyLine, { ...recordForm, write: sending.write })
  let written = 0
  return {
    after(ending) {
      written++
      log.write(ending)
    },
    async settled() {
      const { requests } = sending.figures().dropped
      if (requests > 0) throw new Error('records were dropped, and so cost nothing')
      while (written - sending.figures().exported >= batch)
        await new Promise((resolve) => setTimeout(resolve, 1))
    },
    stop: () => sending.stop(Date.now() + 5000),
  }
}

interface Sink {
  readonly url: string
  stop(): void
}

/** A collector that takes everything, in a thread whose time is not counted. */
function startSink(): Promise<Sink> {
  const source = `
    import { createServer } from 'node:http'
    import { parentPort } from 'node:worker_threads'
    const server = createServer((request, response) => request.resume().on('end', () => response.end('{}')))
    server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port))
  `
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`))
  return new Promise((resolve) =>
    worker.once('message', (port: number) =>
      resolve({ url: `http://127.0.0.1:${port}`, stop: () => void worker.terminate() }),
    ),
  )
}
