import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { ask } from '../harness/ask.ts'
import { type GateOptions, startGate, type TestGate } from '../harness/gate.ts'
import { until } from '../harness/until.ts'

async function withGate(options: GateOptions, run: (gate: TestGate) => Promise<void>): Promise<void> {
  const gate = await startGate(options)
  try {
    await run(gate)
  } finally {
    await gate.stop()
  }
}

const line = 'GET /public HTTP/1.1\r\nHost: a\r\n\r\n'

interface Client {
  readonly socket: Socket
  readonly received: () => string
}

async function open(gate: TestGate): Promise<Client> {
  const socket = connect(Number(new URL(gate.gateway.addresses.http ?? '').port), '127.0.0.1')
  let text = ''
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1')
  })
  socket.on('error', () => {})
  await once(socket, 'connect')
  return { socket, received: () => text }
}

const statuses = (text: string) => Array.from(text.matchAll(/HTTP\/1\.1 (\d{3})/g), ([, status]) => status)

test('what comes all at once waits in line, and is served to the last', () =>
  withGate({}, async (gate) => {
    const { socket, received } = await open(gate)
    socket.write(line.repeat(300))
    await until(() => statuses(received()).length === 300, 'all have an answer')
    assert.deepEqual([...new Set(statuses(received()))], ['200'])
    assert.equal(gate.upstream.heads, 300)
    socket.destroy()
  }))

test('a client that hangs up leaves the line, and nothing of it reaches the upstream', () =>
  withGate({}, async (gate) => {
    const { socket } = await open(gate)
    socket.write(line.repeat(1000), () => socket.destroy())
    const ends = () => gate.log.filter(({ event }) => event === 'request' || event === 'denied')
    await until(() => ends().length === 1000, 'each has its record')
    const gone = ends().filter(({ detail }) => detail === 'the client went away before its turn')
    assert.ok(gone.length > 0, 'some left the line')
    for (const { reason, 'http.response.status_code': status } of gone)
      assert.deepEqual({ reason, status }, { reason: 'overloaded', status: null })
    assert.ok(gate.upstream.heads <= 1000 - gone.length, `${gate.upstream.heads} reached the upstream`)
    assert.equal((await ask(gate, '/public')).status, 200)
  }))

test('a gate that stops serves those who stand in line', () =>
  withGate({}, async (gate) => {
    const clients = await Promise.all(Array.from({ length: 100 }, () => open(gate)))
    for (const { socket } of clients) socket.write(line)
    await until(() => clients.every(({ received }) => statuses(received()).length === 1), 'all are let in')
    const { answer } = gate.upstream
    let stopped: Promise<void> | null = null
    gate.upstream.answer = (response, request) => {
      // The first of them is on its way, the others wait.
      stopped ??= gate.gateway.stop()
      answer(response, request)
    }
    for (const { socket } of clients) socket.write(line)
    await until(() => clients.every(({ socket }) => socket.destroyed), 'all connections are closed')
    await stopped
    assert.deepEqual(
      clients.map(({ received }) => statuses(received())),
      clients.map(() => ['200', '200']),
    )
  }))

test('a 503 at the bound of requests keeps a connection that has no body to read, and closes one that may have', () =>
  // The bound is that of one worker.
  withGate({ workers: 1, more: 'bounds: { requests: 1 }' }, async (gate) => {
    const { answer } = gate.upstream
    let finish = () => {}
    gate.upstream.answer = (response, request) => {
      finish = () => answer(response, request)
    }
    const [first, second, third] = await Promise.all([open(gate), open(gate), open(gate)])
    first.socket.write(line)
    await until(() => gate.upstream.seen.length === 1, 'the first is in flight')
    for (const count of [1, 2]) {
      second.socket.write(line)
      await until(() => statuses(second.received()).length === count, 'it has an answer')
    }
    assert.deepEqual(statuses(second.received()), ['503', '503'])
    assert.doesNotMatch(second.received(), /connection: close/i)
    third.socket.write('POST /things HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n')
    await until(() => statuses(third.received()).length === 1, 'it has an answer')
    assert.match(third.received(), /connection: close/i)
    finish()
    await until(() => statuses(first.received()).length === 1, 'the first has its answer')
    assert.equal(gate.upstream.heads, 1)
    for (const { socket } of [first, second, third]) socket.destroy()
  }))
