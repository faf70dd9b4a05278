import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { missedConnections } from '../app/workers/missed-connections.ts'
import { open } from './open-server.ts'

test('a connection that cannot be taken ends nothing; the log tells of many in one line', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] })
  const events: unknown[] = []
  const server = createServer()
  const onError = missedConnections((event, fields) => events.push([event, fields]))
  await open(server, { host: '127.0.0.1', port: 0 }, 'listen.http', onError)
  // What Node.js does when accept(2) fails; the kernel cannot be made to fail it here at will.
  for (let i = 0; i < 3; i++)
    server.emit('error', Object.assign(new Error('accept EMFILE'), { code: 'EMFILE' }))
  assert.deepEqual(events, [])
  context.mock.timers.tick(1000)
  assert.deepEqual(events, [['connections_missed', { times: 3, detail: 'EMFILE' }]])
  server.close()
})
