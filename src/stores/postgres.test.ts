import assert from 'node:assert/strict'
import { type AddressInfo, createServer } from 'node:net'
import { test } from 'node:test'
import { openPostgres } from './postgres.ts'

const int32 = (value: number): Buffer => {
  const octets = Buffer.alloc(4)
  octets.writeInt32BE(value)
  return octets
}
const message = (type: string, body: Buffer): Buffer =>
  Buffer.concat([Buffer.from(type), int32(4 + body.length), body])
const ready = Buffer.concat([message('R', int32(0)), message('Z', Buffer.from('I'))])

for (const [what, said] of [
  ['asks for GSS', message('R', int32(7))],
  ['says less than it announced', message('R', Buffer.alloc(0))],
  ['describes columns that are not there', Buffer.concat([ready, message('T', Buffer.from([0, 9, 65, 0]))])],
] as const)
  test(`a server that ${what} fails the transaction, and nothing else`, async () => {
    const server = createServer((socket) => {
      socket.on('error', () => {}).once('data', () => socket.write(said))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const database = await openPostgres(`postgres://u:p@127.0.0.1:${port}/d`, {
      lock: 1,
      last: 'x',
      statements: [],
    })
    try {
      const asked = database.transaction('read', function* () {
        yield ['SELECT 1']
      })
      await assert.rejects(asked)
    } finally {
      await database.close()
      server.close()
    }
  })
