import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { openJournal } from '../../src/engine/outcome.ts'
import { families } from '../../src/sinks/metrics/families.ts'
import { createTraces, type Traces } from '../../src/sinks/traces.ts'
import { ask } from '../harness/ask.ts'
import { type Collector, type Metric, startCollector } from '../harness/collector.ts'
import { startGate } from '../harness/gate.ts'

let collector: Collector
before(async () => {
  collector = await startCollector()
})
beforeEach(() => collector.answer(200))
after(() => collector.stop())

const facts = { version: '0.0.0', instanceId: 'one', hostName: 'here', pid: 1 }

interface Tried {
  readonly traces: Traces
  readonly told: string[]
  readonly counted: { exported: number; dropped: number }
}

function traces(target = collector.url): Tried {
  const told: string[] = []
  const counted = { exported: 0, dropped: 0 }
  const made = createTraces({
    target: { endpoint: target, headers: {} },
    sample: 1,
    facts,
    tell: (event) => told.push(event),
    count(exported, dropped) {
      counted.exported += exported
      counted.dropped += dropped
    },
  })
  return { traces: made, told, counted }
}

function writeSpans(to: Traces, count: number): void {
  for (let i = 0; i < count; i++) {
    const peer = { address: '127.0.0.1', encrypted: false }
    const trace = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' }
    const journal = openJournal({ id: 'a', trace, peer, method: 'GET' })
    to.follow(journal, peer)
    to.write({ journal, denial: null, status: 200, durationMs: 1, responseBytes: 0 })
  }
}

test('metrics are sent by the conventions, cumulative, and what was counted last at the stop', async () => {
  const gate = await startGate({
    more: `telemetry: { otlp: { endpoint: "${collector.url}", interval: 1s } }`,
  })
  try {
    await ask(gate, '/public')
    await collector.until(() => collector.metrics.length > 0)
    for (let i = 0; i < 3; i++) await ask(gate, '/public')
    await ask(gate, '/nowhere')
  } finally {
    await gate.stop()
  }
  const byName = new Map(collector.metrics.map((metric) => [metric.name, metric]))
  for (const { name } of collector.metrics)
    assert.ok(
      Object.values(families).some(({ otlp }) => otlp.name === name),
      name,
    )
  interface Points {
    readonly histogram: { readonly aggregationTemporality: number; readonly dataPoints: readonly Point[] }
  }
  interface Point {
    readonly attributes: readonly { readonly key: string; readonly value: object }[]
    readonly count: string
    readonly bucketCounts: readonly string[]
  }
  const duration = byName.get('http.server.request.duration') as (Metric & Points) | undefined
  assert.equal(duration?.unit, 's')
  assert.equal(duration?.histogram.aggregationTemporality, 2)
  const passed = duration?.histogram.dataPoints.find(({ attributes }) =>
    JSON.stringify(attributes).includes('getPublic'),
  )
  assert.equal(passed?.count, '4')
  assert.equal(
    passed?.bucketCounts.reduce((sum, one) => sum + Number(one), 0),
    4,
  )
  assert.deepEqual(passed?.attributes, [
    { key: 'portcullis.operation', value: { stringValue: 'getPublic' } },
    { key: 'http.request.method', value: { stringValue: 'GET' } },
    { key: 'http.response.status_code', value: { intValue: '200' } },
  ])
  assert.ok('sum' in (byName.get('http.server.active_requests') ?? {}))
  assert.ok('gauge' in (byName.get('portcullis.certificate.expiry') ?? {}))
  assert.equal(collector.resource['service.version'], '0.1.0')
})

test('a collector that is away loses nothing at first, is told of once, and again when it is back', async () => {
  const { traces: made, told, counted } = traces()
  const known = collector.spans.length
  collector.answer(503, '', { 'retry-after': '1' })
  writeSpans(made, 512)
  await collector.until(() => told.length > 0)
  collector.answer(200)
  await new Promise((resolve) => setTimeout(resolve, 1100))
  writeSpans(made, 1)
  await collector.until(() => collector.spans.length - known >= 512)
  await made.stop(Date.now() + 5000)
  assert.equal(collector.spans.length - known, 513)
  assert.deepEqual(told, ['telemetry_failed', 'telemetry_resumed'])
  assert.deepEqual(counted, { exported: 513, dropped: 0 })
})

test('the queue is bounded: what is over is dropped and counted', async () => {
  const { traces: made, told, counted } = traces('http://127.0.0.1:1')
  writeSpans(made, 5000)
  await made.stop(Date.now() + 5000)
  assert.deepEqual(counted, { exported: 0, dropped: 5000 })
  assert.deepEqual(told, ['telemetry_failed'])
})

test('what a collector refuses for good is not sent again; what it rejects of a batch is counted (OTLP, partial success)', async () => {
  const { traces: made, counted, told } = traces()
  const requests = collector.requests.length
  collector.answer(400)
  writeSpans(made, 512)
  await collector.until(() => counted.dropped === 512)
  assert.equal(collector.requests.length - requests, 1)
  collector.answer(200, '{"partialSuccess":{"rejectedSpans":"12","errorMessage":"too old"}}')
  writeSpans(made, 512)
  await made.stop(Date.now() + 5000)
  assert.deepEqual(counted, { exported: 500, dropped: 524 })
  assert.deepEqual(told, ['telemetry_failed'])
})

test('a redirect is not followed: the headers go to the collector alone', async () => {
  const { traces: made, counted } = traces()
  const requests = collector.requests.length
  collector.answer(307, '', { location: `${collector.url}/elsewhere` })
  writeSpans(made, 1)
  await made.stop(Date.now() + 5000)
  assert.deepEqual(counted, { exported: 0, dropped: 1 })
  assert.deepEqual(
    collector.requests.slice(requests).map(({ path }) => path),
    ['/v1/traces'],
  )
})
