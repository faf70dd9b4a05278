import assert from 'node:assert/strict'
import { createServer, Socket } from 'node:net'
import { test } from 'node:test'
import { boundConnections, countConnections } from './connections.ts'

test('F1 the bound of an address holds for all of a /64, and for both spellings of IPv4; what a proxy holds is its own', () => {
  const server = createServer()
  const refused: string[] = []
  boundConnections(server, {
    counts: countConnections({ connections: 100, connectionsPerAddress: 2 }),
    exempt: (address) => address === '2001:db8::1',
    overloaded: () => false,
    unserved: (why) => refused.push(why),
  })
  const from = (...addresses: readonly string[]) =>
    addresses.map((address) => {
      const socket = Object.defineProperty(new Socket(), 'remoteAddress', { value: address })
      server.emit('connection', socket)
      return socket
    })
  from('2001:db8::1', '2001:db8::1', '2001:db8::1')
  from('2001:db8::2', '2001:db8::ffff:3', '2001:db8:0:1::2', '192.0.2.1', '::ffff:192.0.2.1')
  assert.deepEqual(refused, [])
  const over = from('2001:db8::4', '192.0.2.1')
  assert.deepEqual(refused, ['connectionsPerAddress', 'connectionsPerAddress'])
  assert.ok(over.every(({ destroyed }) => destroyed))
})

test('whoever leaves makes room for another of its network', async () => {
  const server = createServer()
  const refused: string[] = []
  boundConnections(server, {
    counts: countConnections({ connections: 100, connectionsPerAddress: 1 }),
    exempt: () => false,
    overloaded: () => false,
    unserved: (why) => refused.push(why),
  })
  for (const address of ['2001:db8::1', '2001:db8::2']) {
    const socket = Object.defineProperty(new Socket(), 'remoteAddress', { value: address })
    server.emit('connection', socket)
    await new Promise((resolve) => socket.once('close', resolve).destroy())
  }
  assert.deepEqual(refused, [])
})
