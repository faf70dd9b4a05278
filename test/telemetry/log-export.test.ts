import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, beforeEach, test } from 'node:test'
import { openJournal } from '../../src/engine/outcome.ts'
import { everyLine } from '../../src/program/thinning.ts'
import { createLog } from '../../src/sinks/log.ts'
import { recordForm } from '../../src/sinks/log-records/record-text.ts'
import { exportLogs } from '../../src/sinks/log-records.ts'
import { ask } from '../harness/ask.ts'
import { type Collector, startCollector } from '../harness/collector.ts'
import { project, startGate } from '../harness/gate.ts'
import { metric } from '../harness/metric.ts'
import { until } from '../harness/until.ts'

let collector: Collector
before(async () => {
  collector = await startCollector()
})
beforeEach(() => collector.answer(200))
after(() => collector.stop())

const soon = () => Date.now() + 5000

/** A log that goes to a collector alone, and what it told of. */
function exporting(endpoint = collector.url, maxHeld?: number) {
  const told: { readonly event: string; readonly [field: string]: unknown }[] = []
  const sending = exportLogs({
    target: { endpoint, headers: {} },
    facts: { version: '0.0.0', instanceId: 'one', hostName: 'here', pid: 1 },
    tell: (event, fields) => told.push({ event, ...fields }),
    everyMs: 20,
    ...(maxHeld === undefined ? {} : { maxHeld }),
  })
  const log = createLog(() => everyLine, { ...recordForm, write: sending.write })
  const events = () => told.map(({ event }) => event)
  return { sending, log, told, events, dropped: sending.figures().dropped }
}

let nth = 0
/** Requests that passed, each with an id of its own. */
function pass(log: ReturnType<typeof createLog>, count: number): void {
  for (let i = 0; i < count; i++) {
    const peer = { address: '127.0.0.1', encrypted: false }
    const trace = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' }
    const journal = openJournal({ id: `passed-${nth++}`, trace, peer, method: 'GET' })
    log.write({ journal, denial: null, status: 200, durationMs: 1, responseBytes: 0 })
  }
  log.flush()
}

function deny(log: ReturnType<typeof createLog>, count: number): void {
  for (let i = 0; i < count; i++) log.event('reload_failed', { detail: `denied-${nth++}` })
}

const named = (from: number, name: string) =>
  collector.logs.slice(from).filter(({ eventName }) => eventName === `portcullis.${name}`)

test('a collector that is away for a while loses nothing, is told of once, and again when it is back', async () => {
  const { sending, log, events, dropped } = exporting()
  const known = collector.logs.length
  collector.answer(503, '', { 'retry-after': '0' })
  const asked = collector.requests.length
  pass(log, 700)
  await collector.until(() => collector.requests.length - asked >= 8)
  collector.answer(429, '', { 'retry-after': '0' })
  deny(log, 3)
  await collector.until(() => collector.requests.length - asked >= 12)
  collector.answer(200)
  await collector.until(() => collector.logs.length - known >= 703)
  await sending.stop(soon())
  const ids = new Set(
    collector.logs.slice(known).map(({ attributes }) => attributes['portcullis.request_id']),
  )
  assert.equal(collector.logs.length - known, 703)
  assert.equal(ids.size, 701, 'each once, in spite of the tries')
  assert.deepEqual(events(), ['telemetry_failed', 'telemetry_resumed'])
  assert.deepEqual([sending.figures().exported, dropped], [703, { requests: 0, events: 0 }])
})

test('a queue that is full lets requests that passed go first, denials and events last, all counted and told of', async () => {
  const maxHeld = 20_000
  const { sending, log, told, events, dropped } = exporting(undefined, maxHeld)
  const known = collector.logs.length
  collector.answer(503, '', { 'retry-after': '1' })
  pass(log, 1)
  await collector.until(() => events().includes('telemetry_failed'))
  pass(log, 200)
  assert.ok(dropped.requests > 100 && dropped.requests < 200, String(dropped.requests))
  deny(log, 10)
  assert.equal(dropped.events, 0, 'events have room of their own')
  const lostBefore = dropped.requests
  pass(log, 1)
  assert.equal(dropped.requests, lostBefore + 1)
  deny(log, 500)
  assert.ok(dropped.events > 0, 'and that is bounded too')
  const lost = { ...dropped }
  collector.answer(200)
  await collector.until(() => events().includes('telemetry_resumed'))
  await sending.stop(soon())
  assert.equal(named(known, 'request').length + lost.requests, 202)
  assert.equal(named(known, 'reload_failed').length + lost.events, 510)
  const news = told.filter(({ event }) => event === 'log_records_dropped')
  const sum = (of: 'requests' | 'events') => news.reduce((all, one) => all + Number(one[of]), 0)
  assert.deepEqual({ requests: sum('requests'), events: sum('events') }, lost)
})

test('what a collector refuses for good is not sent again; what it rejects of a batch is counted (OTLP, partial success)', async () => {
  const { sending, log, events, dropped } = exporting()
  const asked = collector.requests.length
  collector.answer(400)
  pass(log, 4)
  deny(log, 2)
  await collector.until(() => dropped.events === 2)
  assert.equal(dropped.requests, 4)
  assert.equal(collector.requests.length - asked, 1)
  collector.answer(200, '{"partialSuccess":{"rejectedLogRecords":"3","errorMessage":"too old"}}')
  pass(log, 2)
  deny(log, 2)
  await sending.drain(soon())
  assert.deepEqual([sending.figures().exported, dropped], [1, { requests: 6, events: 3 }])
  collector.answer(200, '{"partialSuccess":{"rejectedLogRecords":"-9"}}')
  assert.deepEqual(events(), ['telemetry_failed', 'log_records_dropped'])
})

test('one record cannot spoil those beside it: half a character is none, and a text is bounded', async () => {
  const { sending, log } = exporting()
  const known = collector.logs.length
  log.event('reload_failed', { detail: `${'x'.repeat(2047)}\u{1f600}` })
  log.event('reload_failed', { detail: '\ud800 \udc00 a\ud83d', problems: ['\udfff', '\u0000\u202e'] })
  await sending.stop(soon())
  const [long, broken] = collector.logs.slice(known).map(({ attributes }) => attributes)
  assert.equal(long?.['portcullis.detail'], `${'x'.repeat(2047)}\ufffd…`)
  assert.equal(broken?.['portcullis.detail'], '\ufffd \ufffd a\ufffd')
  assert.deepEqual(broken?.['portcullis.problems'], ['\ufffd', '\u0000\u202e'])
})

test('a collector that never answers holds nobody up, and a stop not for longer than it is given', async () => {
  const silent = createServer(() => {})
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  const endpoint = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`
  const { sending, log, told, dropped } = exporting(endpoint)
  pass(log, 100)
  await new Promise((resolve) => silent.once('request', resolve))
  deny(log, 2)
  const startedMs = performance.now()
  await sending.drain(Date.now() + 300)
  deny(log, 1)
  await sending.stop(Date.now() - 1)
  const tookMs = performance.now() - startedMs
  silent.closeAllConnections()
  silent.close()
  assert.ok(tookMs < 1000, `${tookMs} ms`)
  assert.deepEqual(dropped, { requests: 100, events: 3 })
  assert.deepEqual(told, [{ event: 'log_records_dropped', requests: 100, events: 2 }])
})

test('a gate whose collector is away answers as ever, counts what is lost, and says so at its stop', async () => {
  const gate = await startGate({
    workers: 2,
    more: 'telemetry: { otlp: { endpoint: "http://127.0.0.1:1", logs: true } }',
  })
  let stoppedMs = 0
  try {
    for (let i = 0; i < 20; i++) assert.equal((await ask(gate, '/public')).status, 200)
    assert.equal((await ask(gate, '/things')).status, 401)
    await gate.logged(({ event, signal }) => event === 'telemetry_failed' && signal === 'logs')
    assert.equal(await metric(gate, 'portcullis_log_records_exported_total'), 0)
  } finally {
    const startedMs = performance.now()
    await gate.stop()
    stoppedMs = performance.now() - startedMs
  }
  const lost = gate.log.find(({ event }) => event === 'log_records_dropped')
  assert.equal(lost?.requests, 20)
  assert.ok(Number(lost?.events) >= 5)
  assert.equal(gate.log.at(-1)?.event, 'stopped')
  assert.ok(stoppedMs < 10_000)
})

for (const workers of [1, 2])
  test(`a collector that accepts and never answers holds the stop of a gate for five seconds and no longer, all signals together (${workers} workers)`, async (t) => {
    const silent = createServer(() => {})
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    const endpoint = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`
    let asked = 0
    silent.on('request', () => asked++)
    const gate = await startGate({
      workers,
      more: `telemetry: { otlp: { endpoint: "${endpoint}", logs: true, interval: 1s }, traces: { sample: 1 } }`,
    })
    t.after(async () => {
      silent.closeAllConnections()
      silent.close()
      await gate.stop()
    })
    for (let i = 0; i < 600; i++) assert.equal((await ask(gate, '/public')).status, 200)
    await until(() => asked >= 3, 'each signal is sent')
    const startedMs = performance.now()
    await gate.gateway.stop()
    const tookMs = performance.now() - startedMs
    assert.equal(gate.log.at(-1)?.event, 'stopped')
    // Two of them one after the other would be ten.
    assert.ok(tookMs < 6500, `${tookMs} ms`)
    assert.ok(gate.log.some(({ event, signal }) => event === 'telemetry_failed' && signal === 'traces'))
  })

test('a control plane that stands still: records of workers are held within a bound, denials last to go, all arrive or are counted', async () => {
  const known = collector.logs.length
  const gate = await startGate({
    workers: 2,
    more: `cors: { origins: ["https://app.example.com"] }\nbounds: { queueDelay: 10s }\ntelemetry: { otlp: { endpoint: "${collector.url}", logs: true } }`,
  })
  const [preflights, misses] = [16_000, 400]
  // This thread is the control plane, and waits for the client.
  const flood = [`${project}/test/harness/flood-client.ts`, gate.gateway.addresses.http ?? '']
  const { status, stderr } = spawnSync(process.execPath, [...flood, String(preflights), String(misses)], {
    encoding: 'utf8',
    timeout: 60_000,
  })
  assert.equal(status, 0, stderr)
  const dropped = (of: string) => metric(gate, `portcullis_log_records_dropped_total{class="${of}"}`)
  await until(
    async () => named(known, 'request').length + (await dropped('request')) === preflights,
    'every record taken or counted',
  )
  assert.ok((await dropped('request')) > 0)
  await until(() => named(known, 'denied').length === misses, 'all denials')
  assert.equal(await dropped('event'), 0)
  await gate.logged(({ event }) => event === 'log_records_dropped')
  await gate.stop()
})
