import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { ask, assertNotForwarded } from '../harness/ask.ts'
import { startGate, type TestGate } from '../harness/gate.ts'
import { sendRaw } from '../harness/raw-client.ts'
import { headerOf, type SeenRequest } from '../harness/upstream.ts'

let gate: TestGate
let token: string

before(async () => {
  gate = await startGate({
    upstream: 'identityHeaders: { X-User-Id: token.sub, X-Team: token.team }',
    more: 'trustedProxies: [10.0.0.0/8]',
  })
  token = await gate.issuer.token()
})
after(() => gate.stop())

async function forwarded(target: string, headers: readonly string[], bearer = token): Promise<SeenRequest> {
  const reply = await ask(gate, target, { token: bearer, headers })
  assert.equal(reply.status, 200, reply.text)
  const seen = gate.upstream.seen.at(-1)
  assert.ok(seen)
  return seen
}

test('B1 our identity headers come from us alone, also when the claim is missing', async () => {
  const seen = await forwarded('/things', ['X-User-Id: admin', 'x-user-id: root', 'X-Team: blue'])
  assert.equal(headerOf(seen, 'x-user-id'), 'alice')
  assert.equal(seen.headers.filter((name) => name.toLowerCase() === 'x-user-id').length, 1)
  assert.equal(headerOf(seen, 'x-team'), null)
  assert.equal(headerOf(await forwarded('/public', ['X-User-Id: admin'], ''.padEnd(0)), 'x-user-id'), null)
})

test('B2 names with an underscore are dropped', async () => {
  const seen = await forwarded('/things', ['X_User_Id: admin', 'X-User_Id: admin', 'Content_Length: 5'])
  assert.ok(!seen.headers.some((text, index) => (index % 2 === 0 ? text.includes('_') : text === 'admin')))
})

test('B3 rewriting headers influence nothing and are not passed on', async () => {
  const rewriting = [
    'X-Original-URL: /admin',
    'X-Rewrite-URL: /admin',
    'X-Forwarded-Uri: /admin',
    'X-HTTP-Method-Override: DELETE',
  ]
  const seen = await forwarded('/things', rewriting)
  assert.equal(seen.target, '/things')
  assert.equal(seen.method, 'GET')
  for (const header of rewriting) assert.equal(headerOf(seen, header.split(':')[0] ?? ''), null)
  await assertNotForwarded(
    gate,
    ask(gate, '/admin', { token, headers: ['X-Original-URL: /public'] }),
    403,
    'scope_missing',
  )
})

test('B4 forwarding fields of an untrusted peer are rebuilt', async () => {
  const seen = await forwarded('/things', [
    'X-Forwarded-For: 1.2.3.4',
    'X-Forwarded-Proto: https',
    'X-Forwarded-Host: evil.example.com',
    'X-Forwarded-Prefix: /x',
    'X-Forwarded-Port: 1',
    'Forwarded: for=1.2.3.4',
    'X-Real-IP: 1.2.3.4',
    'X-Request-Id: chosen-by-client',
  ])
  assert.equal(headerOf(seen, 'x-forwarded-for'), '127.0.0.1')
  assert.equal(headerOf(seen, 'x-forwarded-proto'), 'http')
  assert.equal(headerOf(seen, 'x-forwarded-host'), 'api.example.com')
  for (const name of ['x-forwarded-prefix', 'x-forwarded-port', 'forwarded', 'x-real-ip'])
    assert.equal(headerOf(seen, name), null)
  assert.notEqual(headerOf(seen, 'x-request-id'), 'chosen-by-client')
  const warned = gate.log.filter(({ event }) => event === 'forwarding_ignored')
  assert.equal(warned.length, 1, 'warned about once')
})

test('B5 a rotating X-Forwarded-For does not dodge a limit by address', async () => {
  const tight = await startGate({ limits: '[{ name: a, by: address, rate: 1/h, burst: 5 }]' })
  try {
    const statuses: number[] = []
    for (let i = 0; i < 8; i++)
      statuses.push((await ask(tight, '/public', { headers: [`X-Forwarded-For: 9.9.9.${i}`] })).status)
    assert.deepEqual(statuses, [200, 200, 200, 200, 200, 429, 429, 429])
  } finally {
    await tight.stop()
  }
})

test('B6 no path and no User-Agent is exempt on the data port', async () => {
  for (const path of ['/livez', '/readyz', '/metrics', '/health', '/healthz', '/ping', '/.well-known/x'])
    await assertNotForwarded(gate, ask(gate, path), 404, 'route_unknown')
  for (const agent of ['GoogleHC/1.0', 'kube-probe/1.30', 'ELB-HealthChecker/2.0'])
    await assertNotForwarded(
      gate,
      ask(gate, '/things', { headers: [`User-Agent: ${agent}`] }),
      401,
      'credential_missing',
    )
})

test('B7 Connection cannot remove what the gateway adds, nor smuggle what it removes', async () => {
  const seen = await forwarded('/things', [
    'Connection: X-User-Id, X-Forwarded-For, Keep-Alive',
    'Keep-Alive: timeout=5',
  ])
  assert.equal(headerOf(seen, 'x-user-id'), 'alice')
  assert.equal(headerOf(seen, 'x-forwarded-for'), '127.0.0.1')
  assert.ok(headerOf(seen, 'host'))
  for (const name of ['keep-alive', 'te', 'upgrade', 'proxy-connection'])
    assert.equal(headerOf(seen, name), null)
  await assertNotForwarded(
    gate,
    ask(gate, '/things', {
      headers: [
        `Authorization: Bearer ${token}`,
        `Connection: Authorization`,
        `Authorization: Bearer ${token}`,
      ],
    }),
    400,
    'credential_ambiguous',
  )
})

test('B7 what Connection names is not there to be read, and must not be what all recipients need', async () => {
  for (const [name, ...more] of [
    ['Content-Type'],
    ['content-encoding', 'Content-Encoding: identity'],
    ['Content-Length'],
    ['Host'],
    ['close, Authorization'],
    ['Cookie', 'Cookie: theme=dark'],
    ['Origin', 'Origin: https://a.example'],
    ['X-Forwarded-For', 'X-Forwarded-For: 10.0.0.1'],
    ['Sec-Fetch-Site', 'Sec-Fetch-Site: cross-site'],
  ])
    await assertNotForwarded(
      gate,
      ask(gate, '/things', {
        method: 'POST',
        token,
        body: '{"name":"x"}',
        headers: [`Connection: ${name}`, ...more],
      }),
      400,
      'malformed_request',
    )
  const needed = (...headers: readonly string[]) => ask(gate, '/needed', { token, headers })
  assert.equal((await needed('X-Mode: full')).status, 200)
  await assertNotForwarded(gate, needed('X-Mode: full', 'Connection: X-Mode'), 400, 'parameter_invalid')
})

test('B8 a single-value header that stands twice is refused', async () => {
  for (const line of [
    'Host: other.example.com',
    'Content-Type: text/plain',
    'Content-Length: 0',
    'Cookie: a=b',
    'Origin: https://a.example',
    'If-Modified-Since: x',
    'Idempotency-Key: 1',
  ])
    await assertNotForwarded(
      gate,
      ask(gate, '/things', { token, headers: [line, line] }),
      400,
      'malformed_request',
    )
  await assertNotForwarded(
    gate,
    ask(gate, '/things', { token, headers: ['X-Trace-Mode: full', 'X-Trace-Mode: none'] }),
    400,
    'parameter_invalid',
  )
})

test('B9 certificate headers without a certificate are cleared', async () => {
  const names = [
    'X-Forwarded-Client-Cert',
    'Ssl-Client-Cert',
    'Ssl-Client-Verify',
    'Ssl-Client-S-Dn',
    'X-Client-Cert',
    'Client-Cert',
    'X-SSL-Client-Verify',
  ]
  const seen = await forwarded(
    '/things',
    names.map((name) => `${name}: SUCCESS`),
  )
  for (const name of names) assert.equal(headerOf(seen, name), null, name)
})

test('B10 CR, LF, NUL and other controls in a value or target are refused', async () => {
  const { http } = gate.gateway.addresses
  assert.ok(http)
  for (const octets of [
    'X-Trace-Mode: a\rb',
    'X-Trace-Mode: a\0b',
    'X-Trace-Mode: a\x01b',
    'X-Trace-Mode: a\x7fb',
    'X-Trace-Mode: a\n b',
    'X-Trace-Mode: \xe9',
  ]) {
    const before = gate.upstream.heads
    const reply = await sendRaw(
      http,
      `GET /things HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\n${octets}\r\n\r\n`,
    )
    assert.equal(reply.status, 400, octets)
    assert.equal(gate.upstream.heads, before)
    assert.match(reply.body, /malformed_request/)
  }
  for (const target of ['/things%0d%0aX: y', '/things\0', '/th\x7fings', '/things?limit=1%0d%0a']) {
    const before = gate.upstream.heads
    const reply = await sendRaw(
      http,
      `GET ${target} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\n\r\n`,
    )
    assert.ok(reply.status >= 400 && reply.status < 500, `${target} → ${reply.status}`)
    assert.equal(gate.upstream.heads, before)
  }
})

test('a trace of a peer that is not trusted is neither joined nor handed on (W3C Trace Context 4.3)', async () => {
  const headers = [
    'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    'tracestate: congo=t61rcWkgMzE',
  ]
  assert.equal((await ask(gate, '/things', { token, headers })).status, 200)
  const seen = gate.upstream.seen.at(-1)
  assert.ok(seen)
  assert.doesNotMatch(
    headerOf(seen, 'traceparent') ?? '',
    /0af7651916cd43dd8448eb211c80319c|b7ad6b7169203331/,
  )
  assert.equal(headerOf(seen, 'tracestate'), null)
})

test('behind a trusted proxy the fields are believed, and a client cannot stand in for one', async () => {
  const trusting = await startGate({ more: 'trustedProxies: [127.0.0.0/8]' })
  try {
    const headers = [
      'X-Forwarded-For: 6.6.6.6, 198.51.100.7',
      'X-Request-Id: from-the-proxy-17',
      'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00',
      'tracestate: congo=t61rcWkgMzE',
      'tracestate: rojo=1',
    ]
    const reply = await ask(trusting, '/things', { token: await trusting.issuer.token(), headers })
    assert.equal(reply.status, 200)
    assert.equal(reply.fields.get('x-request-id'), 'from-the-proxy-17')
    const [seen] = trusting.upstream.seen
    assert.ok(seen)
    assert.equal(headerOf(seen, 'x-forwarded-for'), '198.51.100.7')
    assert.match(headerOf(seen, 'traceparent') ?? '', /^00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-00$/)
    assert.ok(!headerOf(seen, 'traceparent')?.includes('b7ad6b7169203331'))
    assert.equal(headerOf(seen, 'tracestate'), 'congo=t61rcWkgMzE,rojo=1')
    const line = await trusting.logged(({ event }) => event === 'request')
    assert.equal(line['client.address'], '198.51.100.7')
    assert.equal(line.trace_id, '0af7651916cd43dd8448eb211c80319c')
  } finally {
    await trusting.stop()
  }
})
