import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ask, assertDenied, assertNotForwarded } from '../harness/ask.ts'
import { freePort } from '../harness/free-port.ts'
import { project, startGate, type TestGate, withGate } from '../harness/gate.ts'
import { metric } from '../harness/metric.ts'
import { sendRaw } from '../harness/raw-client.ts'
import { until } from '../harness/until.ts'

const breakerOf = (gate: TestGate) => metric(gate, 'portcullis_upstream_breaker{upstream="default"}')

const operation = (priority: string) => ({
  get: {
    operationId: priority,
    security: [],
    'x-portcullis': { priority },
    responses: { 200: { description: 'ok' } },
  },
})
const ranked = {
  openapi: '3.1.0',
  info: { title: 'Ranks', version: '1' },
  paths: {
    '/low': operation('low'),
    '/normal': operation('normal'),
    '/high': operation('high'),
    '/critical': operation('critical'),
  },
}

/** Breakers and the bounds of an upstream are those of one worker: with two, each counts only what it got itself. */
const workers = 1
/** Open for so long that all that is asked meanwhile is, on a machine that is busy too. */
const openForMs = 2000
const breaker = `breaker: { failures: 3, openFor: ${openForMs}ms }`

/** Three calls fail; then the breaker is open and nothing is sent. */
async function opens(gate: TestGate, status: number, reason: 'upstream_timeout' | 'upstream_unreachable') {
  for (let i = 0; i < 3; i++) await assertDenied(gate, await ask(gate, '/public'), status, reason)
  const before = gate.upstream.heads
  const startedMs = performance.now()
  const refused = await ask(gate, '/public')
  await assertDenied(gate, refused, 503, 'overloaded')
  // Until it is tried again, which is in up to two seconds, and up to four more.
  assert.match(refused.fields.get('retry-after') ?? '', /^[1-6]$/)
  assert.ok(performance.now() - startedMs < 150, 'at once')
  assert.equal(gate.upstream.heads, before)
  assert.equal((await gate.logged(({ event }) => event === 'breaker_opened')).upstream, 'default')
  assert.equal(await breakerOf(gate), 2)
  const anonymous = await ask(gate, '/things')
  await assertDenied(gate, anonymous, 401, 'credential_missing')
}

test('an upstream that hangs is left alone, tried again with one request, and used again once it answers', () =>
  withGate({ workers, upstream: `timeout: 200ms, ${breaker}` }, async (gate) => {
    const { answer } = gate.upstream
    gate.upstream.answer = () => {}
    await opens(gate, 504, 'upstream_timeout')
    await sleep(openForMs)
    const before = gate.upstream.heads
    const tried = await Promise.all(Array.from({ length: 5 }, () => ask(gate, '/public')))
    assert.deepEqual(tried.map(({ status }) => status).toSorted(), [503, 503, 503, 503, 504])
    assert.equal(gate.upstream.heads, before + 1, 'one probe')
    await assertNotForwarded(gate, ask(gate, '/public'), 503, 'overloaded')
    gate.upstream.answer = answer
    await sleep(openForMs)
    assert.equal((await ask(gate, '/public')).status, 200)
    assert.equal(await breakerOf(gate), 0)
    await gate.logged(({ event }) => event === 'breaker_closed')
    const all = await Promise.all(Array.from({ length: 5 }, () => ask(gate, '/public')))
    assert.ok(all.every(({ status }) => status === 200))
  }))

test('E3 bodies that come slowly neither keep a half-open breaker from trying again nor, broken off later, add to its probes', () =>
  withGate({ workers, upstream: `timeout: 200ms, ${breaker}` }, async (gate) => {
    const token = await gate.issuer.token({ scope: 'things:write' })
    const { answer } = gate.upstream
    gate.upstream.answer = () => {}
    await opens(gate, 504, 'upstream_timeout')
    gate.upstream.answer = answer
    const slow: Socket[] = []
    /** Resolves once it has arrived: what arrives afterwards is another. */
    const begin = async () => {
      const before = gate.upstream.heads
      const socket = connect(Number(new URL(gate.gateway.addresses.http ?? '').port), '127.0.0.1')
      socket.on('error', () => {})
      socket.write(
        `PUT /files/a HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/octet-stream\r\nContent-Length: 1000\r\n\r\nx`,
      )
      slow.push(socket)
      await until(() => gate.upstream.heads > before, 'it is a probe')
    }
    const running = () => metric(gate, 'portcullis_upstream_requests{upstream="default",state="running"}')
    const drip = setInterval(() => {
      for (const socket of slow) socket.write('x')
    }, 50)
    try {
      await sleep(openForMs)
      await begin()
      assert.equal(await breakerOf(gate), 1)
      await assertNotForwarded(gate, ask(gate, '/public'), 503, 'overloaded')
      await sleep(openForMs)
      await begin()
      slow[0]?.destroy()
      await until(async () => (await running()) === 1, 'the first is broken off')
      await assertNotForwarded(gate, ask(gate, '/public'), 503, 'overloaded')
      await until(async () => (await ask(gate, '/public')).status === 200, 'it is tried again')
      assert.equal(await breakerOf(gate), 0)
    } finally {
      clearInterval(drip)
      for (const socket of slow) socket.destroy()
    }
  }))

test('calls from before an upstream recovered do not shut it again when their time is over', () =>
  withGate({ workers, upstream: 'timeout: 4s, breaker: { failures: 3, openFor: 200ms }' }, async (gate) => {
    const { answer } = gate.upstream
    gate.upstream.answer = () => {}
    const early = Array.from({ length: 3 }, () => ask(gate, '/public'))
    // Half of it: the late ones are under way before the early ones end, and it recovers before they end.
    await sleep(2000)
    const late = Array.from({ length: 6 }, () => ask(gate, '/public'))
    await until(() => gate.upstream.heads === 9, 'all are under way')
    for (const { status } of await Promise.all(early)) assert.equal(status, 504)
    assert.equal(await breakerOf(gate), 2)
    gate.upstream.answer = answer
    await until(async () => (await ask(gate, '/public')).status === 200, 'it is tried again')
    for (const { status } of await Promise.all(late)) assert.equal(status, 504)
    assert.equal((await ask(gate, '/public')).status, 200)
    assert.equal(gate.log.filter(({ event }) => event === 'breaker_opened').length, 1)
  }))

test('of a breaker from before a reload, by which nothing more is sent, nothing is told', () =>
  // Longer than a reload takes.
  withGate({ workers, upstream: `timeout: 4s, ${breaker}` }, async (gate) => {
    const { answer } = gate.upstream
    gate.upstream.answer = () => {}
    const hanging = Array.from({ length: 3 }, () => ask(gate, '/public'))
    await until(() => gate.upstream.heads === 3, 'all are under way')
    assert.ok(await gate.gateway.reload())
    for (const reply of await Promise.all(hanging)) await assertDenied(gate, reply, 504, 'upstream_timeout')
    gate.upstream.answer = answer
    assert.equal((await ask(gate, '/public')).status, 200)
    assert.equal(
      gate.log.find(({ event }) => event === 'breaker_opened'),
      undefined,
    )
  }))

test('an upstream that refuses connections is left alone', async () => {
  const gate = await startGate({ workers, upstream: breaker })
  await gate.upstream.stop()
  try {
    await opens(gate, 502, 'upstream_unreachable')
  } finally {
    await gate.gateway.stop()
    await gate.issuer.stop()
  }
})

test('answers of any status, and clients that go away, do not open a breaker', () =>
  withGate({ upstream: breaker }, async (gate) => {
    gate.upstream.answer = (response) => {
      response.statusCode = 500
      response.end()
    }
    for (let i = 0; i < 5; i++) assert.equal((await ask(gate, '/public')).status, 500)
    gate.upstream.answer = () => {}
    for (let i = 0; i < 5; i++) {
      const before = gate.upstream.heads
      const socket = connect(Number(new URL(gate.gateway.addresses.http ?? '').port), '127.0.0.1')
      socket.write('GET /public HTTP/1.1\r\nHost: a\r\n\r\n')
      await until(() => gate.upstream.heads > before, 'it is on its way')
      socket.destroy()
    }
    await until(
      async () =>
        (await metric(gate, 'portcullis_upstream_requests{upstream="default",state="running"}')) === 0,
      'all are gone',
    )
    assert.equal(await breakerOf(gate), 0)
  }))

test('so many requests are under way at an upstream, so many wait, and what is over is turned away', () =>
  withGate({ workers, upstream: 'connections: 2, queue: 3' }, async (gate) => {
    const { answer } = gate.upstream
    let atOnce = 0
    let most = 0
    let goesOn = () => {}
    const all = new Promise<void>((resolve) => {
      goesOn = resolve
    })
    gate.upstream.answer = async (response, request) => {
      most = Math.max(most, ++atOnce)
      await all
      await sleep(10)
      atOnce--
      answer(response, request)
    }
    let turnedAway = 0
    const asked = Array.from({ length: 30 }, async () => {
      const reply = await ask(gate, '/public')
      if (reply.status !== 200) turnedAway++
      return reply
    })
    await until(() => turnedAway === 30 - 2 - 3, 'those too many have their answers')
    goesOn()
    const replies = await Promise.all(asked)
    const served = replies.filter(({ status }) => status === 200)
    assert.equal(most, 2)
    assert.equal(gate.upstream.heads, served.length)
    assert.equal(served.length, 2 + 3)
    for (const reply of replies) if (reply.status !== 200) await assertDenied(gate, reply, 503, 'overloaded')
    const queued = await metric(gate, 'portcullis_upstream_requests{upstream="default",state="pending"}')
    assert.equal(queued, 0)
    assert.equal((await ask(gate, '/public')).status, 200)
  }))

test('who waits too long for an upstream is turned away and not sent later', () =>
  withGate(
    { workers, upstream: 'connections: 1, timeout: 30s', more: 'bounds: { queueDelay: 200ms }' },
    async (gate) => {
      let finish = () => {}
      const { answer } = gate.upstream
      gate.upstream.answer = (response, request) => {
        finish = () => answer(response, request)
      }
      const first = ask(gate, '/public')
      await until(() => gate.upstream.heads === 1, 'the first is under way')
      const refused = await Promise.all(Array.from({ length: 4 }, () => ask(gate, '/public')))
      for (const reply of refused) await assertDenied(gate, reply, 503, 'overloaded')
      finish()
      assert.equal((await first).status, 200)
      assert.equal(gate.upstream.heads, 1)
    },
  ))

test('E2, E3 a streamed body that breaks off while it waits for its upstream ends its request and nothing else', () =>
  withGate({ workers, upstream: 'connections: 1' }, async (gate) => {
    const token = await gate.issuer.token({ scope: 'things:write' })
    const { answer } = gate.upstream
    const pending = () => metric(gate, 'portcullis_upstream_requests{upstream="default",state="pending"}')
    const head = `PUT /files/a HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n`
    let finish = () => {}
    gate.upstream.answer = (response, request) => {
      finish = () => answer(response, request)
    }
    const first = ask(gate, '/public')
    await until(() => gate.upstream.heads === 1, 'the first is under way')
    const broken = sendRaw(gate.gateway.addresses.http ?? '', `${head}zz\r\n`)
    await until(async () => (await pending()) === 1, 'the body waits')
    await sleep(100)
    finish()
    assert.equal((await first).status, 200)
    gate.upstream.answer = answer
    assert.equal((await broken).status, 400)
    assert.equal(gate.upstream.heads, 1)
    assert.equal((await ask(gate, '/public')).status, 200)
  }))

test('under more requests than a thread can serve critical ones pass, low ones are turned away, and health answers', async () => {
  const origin = await startGate({ document: ranked })
  const port = await freePort()
  const admin = await freePort()
  const file = join(origin.folder, 'flooded.yaml')
  writeFileSync(
    file,
    `contract: ./openapi.json
listen:
  http: { host: 127.0.0.1, port: ${port}, allowPlaintext: true }
  admin: { host: 127.0.0.1, port: ${admin} }
upstreams: { default: { url: "${origin.upstream.url}" } }
limits: [{ name: wide, by: address, rate: 1000000/s, burst: 1000000 }]
bounds: { queueDelay: 50ms, requests: 100000 }
`,
  )
  // Its log goes nowhere: a pipe that this process is too busy to read would cost it lines.
  const child = spawn(process.execPath, [`${project}/src/cli/main.ts`, 'run', '-c', file], {
    stdio: 'ignore',
  })
  const ended = once(child, 'exit')
  try {
    await until(
      () =>
        fetch(`http://127.0.0.1:${admin}/readyz`).then(
          ({ ok }) => ok,
          () => false,
        ),
      'the gateway is ready',
    )
    const clients = [
      ...Array.from({ length: 24 }, () => flood(port, '/low', 16)),
      ...Array.from({ length: 4 }, () => flood(port, '/critical', 1)),
    ]
    // Code that has not run often is slow, and then the critical ones alone can be too many.
    await sleep(2000)
    for (const { statuses } of clients) statuses.clear()
    const health: number[] = []
    for (let i = 0; i < 5; i++) {
      health.push((await fetch(`http://127.0.0.1:${admin}/livez`)).status)
      await sleep(150)
    }
    const [low, critical] = ['/low', '/critical'].map((target) =>
      share(clients.filter((client) => client.target === target)),
    )
    for (const { socket } of clients) socket.destroy()
    assert.deepEqual(health, [200, 200, 200, 200, 200])
    assert.ok((critical ?? 0) > 0.9, `${critical} of the critical ones pass`)
    assert.ok((low ?? 1) < 0.6, `${low} of the low ones pass`)
  } finally {
    child.kill()
    await ended
    await origin.stop()
  }
})

interface Flood {
  readonly target: string
  readonly socket: Socket
  /** Answers by status. */
  readonly statuses: Map<string, number>
}

/** One connection with so many requests on their way at any time. */
function flood(port: number, target: string, atOnce: number): Flood {
  const request = `GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`
  const statuses = new Map<string, number>()
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  socket.write(request.repeat(atOnce))
  socket.on('data', (chunk: Buffer) => {
    for (const [, status = ''] of chunk.toString('latin1').matchAll(/HTTP\/1\.1 (\d{3})/g)) {
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
      socket.write(request)
    }
  })
  return { target, socket, statuses }
}

function share(clients: readonly Flood[]): number {
  const sum = (status: string) =>
    clients.reduce((total, { statuses }) => total + (statuses.get(status) ?? 0), 0)
  return sum('200') / (sum('200') + sum('503'))
}
