import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { expectTaking } from './expect-taking.ts'

const large = 32 * 1024 * 1024

/** A connection on whose server side one large write waits. */
async function withWaiting(
  run: (client: Socket, server: Socket) => Promise<void>,
  timeoutMs: number,
): Promise<void> {
  const listener = createServer().listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const client = connect((listener.address() as AddressInfo).port, '127.0.0.1')
  client.on('error', () => {})
  const [server] = (await once(listener, 'connection')) as [Socket]
  server.on('error', () => {})
  server.write(Buffer.alloc(large))
  expectTaking(server, timeoutMs)
  try {
    await run(client, server)
  } finally {
    client.destroy()
    server.destroy()
    listener.close()
  }
}

test('a connection of whose octets nothing is taken ends, and what comes in gives it no more time', () =>
  withWaiting(async (client, server) => {
    server.resume()
    const drip = setInterval(() => client.write('x'), 20)
    const startedMs = performance.now()
    await once(server, 'close', { signal: AbortSignal.timeout(20_000) })
    clearInterval(drip)
    assert.ok(performance.now() - startedMs > 190, 'not before its time')
  }, 200))

test('the farewell of a TLS connection that nobody takes is waited for no longer', async () => {
  // Its octets are counted nowhere else, and fill a system's buffer to the last only by chance.
  const destroyed = Promise.withResolvers<void>()
  const socket = Object.assign(new EventEmitter(), {
    destroyed: false,
    writableLength: 0,
    writableEnded: true,
    writableFinished: false,
    _handle: { bytesWritten: 4096, writeQueueSize: 24 },
    destroy: destroyed.resolve,
  })
  const awake = setInterval(() => {}, 1000)
  expectTaking(socket as unknown as Socket, 40)
  await destroyed.promise
  socket.emit('close')
  clearInterval(awake)
})

test('one large write that is taken slowly is waited for', () =>
  withWaiting(async (client, server) => {
    let octets = 0
    let allowed = 0
    client.on('data', (chunk: Buffer) => {
      octets += chunk.length
      if (octets >= allowed) client.pause()
    })
    while (octets < large && !server.destroyed) {
      allowed += 2 * 1024 * 1024
      client.resume()
      await sleep(100)
    }
    assert.equal(octets, large)
  }, 1200))
