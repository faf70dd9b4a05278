import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { deny, denyWith } from '../engine/decision.ts'
import { type Journal, openJournal } from '../engine/outcome.ts'
import type { Ending } from '../engine/record/ending.ts'
import { readRequest } from '../wire/read-request.ts'
import { Exchange } from './exchange.ts'

// No field may hold them, so Node.js throws when the answer is written.
const unwritable = '読む'
const wrong = denyWith('authorize', 'scope_missing', '', { challenges: [unwritable] })

const ends: Ending[] = []
const defects: [error: unknown, requestId: string][] = []
const onDefect = (error: unknown, requestId: string) => void defects.push([error, requestId])
const server = createServer((message, response) => {
  const pace = { graceMs: 1000, bytesPerSecond: 1 }
  const { request, body } = readRequest(message, response, { expectsContinue: false, pace })
  const journal = openJournal(request)
  if (message.url !== '/') journal.crossOrigin = { origin: unwritable } as Journal['crossOrigin']
  const style = { encrypted: false, closing: () => false, onLast() {}, answerTimeoutMs: 1000, onDefect }
  const exchange = new Exchange(message, response, body, journal, style, (end) => ends.push(end))
  if (message.url === '/failed') return exchange.fail(deny('forward', 'upstream_unreachable', ''))
  try {
    exchange.deny(wrong)
  } catch {
    exchange.breakDown(deny('forward', 'internal', 'a bug'))
  }
})
let origin: string
before(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
after(() => server.close())

const ask = (path: string) => fetch(origin + path, { signal: AbortSignal.timeout(20_000) })

test('a denial that cannot be written is answered 500 and recorded as that', async () => {
  assert.equal((await ask('/')).status, 500)
  assert.deepEqual(
    ends.splice(0).map(({ denial, status }) => [denial?.reason, status]),
    [['internal', 500]],
  )
})

test('an answer that failed and cannot be told of ends the connection, and is told of as a defect', async () => {
  await assert.rejects(ask('/failed'), { name: 'TypeError' })
  const [end] = ends.splice(0)
  assert.deepEqual([end?.denial?.reason, end?.status], ['upstream_unreachable', null])
  const [[error, requestId] = []] = defects.splice(0)
  assert.ok(error instanceof TypeError)
  assert.equal(requestId, end?.journal.requestId)
})

test('where nothing can be written the connection ends, and the request is recorded once', async () => {
  defects.splice(0)
  await assert.rejects(ask('/nothing'), { name: 'TypeError' })
  assert.equal(defects.length, 1, 'that of the 500; whoever met the first tells of it')
  assert.deepEqual(
    ends.splice(0).map(({ denial, status }) => [denial?.reason, status]),
    [['internal', null]],
  )
})
