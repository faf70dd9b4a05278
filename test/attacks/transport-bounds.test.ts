import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ask, assertDenied, assertNotForwarded } from '../harness/ask.ts'
import { type TestGate, withGate } from '../harness/gate.ts'
import { metric } from '../harness/metric.ts'
import { openSocket, sendRaw } from '../harness/raw-client.ts'
import { until } from '../harness/until.ts'

// E3: clients that take more than their share, or never come to an end. Honest ones stand beside them.

/** A client that writes something a little at a time until the server closes. */
interface Dripping {
  readonly socket: Socket
  /** What the server said. */
  readonly said: Promise<string>
}

function drip(socket: Socket, head: string, drops: string, everyMs: number): Dripping {
  let text = ''
  socket.on('error', () => {})
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1')
  })
  if (head !== '') socket.write(head)
  let next = 0
  const timer = setInterval(() => {
    if (socket.writable) socket.write(drops[next++ % drops.length] ?? '')
  }, everyMs)
  const said = new Promise<string>((resolve) =>
    socket.once('close', () => {
      clearInterval(timer)
      resolve(text)
    }),
  )
  return { socket, said }
}

/** Honest requests, one after the other: all are served, and in time. */
async function honest(gate: TestGate, token: string, times: number): Promise<void> {
  const waitedMs: number[] = []
  for (let i = 0; i < times; i++) {
    const startedMs = performance.now()
    assert.equal((await ask(gate, '/things', { token })).status, 200)
    waitedMs.push(performance.now() - startedMs)
    await sleep(10)
  }
  const median = waitedMs.toSorted((a, b) => a - b)[Math.floor(times / 2)] as number
  assert.ok(median < 250, `the median of honest requests is ${median.toFixed(0)} ms`)
}

test('E3 slowloris: heads that never end are 408 in time, and honest clients see normal service', () =>
  withGate({ more: 'bounds: { headTimeout: 700ms }' }, async (gate) => {
    const token = await gate.issuer.token()
    const { http = '', https = '' } = gate.gateway.addresses as { http?: string; https?: string }
    const ca = readFileSync(gate.certificateFile)
    const startedMs = performance.now()
    const slow = Array.from({ length: 200 }, (_, i) =>
      drip(i % 4 === 0 ? openSocket(https, { ca }) : openSocket(http), '', 'GET /things HTTP/1.1\r\nX: ', 40),
    )
    await honest(gate, token, 20)
    const said = await Promise.all(slow.map((one) => one.said))
    assert.ok(performance.now() - startedMs < 4000, 'they are not waited for')
    assert.equal(gate.upstream.heads, 20)
    for (const text of said)
      assert.match(text, /^HTTP\/1\.1 408 [\s\S]*urn:portcullis:problem:request_timeout/)
    await gate.logged(({ reason }) => reason === 'request_timeout')
    const label = '{operation="",stage="parse",reason="request_timeout"}'
    assert.equal(await metric(gate, `portcullis_decisions_total${label}`), 200)
  }))

test('E3 slowloris behind an answer that has begun: the connection ends with that answer', () =>
  withGate({ more: 'bounds: { headTimeout: 400ms }' }, async (gate) => {
    let finish = () => {}
    gate.upstream.answer = (response) => {
      response.write('{')
      finish = () => response.end('}')
    }
    const get = 'GET /public HTTP/1.1\r\nHost: a\r\n'
    const slow = drip(openSocket(gate.gateway.addresses.http ?? ''), `${get}\r\n${get}`, 'X', 20)
    await gate.logged(({ reason }) => reason === 'request_timeout')
    // What comes too late is no request either.
    slow.socket.write(': x\r\n\r\n')
    await sleep(100)
    finish()
    const said = await slow.said
    assert.equal(said.split('HTTP/1.1 ').length, 2)
    assert.match(said, /\}\r\n0\r\n\r\n$/)
    assert.equal(gate.upstream.heads, 1)
  }))

test('E3 connections on which nothing comes are closed without a word, and counted', () =>
  withGate({ more: 'bounds: { headTimeout: 500ms, handshakeTimeout: 400ms }' }, async (gate) => {
    const { http = '', https = '' } = gate.gateway.addresses as { http?: string; https?: string }
    const ca = readFileSync(gate.certificateFile)
    const silent = [
      ...Array.from({ length: 10 }, () => drip(openSocket(http), '', '', 1000)),
      ...Array.from({ length: 10 }, () => drip(openSocket(https, { ca }), '', '', 1000)),
      // Plain TCP to the TLS port: the handshake never begins, or is none.
      ...Array.from({ length: 5 }, () => drip(openSocket(https), '', '', 1000)),
      ...Array.from({ length: 5 }, () => drip(openSocket(https), 'GET / HTTP/1.1\r\n\r\n', '', 1000)),
    ]
    const said = await Promise.all(silent.map((one) => one.said))
    for (const text of said.slice(0, 25)) assert.equal(text, '')
    const unserved = (reason: string) =>
      metric(gate, `portcullis_connections_unserved_total{reason="${reason}"}`)
    assert.deepEqual([await unserved('silent'), await unserved('handshake')], [20, 10])
    assert.equal(
      gate.log.some(({ event }) => event === 'denied'),
      false,
    )
    assert.equal(await metric(gate, 'portcullis_connections'), 0)
  }))

test('E3 slow bodies are 408, read whole or streamed, and nothing of them arrives; steady ones pass', () =>
  withGate({ more: 'bounds: { bodyTimeout: 1s, bodyRate: 200B }' }, async (gate) => {
    const token = await gate.issuer.token({ scope: 'things:read things:write' })
    const { http = '' } = gate.gateway.addresses as { http?: string }
    const head = (line: string, type: string) =>
      `${line} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\nContent-Type: ${type}\r\nTransfer-Encoding: chunked\r\n\r\n`
    const read = head('POST /things', 'application/json')
    const streamed = head('PUT /files/a', 'application/octet-stream')
    const slow = Array.from({ length: 40 }, (_, i) =>
      drip(openSocket(http), i % 2 === 0 ? read : streamed, '1\r\n{\r\n', 60),
    )
    await honest(gate, token, 10)
    const said = await Promise.all(slow.map((one) => one.said))
    for (const text of said)
      assert.match(text, /^HTTP\/1\.1 408 [\s\S]*urn:portcullis:problem:request_timeout/)
    assert.equal(gate.upstream.seen.length, 10, 'only what was honest has arrived')

    const steady = openSocket(http)
    let text = ''
    steady.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
    })
    steady.write(streamed)
    for (let i = 0; i < 20; i++) {
      steady.write(`28\r\n${'x'.repeat(40)}\r\n`)
      await sleep(100)
    }
    steady.write('0\r\n\r\n')
    await until(async () => text.includes('\r\n\r\n'), 'no answer')
    assert.match(text, /^HTTP\/1\.1 200 /)
    assert.equal(gate.upstream.seen.at(-1)?.body.length, 800)
    steady.destroy()
  }))

test('E3 a request that never ends is 408 however steadily it comes', () =>
  withGate({ more: 'bounds: { requestTimeout: 1s, headTimeout: 500ms }' }, async (gate) => {
    const token = await gate.issuer.token({ scope: 'things:write' })
    const head = `PUT /files/a HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n\r\n`
    const { said } = drip(openSocket(gate.gateway.addresses.http ?? ''), head, '1\r\n{\r\n', 2)
    assert.match(await said, /^HTTP\/1\.1 408 [\s\S]*urn:portcullis:problem:request_timeout/)
    assert.equal(gate.upstream.seen.length, 0)
  }))

test('E3 a flood of connections from one address is closed before a byte of it is read; others connect', () =>
  withGate({ more: 'bounds: { connectionsPerAddress: 30, connections: 50 }' }, async (gate) => {
    const port = Number(new URL(gate.gateway.addresses.http ?? '').port)
    const from = (localAddress: string, count: number) =>
      Array.from({ length: count }, () =>
        drip(connect({ port, host: '127.0.0.1', localAddress }), '', '', 1000),
      )
    const flood = from('127.0.0.9', 60)
    const refused = (reason: string) =>
      metric(gate, `portcullis_connections_unserved_total{reason="${reason}"}`)
    await until(async () => (await refused('connectionsPerAddress')) === 30, 'thirty are closed')
    const token = await gate.issuer.token()
    await honest(gate, token, 10)
    // Twenty more from elsewhere fill the gate; then nobody else connects until one leaves.
    const others = from('127.0.0.10', 25)
    await until(async () => (await refused('connections')) === 5, 'five are closed')
    assert.equal(await metric(gate, 'portcullis_connections'), 50)
    const ca = readFileSync(gate.certificateFile)
    const encrypted = Array.from({ length: 5 }, () =>
      drip(openSocket(gate.gateway.addresses.https ?? '', { ca }), '', '', 1000),
    )
    await Promise.all(encrypted.map(({ said }) => said))
    await until(async () => (await refused('connections')) === 10, 'over TLS too')
    assert.ok(Number.isNaN(await refused('handshake')), 'each is counted once')
    for (const { socket } of [...flood, ...others]) socket.destroy()
    await until(async () => (await metric(gate, 'portcullis_connections')) === 0, 'all have left')
    await honest(gate, token, 3)
  }))

test('E3 heads over the configured size or count are 431', () =>
  withGate({ more: 'bounds: { headerSize: 2KiB, headerCount: 10 }' }, async (gate) => {
    const token = await gate.issuer.token()
    const fields = (count: number, length: number) =>
      Array.from({ length: count }, (_, i) => `X-H${i}: ${'v'.repeat(length)}`)
    const with431 = (headers: readonly string[]) =>
      assertNotForwarded(gate, ask(gate, '/things', { token, headers }), 431, 'header_too_large')
    await with431(fields(9, 1))
    await with431(fields(2, 1200))
    const endless = drip(openSocket(gate.gateway.addresses.http ?? ''), 'GET / HTTP/1.1\r\nX: ', 'xxxx', 1)
    assert.match(await endless.said, /^HTTP\/1\.1 431 [\s\S]*urn:portcullis:problem:header_too_large/)
    assert.equal((await ask(gate, '/things', { token, headers: fields(4, 1) })).status, 200)
  }))

test('the answer to the last request of a connection closes it, and what is pipelined behind is not processed', () =>
  withGate({ more: 'bounds: { requestsPerConnection: 3 }' }, async (gate) => {
    const get = 'GET /public HTTP/1.1\r\nHost: a\r\n\r\n'
    const reply = await sendRaw(gate.gateway.addresses.http ?? '', get.repeat(5), { lingerMs: 300 })
    assert.ok(reply.closed)
    assert.equal(reply.text.split('HTTP/1.1 200').length, 4)
    assert.equal(reply.text.split('Connection: close').length, 2)
    assert.equal(gate.upstream.heads, 3)
  }))

test('E3 a client that does not read its answer is cut off; others are served', () =>
  withGate({ more: 'bounds: { answerTimeout: 400ms }' }, async (gate) => {
    const token = await gate.issuer.token()
    const { answer } = gate.upstream
    let broken = false
    gate.upstream.answer = (response, request) => {
      if (request.url !== '/public') return answer(response, request)
      response.once('close', () => {
        broken = !response.writableFinished
      })
      response.write(Buffer.alloc(32 * 1024 * 1024))
    }
    const socket = openSocket(gate.gateway.addresses.http ?? '')
    socket.on('error', () => {})
    socket.write('GET /public HTTP/1.1\r\nHost: a\r\n\r\n')
    socket.pause()
    await honest(gate, token, 20)
    await until(async () => broken, 'the upstream is let go')
    await until(async () => (await metric(gate, 'http_server_active_requests')) === 0, 'nothing is in flight')
    socket.destroy()
  }))

test('E3 a client that reads none of many small answers is cut off too', () =>
  withGate(
    { workers: 1, more: 'bounds: { answerTimeout: 400ms, requestsPerConnection: 1000000 }' },
    async (gate) => {
      const socket = openSocket(gate.gateway.addresses.http ?? '')
      socket.on('error', () => {})
      socket.pause()
      const many = 'GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(4000)
      socket.write(many)
      await until(async () => (await metric(gate, 'portcullis_connections')) === 1, 'it is there')
      await until(async () => {
        // However much the buffers of both systems hold, they are full at last.
        if (socket.writableLength === 0) socket.write(many)
        return (await metric(gate, 'portcullis_connections')) === 0
      }, 'it is cut off')
      assert.equal(await metric(gate, 'http_server_active_requests'), 0)
      socket.destroy()
    },
  ))

for (const listener of ['http', 'https'] as const) {
  test(`E3 a client that reads no answers is cut off however often it sends a request (${listener})`, () =>
    withGate({ workers: 1, more: 'bounds: { answerTimeout: 600ms }' }, async (gate) => {
      // Most of what the buffers hold at once, then so little that all but their rest is taken whole.
      gate.upstream.answer = (response) => {
        gate.upstream.answer = (next) => next.end(Buffer.alloc(60_000))
        response.end(Buffer.alloc(3_000_000))
      }
      const { [listener]: origin = '' } = gate.gateway.addresses as { http?: string; https?: string }
      const ca = readFileSync(gate.certificateFile)
      const socket = openSocket(origin, listener === 'https' ? { ca } : {})
      socket.on('error', () => {})
      socket.pause()
      const ask = (target: string) => socket.write(`GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`)
      ask('/public')
      await until(async () => (await metric(gate, 'portcullis_connections')) === 1, 'it is there')
      // Each is complete, and small enough that what is owed for all of them does not keep the gate from reading.
      const more = setInterval(() => ask('/nowhere'), 200)
      try {
        await until(async () => {
          // Until the buffers of both systems are full.
          if ((await metric(gate, 'http_server_active_requests')) === 0) ask('/public')
          return (await metric(gate, 'portcullis_connections')) === 0
        }, 'it is cut off')
      } finally {
        clearInterval(more)
        socket.destroy()
      }
    }))
}

test('an answer that waits behind a late one is not taken for one that nobody reads', () =>
  withGate({ workers: 1, more: 'bounds: { answerTimeout: 1s }' }, async (gate) => {
    const { answer } = gate.upstream
    const large = 16 * 1024 * 1024
    gate.upstream.answer = (response, request) => {
      gate.upstream.answer = (next) => next.end(Buffer.alloc(large))
      setTimeout(() => answer(response, request), 2500)
    }
    const socket = openSocket(gate.gateway.addresses.http ?? '')
    let octets = 0
    socket.on('data', (chunk: Buffer) => {
      octets += chunk.length
    })
    socket.write('GET /public HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(2))
    await until(async () => octets > large, 'both are there')
    socket.destroy()
  }))

test('connections that are idle between requests are closed', () =>
  withGate({ more: 'bounds: { idleTimeout: 300ms }' }, async (gate) => {
    const reply = await sendRaw(
      gate.gateway.addresses.http ?? '',
      'GET /public HTTP/1.1\r\nHost: a\r\n\r\n',
      {
        lingerMs: 8000,
      },
    )
    assert.equal(reply.status, 200)
    assert.ok(reply.closed)
  }))

test('E3 empty lines between requests keep no connection open, and one that asks again and again stays', () =>
  withGate({ more: 'bounds: { idleTimeout: 300ms, headTimeout: 500ms }' }, async (gate) => {
    const { http = '', https = '' } = gate.gateway.addresses as { http?: string; https?: string }
    const ca = readFileSync(gate.certificateFile)
    const get = 'GET /public HTTP/1.1\r\nHost: a\r\n\r\n'
    const steady = openSocket(http).resume()
    const asking = setInterval(() => steady.write(get), 100)
    const startedMs = performance.now()
    const empty = [openSocket(http), openSocket(https, { ca })].map((socket) => drip(socket, get, '\r\n', 50))
    for (const { said } of empty) assert.equal((await said).split('HTTP/1.1 200').length, 2)
    const tookMs = performance.now() - startedMs
    assert.ok(tookMs >= 800 && tookMs < 3000, `${tookMs.toFixed(0)} ms`)
    // A body of a refused request, after its answer.
    const refused = `${get.slice(0, -2)}Content-Length: 1000\r\n\r\n`
    const skipped = await drip(openSocket(http), refused, 'x', 50).said
    assert.deepEqual(skipped.match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 400'])
    assert.equal(steady.destroyed, false)
    clearInterval(asking)
    steady.destroy()
  }))

test('a connection is not idle while an answer is under way, though what came behind it was dropped', () =>
  withGate({ more: 'bounds: { idleTimeout: 100ms, headTimeout: 100ms }' }, async (gate) => {
    gate.upstream.answer = (response) => setTimeout(() => response.end('{}'), 600)
    const get = 'GET /public HTTP/1.1\r\nHost: a\r\n'
    const { http = '' } = gate.gateway.addresses as { http?: string }
    const reply = await sendRaw(http, `${get}\r\n${get}Host: b\r\n\r\n${get}\r\n`)
    assert.deepEqual(reply.text.match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 200', 'HTTP/1.1 400'])
  }))

test('E3 as many requests as may be are in flight: the lowest rank gives way first, and nothing is forwarded', () =>
  // The bound is that of one worker.
  withGate({ workers: 1, more: 'bounds: { requests: 10 }', document: ranked() }, async (gate) => {
    const held: (() => void)[] = []
    const { answer } = gate.upstream
    gate.upstream.answer = (response, request) => void held.push(() => answer(response, request))
    const open: Promise<unknown>[] = []
    const fill = async (to: number) => {
      while (open.length < to) open.push(ask(gate, '/critical'))
      await until(async () => gate.upstream.heads === to, `${to} are in flight`)
    }
    await fill(5)
    const turnedAway = async (target: string) => {
      const reply = await assertNotForwarded(gate, ask(gate, target), 503, 'overloaded')
      assert.match(reply.fields.get('retry-after') ?? '', /^[1-5]$/)
    }
    await turnedAway('/low')
    await fill(8)
    await turnedAway('/low')
    await turnedAway('/normal')
    await fill(9)
    await turnedAway('/high')
    await fill(10)
    await turnedAway('/critical')
    await turnedAway('/nowhere')
    const health = await fetch(`${gate.gateway.addresses.admin}/livez`)
    assert.equal(health.status, 200, 'health is asked elsewhere')
    for (const finish of held) finish()
    await Promise.all(open)
    await assertDenied(gate, await ask(gate, '/nowhere'), 404, 'route_unknown')
  }))

function ranked(): object {
  const operation = (priority: string) => ({
    get: {
      operationId: priority,
      security: [],
      'x-portcullis': { priority },
      responses: { 200: { description: 'ok' } },
    },
  })
  return {
    openapi: '3.1.0',
    info: { title: 'Ranks', version: '1' },
    'x-portcullis': { priority: 'low' },
    paths: {
      '/low': { get: { operationId: 'low', security: [], responses: { 200: { description: 'ok' } } } },
      '/normal': operation('normal'),
      '/high': operation('high'),
      '/critical': operation('critical'),
    },
    components: {},
  }
}

const getPublic = 'GET /public HTTP/1.1\r\nHost: a\r\n\r\n'
const connectBehind = 'CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n'
const runningUpstream = 'portcullis_upstream_requests{upstream="default",state="running"}'

function openPlain(gate: TestGate): Socket {
  const socket = connect({ port: Number(new URL(gate.gateway.addresses.http ?? '').port), host: '127.0.0.1' })
  return socket.on('error', () => {})
}

for (const [name, behind] of Object.entries({
  CONNECT: connectBehind,
  'CONNECT with a body': connectBehind.replace('\r\n\r\n', '\r\nContent-Length: 3\r\n\r\nabc'),
  'CONNECT with a body that does not come': connectBehind.replace(
    '\r\n\r\n',
    '\r\nContent-Length: 3\r\n\r\n',
  ),
})) {
  test(`E3 ${name} behind a request takes nothing of its answer, however large it is`, () =>
    withGate({}, async (gate) => {
      const content = Buffer.alloc(8 * 1024 * 1024, 'a')
      gate.upstream.answer = (response) => void response.end(content)
      const socket = openPlain(gate)
      let octets = 0
      socket.on('data', (chunk: Buffer) => (octets += chunk.length)).write(getPublic + behind)
      await until(() => socket.closed, 'the connection is closed')
      assert.ok(octets > content.length, `${octets} octets came`)
    }))

  for (const [end, leave] of [
    ['resets its connection', (socket: Socket): void => void socket.resetAndDestroy()],
    ['closes its connection', (socket: Socket): void => void socket.destroy()],
  ] as const)
    test(`E3 whoever sends ${name} behind requests and ${end} leaves nothing behind`, () =>
      withGate({}, async (gate) => {
        const held = new Set<ServerResponse>()
        gate.upstream.answer = (response) => {
          held.add(response)
          response.on('close', () => held.delete(response)).write('begun')
        }
        const socket = openPlain(gate)
        socket.write(getPublic.repeat(3) + behind)
        await until(() => held.size === 3, 'all are at the upstream')
        leave(socket)
        await until(() => held.size === 0, 'the upstream is let go of')
        await until(async () => (await metric(gate, runningUpstream)) === 0, 'nothing runs')
        await until(
          () => gate.log.filter(({ event }) => event === 'request').length === 3,
          'all are on record',
        )
      }))
}
