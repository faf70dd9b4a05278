import assert from 'node:assert/strict'
import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { test } from 'node:test'
import type { BodyPace } from './body-pace.ts'
import { MessageBody, peerOf } from './read-request.ts'

const pace: BodyPace = { graceMs: 20_000, bytesPerSecond: 1024 }

function body(): { readonly message: IncomingMessage; readonly body: MessageBody } {
  const message = new IncomingMessage(new Socket())
  const response = new ServerResponse(message)
  return { message, body: new MessageBody(message, response, { expectsContinue: false, pace }) }
}

// Node looks for listeners of `error` one tick before it emits it: an error nobody listens to any more ends the process.
const outcomes = {
  'read whole': async (body: MessageBody) => body.read(100, null),
  streamed: async (body: MessageBody) =>
    new Promise((resolve) => body.stream(100, null).on('error', resolve).resume()),
}

for (const [how, consume] of Object.entries(outcomes))
  test(`a client that goes away in the very tick in which its body, ${how}, is given up ends nothing but its request`, async () => {
    const { message, body: source } = body()
    const consumed = consume(source)
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(message.listenerCount('error'), 1)
    const gone = new Promise((resolve) => message.on('close', resolve))
    message.socket.destroy()
    message.destroy(new Error('aborted'))
    process.nextTick(() => source.breakOff('aborted'))
    await Promise.all([consumed, gone])
    await new Promise((resolve) => setImmediate(resolve))
  })

test('an IPv4 client of a listener on IPv6 has one spelling, also in records of requests that end at once', () => {
  const spelled = (remoteAddress?: string) => peerOf({ remoteAddress } as Socket).address
  assert.equal(spelled('::ffff:192.0.2.1'), '192.0.2.1')
  assert.equal(spelled('::ffff:c000:201'), '192.0.2.1')
  assert.equal(spelled('2001:db8::1'), '2001:db8::1')
  assert.equal(spelled(undefined), '')
})
