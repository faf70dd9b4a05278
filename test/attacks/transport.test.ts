import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { after, before, test } from 'node:test'
import { ask, assertDenied, assertNotForwarded } from '../harness/ask.ts'
import { startGate, type TestGate, withGate } from '../harness/gate.ts'
import { metric } from '../harness/metric.ts'
import { openSocket, sendRaw } from '../harness/raw-client.ts'
import { until } from '../harness/until.ts'

let gate: TestGate
let token: string
let http: string
let https: string
let ca: Buffer

before(async () => {
  gate = await startGate()
  token = await gate.issuer.token()
  http = gate.gateway.addresses.http ?? ''
  https = gate.gateway.addresses.https ?? ''
  ca = readFileSync(gate.certificateFile)
})
after(() => gate.stop())

const post = (framing: string, rest = '') =>
  `POST /things HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\n${framing}\r\n\r\n${rest}`

/** Every listener: 400, a problem document, a record, the connection closed, the upstream untouched. */
async function refusedAndClosed(name: string, octets: string): Promise<void> {
  for (const [origin, options] of [
    [http, {}],
    [https, { ca }],
  ] as const) {
    const before = gate.upstream.heads
    const reply = await sendRaw(origin, octets, options)
    await assertDenied(gate, reply, 400, 'malformed_request')
    assert.ok(reply.closed, `${name}: the connection stays open`)
    assert.equal(gate.upstream.heads, before, `${name}: the upstream saw something`)
  }
}

const framings: readonly (readonly [name: string, octets: () => string])[] = [
  [
    'Content-Length and Transfer-Encoding',
    () => post('Content-Length: 6\r\nTransfer-Encoding: chunked', '0\r\n\r\nX'),
  ],
  [
    'Transfer-Encoding and Content-Length',
    () => post('Transfer-Encoding: chunked\r\nContent-Length: 6', '0\r\n\r\nX'),
  ],
  ['two lengths', () => post('Content-Length: 12\r\nContent-Length: 13', '{"name":"x"}')],
  ['a list of lengths', () => post('Content-Length: 12, 12', '{"name":"x"}')],
  ['a signed length', () => post('Content-Length: +12', '{"name":"x"}')],
  ['a hexadecimal length', () => post('Content-Length: 0xC', '{"name":"x"}')],
  ['a negative length', () => post('Content-Length: -1')],
  ['a space before the colon of the length', () => post('Content-Length : 12', '{"name":"x"}')],
  ['a space before the colon of the coding', () => post('Transfer-Encoding : chunked', '0\r\n\r\n')],
  ['an unknown coding', () => post('Transfer-Encoding: xchunked', '0\r\n\r\n')],
  ['identity coding', () => post('Transfer-Encoding: identity', '0\r\n\r\n')],
  ['chunked not last', () => post('Transfer-Encoding: chunked, gzip', '0\r\n\r\n')],
  ['chunked in a list', () => post('Transfer-Encoding: gzip, chunked', '0\r\n\r\n')],
  ['H3 an empty list member before chunked', () => post('Transfer-Encoding: ,chunked', '0\r\n\r\n')],
  ['H3 chunked twice', () => post('Transfer-Encoding: chunked, chunked', '0\r\n\r\n')],
  [
    'H3 two coding fields',
    () => post('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked', '0\r\n\r\n'),
  ],
  ['H3 obs-text in a value', () => post('X-Trace-Mode: \x80\r\nContent-Length: 0')],
  ['a vertical tab before chunked', () => post('Transfer-Encoding: \x0bchunked', '0\r\n\r\n')],
  ['a folded coding', () => post('Transfer-Encoding:\r\n chunked', '0\r\n\r\n')],
  ['a bare line feed between fields', () => `GET /things HTTP/1.1\nHost: a\n\n`],
  ['a bare carriage return in a field', () => `GET /things HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n`],
  ['a space before the first field', () => `GET /things HTTP/1.1\r\n Host: a\r\n\r\n`],
  ['a field without a colon', () => `GET /things HTTP/1.1\r\nHost: a\r\nTransfer-Encoding\r\n\r\n`],
  ['an empty field name', () => `GET /things HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n`],
  ['no Host (H5)', () => `GET /things HTTP/1.1\r\nAuthorization: Bearer ${token}\r\n\r\n`],
  ['two Hosts', () => `GET /things HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n`],
  ['a Host with user information', () => `GET /things HTTP/1.1\r\nHost: a@b\r\n\r\n`],
  ['an unknown protocol', () => 'GET /things HTTQ/1.1\r\nHost: a\r\n\r\n'],
  [
    'HTTP/1.1 with a coding under HTTP/1.0',
    () => post('Transfer-Encoding: chunked', '0\r\n\r\n').replace('HTTP/1.1', 'HTTP/1.0'),
  ],
  ['HTTP/2 preface', () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['garbage', () => '\x16\x03\x01\x02\x00garbage\r\n\r\n'],
  ['CONNECT', () => 'CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n'],
]
for (const [name, octets] of framings)
  test(`E1 ${name}: 400 and close`, () => refusedAndClosed(name, octets()))

const chunks: readonly (readonly [string, string])[] = [
  ['a bad chunk size', 'zz\r\n{"name":"x"}\r\n0\r\n\r\n'],
  ['a chunk size with 0x', '0xc\r\n{"name":"x"}\r\n0\r\n\r\n'],
  ['a chunk size that overflows', 'fffffffffffffffff\r\n{"name":"x"}\r\n0\r\n\r\n'],
  ['a chunk longer than its size', 'b\r\n{"name":"x"}\r\n0\r\n\r\n'],
  ['a bare line feed after a chunk size', 'c\n{"name":"x"}\r\n0\r\n\r\n'],
]
for (const [name, body] of chunks)
  test(`H4 ${name}: the upstream has seen nothing`, () =>
    refusedAndClosed(name, post('Transfer-Encoding: chunked', body)))

test('H4 bad framing in a streamed body: the upstream request is broken off, never completed', async () => {
  const before = gate.upstream.seen.length
  const head = `PUT /files/a HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n\r\n`
  const reply = await sendRaw(http, `${head}5\r\nhello\r\nzz\r\n`)
  assert.equal(reply.status, 400, reply.text)
  assert.ok(reply.closed)
  await new Promise((resolve) => setTimeout(resolve, 100))
  assert.equal(gate.upstream.seen.length, before)
})

test('E2 octets after an early refusal are not read as a request', async () => {
  const smuggled = `GET /public HTTP/1.1\r\nHost: a\r\n\r\n`
  const before = gate.upstream.heads
  const big = `POST /things HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 500000\r\n\r\n`
  const reply = await sendRaw(http, big + smuggled, { lingerMs: 1500 })
  await assertDenied(gate, reply, 401, 'credential_missing')
  assert.ok(reply.closed)
  assert.equal(reply.text.split('HTTP/1.1 ').length, 2, 'one answer, no more')
  assert.equal(gate.upstream.heads, before)
})

test('a small refused body is skipped by the same parser, and the connection goes on', async () => {
  const denied = `POST /things HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n{"name":"x"}`
  const next = `GET /public HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`
  const before = gate.upstream.heads
  const reply = await sendRaw(http, denied + next, { lingerMs: 300 })
  assert.equal(reply.status, 401)
  assert.equal(reply.text.split('HTTP/1.1 ').length, 3)
  assert.match(reply.text, /HTTP\/1\.1 200/)
  assert.equal(gate.upstream.heads, before + 1)
})

test('E1, E2 what came in one packet behind a request that cannot be trusted is not forwarded', async () => {
  const get = 'GET /public HTTP/1.1\r\nHost: a\r\n\r\n'
  for (const untrusted of [
    'GET /public HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
    'POST /things HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n',
  ]) {
    const [heads, lines] = [gate.upstream.heads, gate.log.length]
    const reply = await sendRaw(http, untrusted + get)
    await assertDenied(gate, reply, 400, 'malformed_request')
    assert.equal(reply.text.split('HTTP/1.1 ').length, 2)
    assert.equal(gate.upstream.heads, heads)
    const statuses = () => gate.log.slice(lines).map((line) => line['http.response.status_code'])
    await until(() => statuses().includes(400) && statuses().includes(null), 'both are on record')
  }
})

test('what comes behind a refusal that closes the connection is no request (RFC 9112 9.6)', async () => {
  const get = 'GET /public HTTP/1.1\r\nHost: a\r\n\r\n'
  const lines = gate.log.length
  const head = 'PUT /files/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n'
  const socket = openSocket(http)
  socket.write(head)
  await new Promise((resolve) => socket.once('data', resolve))
  socket.write(`0\r\n\r\n${get}`)
  await new Promise((resolve) => socket.resume().once('close', resolve))
  await new Promise((resolve) => setTimeout(resolve, 100))
  assert.deepEqual(
    gate.log.slice(lines).flatMap(({ reason }) => reason ?? []),
    ['credential_missing'],
  )
})

test('garbage behind a sound request does not change its answer, and is on record', async () => {
  const reply = await sendRaw(http, `GET /public HTTP/1.1\r\nHost: a\r\n\r\n\x00\x00garbage\r\n\r\n`)
  assert.equal(reply.status, 200, reply.text)
  assert.ok(reply.closed)
  assert.equal(reply.text.split('HTTP/1.1 ').length, 2)
  await gate.logged(
    ({ event, reason, 'http.response.status_code': status }) =>
      event === 'denied' && reason === 'malformed_request' && status === null,
  )
})

test('garbage that goes on and on is on record once', () =>
  withGate({}, async (own) => {
    let finish = () => {}
    own.upstream.answer = (response) => {
      finish = () => response.end('{}')
    }
    const socket = openSocket(own.gateway.addresses.http ?? '')
    socket.write('GET /public HTTP/1.1\r\nHost: a\r\n\r\n\x00garbage')
    await own.logged(({ reason }) => reason === 'malformed_request')
    for (let packet = 0; packet < 5; packet++) {
      socket.write('garbage')
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    finish()
    await new Promise((resolve) => socket.resume().once('close', resolve))
    await own.logged(({ event }) => event === 'request')
    assert.equal(own.log.filter(({ reason }) => reason === 'malformed_request').length, 1)
  }))

test('CONNECT behind a sound request does not change its answer', async () => {
  const get = 'GET /public HTTP/1.1\r\nHost: a\r\n\r\n'
  const reply = await sendRaw(http, `${get}CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n`)
  assert.equal(reply.status, 200, reply.text)
  assert.ok(reply.closed)
  assert.equal(reply.text.split('HTTP/1.1 ').length, 2)
})

test('E2 what is dropped behind a refusal takes no answer before it along, whatever follows', async () => {
  const get = 'GET /public HTTP/1.1\r\nHost: a\r\n'
  for (const end of ['\x00garbage\r\n\r\n', 'CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n']) {
    const heads = gate.upstream.heads
    const reply = await sendRaw(http, `${get}\r\n${get}Host: b\r\n\r\n${get}\r\n${end}`)
    assert.deepEqual(reply.text.match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 200', 'HTTP/1.1 400'])
    assert.ok(reply.closed)
    assert.equal(gate.upstream.heads, heads + 1)
  }
})

test('CONNECT behind a request does not hold up its answer, however large', () =>
  withGate({}, async (own) => {
    const octets = 4 * 1024 * 1024
    own.upstream.answer = (response) => response.end('x'.repeat(octets))
    const get = 'GET /public HTTP/1.1\r\nHost: a\r\n\r\n'
    const reply = await sendRaw(
      own.gateway.addresses.http ?? '',
      `${get}CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n`,
    )
    assert.equal(reply.body.length, octets)
    assert.ok(reply.closed)
  }))

test('E3 CONNECT behind requests and then a reset leaves none of them under way', () =>
  withGate({}, async (own) => {
    own.upstream.answer = () => {}
    const get = 'GET /public HTTP/1.1\r\nHost: a\r\n\r\n'
    const socket = openSocket(own.gateway.addresses.http ?? '')
    socket.write(`${get}${get}CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n`)
    await until(() => own.upstream.heads === 2, 'both are under way')
    socket.resetAndDestroy()
    const running = 'portcullis_upstream_requests{upstream="default",state="running"}'
    await until(async () => (await metric(own, running)) === 0, 'both are over')
    await until(() => own.log.filter(({ event }) => event === 'request').length === 2, 'both are on record')
  }))

test('E3 CONNECT and then a reset ends its connection and nothing else', () =>
  withGate({}, async (own) => {
    const port = Number(new URL(own.gateway.addresses.http ?? '').port)
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    socket.write('CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n')
    await new Promise((resolve) => socket.once('data', resolve))
    socket.resetAndDestroy()
    await new Promise((resolve) => setTimeout(resolve, 50))
    assert.equal((await ask(own, '/public')).status, 200)
  }))

test('E3 a head over its limits is 431 or 414, with a problem document', async () => {
  const many = Array.from({ length: 200 }, (_, i) => `X-H${i}: v`)
  await assertNotForwarded(gate, ask(gate, '/things', { token, headers: many }), 431, 'header_too_large')
  await assertNotForwarded(
    gate,
    ask(gate, '/things', { token, headers: [`X-Big: ${'x'.repeat(40_000)}`] }),
    431,
    'header_too_large',
  )
  await assertNotForwarded(gate, ask(gate, `/things?tag=${'x'.repeat(9000)}`, { token }), 414, 'uri_too_long')
})

test('a client that goes away in the middle of its body is on record, and the upstream has seen nothing', async () => {
  const mocked = await startGate()
  try {
    const origin = mocked.gateway.addresses.http ?? ''
    const bearer = await mocked.issuer.token()
    const socket = openSocket(origin)
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
    const inFlight = () => metric(mocked, 'http_server_active_requests')
    socket.on('error', () => {})
    socket.write(
      `POST /things HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${bearer}\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n{`,
    )
    await until(async () => (await inFlight()) === 1, 'it is being read')
    socket.destroy()
    await closed
    const line = await mocked.logged(
      ({ event, 'http.request.method': method }) => event === 'denied' && method === 'POST',
    )
    assert.equal(line.reason, 'malformed_request')
    assert.equal(mocked.upstream.heads, 0)
  } finally {
    await mocked.stop()
  }
})

test('upgrades are refused', async () => {
  const headers = [
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  ]
  const reply = await assertNotForwarded(
    gate,
    ask(gate, '/things', { token, headers }),
    400,
    'upgrade_refused',
  )
  assert.equal(reply.fields.get('connection'), 'close')
  await assertNotForwarded(
    gate,
    ask(gate, '/things', {
      token,
      headers: ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAAP__'],
    }),
    400,
    'upgrade_refused',
  )
})

test('Expect: 100-continue is answered once the head is allowed, and not before', async () => {
  const head = (bearer: string) =>
    `POST /things HTTP/1.1\r\nHost: a\r\n${bearer}Content-Type: application/json\r\nContent-Length: 12\r\nExpect: 100-continue\r\n\r\n`
  const refused = await sendRaw(http, head(''), { lingerMs: 1500 })
  await assertDenied(gate, refused, 401, 'credential_missing')
  assert.ok(refused.closed)
  const socket = openSocket(http)
  const lines: string[] = []
  const done = new Promise<void>((resolve) => {
    socket.on('data', (chunk: Buffer) => {
      lines.push(chunk.toString('latin1'))
      if (chunk.toString('latin1').startsWith('HTTP/1.1 100 Continue')) socket.write('{"name":"x"}')
      if (lines.join('').includes('HTTP/1.1 200')) resolve()
    })
  })
  socket.write(head(`Authorization: Bearer ${token}\r\n`))
  await done
  socket.destroy()
  await assertNotForwarded(
    gate,
    ask(gate, '/things', { token, headers: ['Expect: 200-ok'] }),
    417,
    'expectation_failed',
  )
})

test('E5 with hosts configured, another Host or server name is 421', async () => {
  const named = await startGate({ more: 'hosts: [localhost, api.example.com]' })
  try {
    const origin = named.gateway.addresses.https ?? ''
    const own = readFileSync(named.certificateFile)
    const get = (host: string) => `GET /public HTTP/1.1\r\nHost: ${host}\r\n\r\n`
    assert.equal((await sendRaw(origin, get('localhost'), { ca: own, lingerMs: 0 })).status, 200)
    await assertNotForwarded(
      named,
      sendRaw(origin, get('api.example.com'), { ca: own, lingerMs: 0 }),
      421,
      'misdirected_request',
    )
    await assertNotForwarded(
      named,
      sendRaw(origin, get('evil.example.com'), { ca: own, lingerMs: 0 }),
      421,
      'misdirected_request',
    )
    const plain = named.gateway.addresses.http ?? ''
    await assertNotForwarded(
      named,
      sendRaw(plain, get('evil.example.com'), { lingerMs: 0 }),
      421,
      'misdirected_request',
    )
  } finally {
    await named.stop()
  }
})
