import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createServer, type Server, type Socket } from 'node:net'
import { after, before, test } from 'node:test'
import { request } from 'undici'
import type { Reason } from '../../src/engine/reasons.ts'
import { type Ask, ask, assertDenied } from '../harness/ask.ts'
import { configurationFor, startGate, type TestGate, withGate } from '../harness/gate.ts'
import { metric } from '../harness/metric.ts'
import { openSocket, sendRaw } from '../harness/raw-client.ts'
import { until } from '../harness/until.ts'
import type { TestUpstream } from '../harness/upstream.ts'

/** No breaker opens, however much fails. */
const breaker = 'breaker: { failures: 1000 }'
const upstream = `timeout: 400ms, ${breaker}`
let gate: TestGate
let token: string
/** What a raw upstream does with a connection once a head has come. */
let misbehave: (socket: Socket) => void
let server: Server
let connections = 0

before(async () => {
  server = createServer((socket) => {
    connections++
    socket.on('error', () => {})
    socket.on('data', () => misbehave(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  gate = await startGate({ upstream })
  gate.configure(configurationFor({ upstream }, { url } as TestUpstream, gate.issuer))
  assert.equal(await gate.gateway.reload(), true)
  token = await gate.issuer.token()
})
after(async () => {
  await gate.stop()
  server.close()
})

const faults: readonly (readonly [
  name: string,
  misbehave: (socket: Socket) => void,
  status: number,
  reason: Reason,
])[] = [
  ['never answers', () => {}, 504, 'upstream_timeout'],
  [
    'sends hints (1xx) and no answer',
    (socket) => {
      const hints = setInterval(() => socket.write('HTTP/1.1 102 Processing\r\n\r\n'), 50)
      socket.once('close', () => clearInterval(hints))
    },
    504,
    'upstream_timeout',
  ],
  ['closes without a word', (socket) => socket.destroy(), 502, 'upstream_unreachable'],
  ['answers garbage', (socket) => socket.end('hello\r\n\r\n'), 502, 'response_invalid'],
  [
    'answers with two lengths',
    (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'),
    502,
    'response_invalid',
  ],
  [
    'answers with length and coding',
    (socket) =>
      socket.end('HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'),
    502,
    'response_invalid',
  ],
  [
    'answers with an endless head',
    (socket) => socket.end(`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(100_000)}\r\n\r\n`),
    502,
    'response_invalid',
  ],
  [
    'switches protocols',
    (socket) => socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n'),
    502,
    'response_invalid',
  ],
]
for (const [name, fault, status, reason] of faults) {
  test(`an upstream that ${name} is ${status} ${reason}`, async () => {
    misbehave = fault
    await assertDenied(
      gate,
      await ask(gate, '/things', { method: 'POST', token, body: '{"name":"x"}' }),
      status,
      reason,
    )
  })
}

test('a record of a broken head holds the code of what is wrong and nothing that stood in it, of an upstream and of a client alike', async () => {
  const canary = 'sesame-5f3759df'
  const begun = gate.log.length
  for (const line of [
    `Set-Cookie ${canary}`,
    `X: \u0000${canary}`,
    `${canary} : x`,
    `Content-Length: ${canary}`,
  ]) {
    misbehave = (socket) => socket.end(`HTTP/1.1 200 OK\r\n${line}\r\n\r\n`)
    const answer = await ask(gate, '/things', { method: 'POST', token, body: '{"name":"x"}' })
    await assertDenied(gate, answer, 502, 'response_invalid')
    const { detail } = await gate.logged(({ request_id }) => request_id === answer.fields.get('x-request-id'))
    assert.match(String(detail), /^HTTPParserError [A-Z][-\w ]+$/)
    const refused = await sendRaw(
      gate.gateway.addresses.http ?? '',
      `GET /things HTTP/1.1\r\n${line}\r\n\r\n`,
    )
    assert.equal(refused.status, 400)
  }
  const refusals = gate.log.slice(begun).filter(({ stage }) => stage === 'parse')
  assert.ok(refusals.length > 0)
  for (const { detail } of refusals) assert.doesNotMatch(String(detail), /Invalid|Parse Error/)
  assert.ok(!JSON.stringify(gate.log.slice(begun)).includes(canary))
})

test('an upstream that nobody listens at is 502 upstream_unreachable', async () => {
  const alone = await startGate()
  await alone.upstream.stop()
  await assertDenied(alone, await ask(alone, '/public'), 502, 'upstream_unreachable')
  const { detail } = await alone.logged(({ reason }) => reason === 'upstream_unreachable')
  assert.equal(detail, `ECONNREFUSED ${new URL(alone.upstream.url).host}`)
  await alone.gateway.stop()
  await alone.issuer.stop()
})

test('an answer that breaks off in the middle is broken off towards the client too, never ended', async () => {
  misbehave = (socket) => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf')
    setTimeout(() => socket.destroy(), 50)
  }
  await assert.rejects(
    request(`${gate.gateway.addresses.http}/things`, { headers: { authorization: `Bearer ${token}` } }).then(
      ({ body }) => body.text(),
    ),
  )
  await gate.logged(
    ({ reason, 'http.response.status_code': status }) => reason === 'upstream_unreachable' && status === 200,
  )
})

test('an answer that breaks off while it waits behind another ends the connection behind that', () =>
  withGate({}, async (own) => {
    const held: ServerResponse[] = []
    own.upstream.answer = (response) => void held.push(response)
    const client = openSocket(own.gateway.addresses.http ?? '')
    let text = ''
    client.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
    })
    for (const turn of [1, 2, 3]) {
      client.write('GET /public HTTP/1.1\r\nHost: a\r\n\r\n')
      await until(() => held.length === turn, 'it is under way')
    }
    held[1]?.writeHead(200, { 'content-length': '100' }).write('half')
    await new Promise((resolve) => setTimeout(resolve, 50))
    held[1]?.destroy()
    await new Promise((resolve) => setTimeout(resolve, 50))
    held[0]?.end('{}')
    await until(() => client.destroyed, 'the connection is closed')
    assert.match(text, /\{\}[\s\S]*half$/, 'a whole one, and what there was of the next')
    assert.equal(text.split('HTTP/1.1 ').length, 3, 'none of the third')
    await until(
      () => own.log.filter(({ operation }) => operation === 'getPublic').length === 3,
      'all are on record',
    )
  }))

test('a GET that met a connection just closing is sent once more; a POST is not (RFC 9110 9.2.2)', async () => {
  let turns = 0
  misbehave = (socket) => {
    turns++
    if (turns % 2 === 1)
      socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\n{}')
    else socket.destroy()
  }
  turns = 1
  assert.equal((await ask(gate, '/things', { token })).status, 200)
  assert.equal(turns, 3, 'refused once, answered the second time')
  turns = 1
  const denied = await ask(gate, '/things', { method: 'POST', token, body: '{"name":"x"}' })
  await assertDenied(gate, denied, 502, 'upstream_unreachable')
  assert.equal(turns, 2)
})

test('a client that goes away takes its upstream request with it', async () => {
  let closed = false
  misbehave = (socket) => {
    socket.on('close', () => {
      closed = true
    })
  }
  const socket = openSocket(gate.gateway.addresses.http ?? '')
  const before = connections
  socket.write(`GET /things HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\n\r\n`)
  while (connections === before) await new Promise((resolve) => setTimeout(resolve, 5))
  socket.destroy()
  for (let waited = 0; !closed && waited < 300; waited += 10)
    await new Promise((resolve) => setTimeout(resolve, 10))
  assert.ok(closed, 'before the timeout of 400 ms')
})

/** The shortest of some tries: a machine that stands still for a moment makes one longer, and none shorter. */
async function shortest(tries: number, tookMs: () => Promise<number>): Promise<number> {
  const all: number[] = []
  while (all.length < tries) all.push(await tookMs())
  return Math.min(...all)
}

test('an answer is waited for as long as is written, and not for a second', async () => {
  misbehave = () => {}
  const tookMs = await shortest(4, async () => {
    const startedMs = performance.now()
    await assertDenied(gate, await ask(gate, '/things', { token }), 504, 'upstream_timeout')
    return performance.now() - startedMs
  })
  assert.ok(tookMs > 399 && tookMs < 900, `${tookMs.toFixed(0)} ms of 400`)
})

test('an answer is waited for as long as is written also where that is seconds, and never less behind a body that streams', () =>
  withGate({ upstream: `timeout: 1497ms, ${breaker}` }, async (patient) => {
    patient.upstream.answer = () => {}
    const writer = await patient.issuer.token({ scope: 'things:write' })
    const upload = { method: 'PUT', token: writer, contentType: 'application/octet-stream', body: 'abc' }
    const took = async (lateMs: number, target: string, options: Ask) => {
      await new Promise((resolve) => setTimeout(resolve, lateMs))
      const startedMs = performance.now()
      await assertDenied(patient, await ask(patient, target, options), 504, 'upstream_timeout')
      return Math.ceil(performance.now() - startedMs)
    }
    const turns = Array.from({ length: 8 }, (_, turn) => turn * 60)
    const latest = await shortest(2, async () => {
      const [exact, streamed] = await Promise.all([
        Promise.all(turns.map((lateMs) => took(lateMs, '/public', {}))),
        Promise.all(turns.map((lateMs) => took(lateMs, '/files/a', upload))),
      ])
      assert.ok(Math.min(...exact, ...streamed) >= 1497, `${exact}; ${streamed}`)
      return Math.max(...exact)
    })
    assert.ok(latest < 2300, `${latest} ms of 1497`)
  }))

test('a connection that does not come about is waited for no longer than an answer', async () => {
  const sockets: Socket[] = []
  const silent = createServer((socket) => void sockets.push(socket))
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  // Its TLS never begins.
  const url = `https://127.0.0.1:${(silent.address() as AddressInfo).port}`
  await withGate({ workers: 1 }, async (waiting) => {
    const upstream = 'timeout: 400ms, connections: 3, breaker: { failures: 3, openFor: 60s }'
    waiting.configure(configurationFor({ upstream }, { url } as TestUpstream, waiting.issuer))
    assert.equal(await waiting.gateway.reload(), true)
    const writer = await waiting.issuer.token({ scope: 'things:write' })
    const upload = { method: 'PUT', token: writer, contentType: 'application/octet-stream', body: 'abc' }
    const startedMs = performance.now()
    const replies = await Promise.all([
      ask(waiting, '/public'),
      ask(waiting, '/files/a', upload),
      ask(waiting, '/files/a', { ...upload, body: 'a'.repeat(100_000) }),
    ])
    const tookMs = performance.now() - startedMs
    for (const reply of replies) await assertDenied(waiting, reply, 504, 'upstream_timeout')
    assert.ok(tookMs > 399 && tookMs < 2000, `${tookMs.toFixed(0)} ms of 400`)
    await assertDenied(waiting, await ask(waiting, '/public'), 503, 'overloaded')
    const running = () => metric(waiting, 'portcullis_upstream_requests{upstream="default",state="running"}')
    assert.equal(await running(), 3, 'their places are not free yet')
    for (const socket of sockets) socket.destroy()
    await until(async () => (await running()) === 0, 'all is let go of')
  })
  silent.close()
})

test('a GET that is sent once more is waited for no longer than once', async () => {
  const before = connections
  misbehave = (socket) => setTimeout(() => socket.destroy(), 300)
  const tookMs = await shortest(3, async () => {
    const startedMs = performance.now()
    await assertDenied(gate, await ask(gate, '/things', { token }), 504, 'upstream_timeout')
    return performance.now() - startedMs
  })
  assert.ok(tookMs > 399 && tookMs < 600, `${tookMs.toFixed(0)} ms of 400`)
  assert.ok(connections > before)
})

test('hints before the answer (1xx) are passed over', async () => {
  misbehave = (socket) =>
    socket.end('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}')
  const reply = await ask(gate, '/things', { token })
  assert.equal(reply.status, 200)
  assert.equal(reply.fields.get('link'), undefined)
})
