import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import { ask } from '../harness/ask.ts'
import { type Collector, type Span, startCollector } from '../harness/collector.ts'
import { startGate, type TestGate } from '../harness/gate.ts'
import { headerOf } from '../harness/upstream.ts'

const canary = 'canary-7f3a91'
const stages = [
  'parse',
  'admit',
  'normalize',
  'route',
  'authenticate',
  'limit',
  'authorize',
  'validate',
  'rules',
  'forward',
  'response',
]

let collector: Collector
before(async () => {
  collector = await startCollector()
})
after(() => collector.stop())

const telemetry = (sample: number) =>
  `telemetry: { otlp: { endpoint: "${collector.url}", headers: { x-tenant: one } }, traces: { sample: ${sample} } }`

/** Spans of a gate's requests; they are sent when it stops. */
async function spansOf(
  sample: number,
  more: string,
  requests: (gate: TestGate) => Promise<unknown>,
): Promise<readonly Span[]> {
  const gate = await startGate({ more: `${telemetry(sample)}\n${more}` })
  const known = collector.spans.length
  try {
    await requests(gate)
  } finally {
    await gate.stop()
  }
  return collector.spans.slice(known)
}

test('one span a request, by the conventions for HTTP servers, with the stages as events in their order', async () => {
  let traceparent = ''
  const spans = await spansOf(1, '', async (gate) => {
    const token = await gate.issuer.token({})
    await ask(gate, '/things?limit=5', { token })
    traceparent = headerOf(gate.upstream.seen[0] ?? assert.fail('nothing came'), 'traceparent') ?? ''
  })
  const [span] = spans
  assert.ok(span)
  assert.equal(spans.length, 1)
  assert.equal(traceparent, `00-${span.traceId}-${span.spanId}-01`, "the upstream's parent is this span")
  assert.equal(span.name, 'GET /things')
  assert.equal(span.kind, 2)
  assert.equal(span.parentSpanId, undefined)
  assert.equal(span.status, undefined)
  const { 'portcullis.request_id': id, ...attributes } = span.attributes
  assert.match(String(id), /^[0-9a-f]{32}$/)
  assert.deepEqual(attributes, {
    'http.request.method': 'GET',
    'http.route': '/things',
    'portcullis.operation': 'listThings',
    'http.response.status_code': 200,
    'url.scheme': 'http',
    'client.address': '127.0.0.1',
  })
  assert.deepEqual(
    span.events.map(({ name }) => name),
    stages,
  )
  const times = [
    span.startTimeUnixNano,
    ...span.events.map(({ timeUnixNano }) => timeUnixNano),
    span.endTimeUnixNano,
  ].map(BigInt)
  assert.deepEqual(
    times,
    times.toSorted((a, b) => Number(a - b)),
  )
  assert.ok(Math.abs(Number(times[0]) / 1e6 - Date.now()) < 60_000)
  assert.equal(collector.resource['service.name'], 'portcullis')
  assert.equal(collector.requests.find(({ path }) => path === '/v1/traces')?.headers['x-tenant'], 'one')
})

test('the last event of a denied request is the stage that denied it', async () => {
  const [denied] = await spansOf(1, '', (gate) => ask(gate, '/things'))
  assert.deepEqual(
    denied?.events.map(({ name }) => name),
    stages.slice(0, 5),
  )
})

test('denials are told whatever the sampler says, with stage and reason; what passes is not', async () => {
  const flags: string[] = []
  const spans = await spansOf(0, '', async (gate) => {
    const token = await gate.issuer.token({})
    await ask(gate, '/things', { token })
    flags.push(headerOf(gate.upstream.seen[0] ?? assert.fail('nothing came'), 'traceparent')?.slice(-2) ?? '')
    await ask(gate, '/things')
    await ask(gate, '/nowhere', { method: 'PURGE' })
    await ask(gate, '/things?limit=1000', { token })
    await gate.upstream.stop()
    await ask(gate, '/things', { token })
  })
  assert.deepEqual(flags, ['00'])
  const told = spans.map(({ name, attributes, status }) => [
    name,
    attributes['http.response.status_code'],
    attributes['portcullis.stage'],
    attributes['portcullis.reason'],
    attributes['error.type'],
    status?.code,
  ])
  assert.deepEqual(told, [
    ['GET /things', 401, 'authenticate', 'credential_missing', undefined, undefined],
    ['HTTP', 404, 'route', 'route_unknown', undefined, undefined],
    ['GET /things', 400, 'validate', 'parameter_invalid', undefined, undefined],
    ['GET /things', 502, 'forward', 'upstream_unreachable', 'upstream_unreachable', 2],
  ])
})

test("a trusted proxy's trace is joined and its word on sampling kept; another peer's is not", async () => {
  const traceId = '0af7651916cd43dd8448eb211c80319c'
  const headers = (flag: string) => [
    `traceparent: 00-${traceId}-b7ad6b7169203331-${flag}`,
    'tracestate: congo=t61rcWkgMzE',
  ]
  const visit = (flag: string) => async (gate: TestGate) => {
    await ask(gate, '/public', { headers: headers(flag) })
    return headerOf(gate.upstream.seen[0] ?? assert.fail('nothing came'), 'traceparent')
  }
  const trusted = 'trustedProxies: [127.0.0.0/8]'
  const [joined] = await spansOf(0, trusted, visit('01'))
  assert.equal(joined?.traceId, traceId)
  assert.equal(joined?.parentSpanId, 'b7ad6b7169203331')
  assert.equal(joined?.traceState, 'congo=t61rcWkgMzE')
  assert.equal(joined?.flags, 0x301)
  assert.deepEqual(
    joined?.events.map(({ name }) => name),
    stages,
  )
  assert.deepEqual(await spansOf(1, trusted, visit('00')), [])
  const [own] = await spansOf(1, '', visit('00'))
  assert.notEqual(own?.traceId, traceId)
  assert.equal(own?.parentSpanId, undefined)
  assert.equal(own?.traceState, undefined)
})

test('a tenth of the traces is a tenth', async () => {
  const { samplesTrace } = await import('../../src/engine/record/samples-trace.ts')
  const ids = Array.from({ length: 100_000 }, () => randomUUID().replaceAll('-', ''))
  for (const share of [0, 0.1, 0.5, 1]) {
    const taken = ids.filter((id) => samplesTrace(id, share)).length / ids.length
    assert.ok(Math.abs(taken - share) < 0.01, `${share}: ${taken}`)
  }
  const few = ids.filter((id) => samplesTrace(id, 0.1))
  assert.ok(
    few.every((id) => samplesTrace(id, 0.5)),
    'who samples more takes what others take',
  )
})

test('no header, query, path, body or claim of a client stands in a span (attack G1)', async () => {
  const spans = await spansOf(1, '', async (gate) => {
    const token = await gate.issuer.token({ sub: `${canary}-sub`, scope: `${canary}-scope` })
    const headers = [
      `User-Agent: ${canary}`,
      `Cookie: theme=${canary}`,
      `X-Trace-Mode: ${canary}`,
      `tracestate: a=${canary}`,
    ]
    await ask(gate, `/things?tag=${canary}`, { token, headers })
    await ask(gate, `/things/${canary}`, { token })
    await ask(gate, `/${canary}`, { token, method: canary.toUpperCase() })
    await ask(gate, '/things', { token: `${canary}.x.y` })
    await ask(gate, '/things', { token, method: 'POST', body: JSON.stringify({ name: canary, [canary]: 1 }) })
  })
  assert.equal(spans.length, 5)
  assert.ok(!JSON.stringify(spans).toLowerCase().includes(canary))
})
