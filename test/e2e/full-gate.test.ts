import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { type TestGate, withGate } from '../harness/gate.ts'
import { until } from '../harness/until.ts'

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
