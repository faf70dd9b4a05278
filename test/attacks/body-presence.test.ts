import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { assertNotForwarded } from '../harness/ask.ts'
import { startGate, type TestGate } from '../harness/gate.ts'
import { sendRaw } from '../harness/raw-client.ts'

// D7 and its kin: which bodies may come, and how the message says that one does (RFC 9112 6).

let gate: TestGate
before(async () => {
  const json = { 'application/json': { schema: { type: 'object' } } }
  const all = {
    ...json,
    'text/plain': { schema: { type: 'string' } },
    'application/octet-stream': {},
    'application/x-www-form-urlencoded': { schema: { type: 'object' } },
    'multipart/form-data': {
      schema: { type: 'object', properties: { a: { type: 'string', format: 'binary' } } },
    },
  }
  const operation = (requestBody?: object) => ({
    security: [],
    ...(requestBody && { requestBody }),
    responses: { 204: { description: 'done' } },
  })
  gate = await startGate({
    document: {
      openapi: '3.1.1',
      info: { title: 'Presence', version: '1' },
      paths: {
        '/none': { get: operation(), post: operation(), delete: operation() },
        '/required': { post: operation({ required: true, content: all }) },
        '/optional': { post: operation({ content: all }), get: operation({ content: json }) },
      },
    },
  })
})
after(() => gate.stop())

const noLength = ''
const zero = 'Content-Length: 0'
const two = 'Content-Length: 2'
const chunked = 'Transfer-Encoding: chunked'
const noChunks = '0\r\n\r\n'
const types = [
  'application/json',
  'text/plain',
  'application/octet-stream',
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=x',
]

const rows: readonly (readonly [
  request: string,
  framing: string,
  body: string,
  types: readonly string[],
  verdict: 200 | 'body_unexpected' | 'body_invalid' | 'media_type_unsupported',
])[] = [
  ['GET /none', noLength, '', [], 200],
  ['GET /none', zero, '', [], 200],
  ['GET /none', two, '{}', types, 'body_unexpected'],
  ['GET /none', chunked, `2\r\n{}\r\n${noChunks}`, types, 'body_unexpected'],
  ['GET /none', chunked, noChunks, [], 'body_unexpected'],
  ['POST /none', noLength, '', [], 200],
  ['POST /none', zero, '', types, 200],
  ['POST /none', two, '{}', [], 'body_unexpected'],
  ['DELETE /none', two, '{}', types, 'body_unexpected'],
  ['POST /required', noLength, '', [], 'body_invalid'],
  ['POST /required', noLength, '', types, 'body_invalid'],
  ['POST /required', zero, '', types, 'body_invalid'],
  ['POST /required', chunked, noChunks, types, 'body_invalid'],
  ['POST /required', two, '{}', ['application/json', 'text/plain', 'application/octet-stream'], 200],
  [
    'POST /required',
    chunked,
    `2\r\n{}\r\n${noChunks}`,
    ['application/json', 'application/octet-stream'],
    200,
  ],
  ['POST /required', two, '{}', [], 'media_type_unsupported'],
  ['POST /required', chunked, noChunks, [], 'media_type_unsupported'],
  ['POST /optional', noLength, '', types, 200],
  ['POST /optional', zero, '', types, 200],
  ['POST /optional', chunked, noChunks, types.slice(0, 4), 200],
  ['POST /optional', two, '{}', ['application/json', 'application/octet-stream'], 200],
  ['GET /optional', noLength, '', [], 200],
  ['GET /optional', two, '{}', ['application/json'], 200],
]

for (const [request, framing, body, contentTypes, verdict] of rows) {
  const title = `${request} ${framing || 'without a length'} ${JSON.stringify(body)}: ${verdict}`
  test(title, async () => {
    const { http } = gate.gateway.addresses
    assert.ok(http)
    for (const contentType of contentTypes.length === 0 ? [null] : contentTypes) {
      const lines = [`${request} HTTP/1.1`, 'Host: a', framing, contentType && `Content-Type: ${contentType}`]
      const head = lines.filter(Boolean).join('\r\n')
      const reply = sendRaw(http, `${head}\r\n\r\n${body}`, { lingerMs: 0 })
      if (verdict === 200) {
        const { status, text } = await reply
        assert.equal(status, 200, text)
        assert.equal(gate.upstream.seen.at(-1)?.body, body.includes('{}') ? '{}' : '')
      } else if (
        contentType === 'application/octet-stream' &&
        framing === chunked &&
        verdict === 'body_invalid'
      ) {
        const before = gate.upstream.seen.length
        assert.equal((await reply).status, 400)
        assert.equal(gate.upstream.seen.length, before, 'the upstream request was broken off, not ended')
      } else await assertNotForwarded(gate, reply, verdict === 'media_type_unsupported' ? 415 : 400, verdict)
    }
  })
}
