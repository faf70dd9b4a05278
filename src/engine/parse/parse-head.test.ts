import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RawRequest } from '../../base/message.ts'
import { parseHead } from './parse-head.ts'

function request(over: Partial<RawRequest> & { readonly fields?: readonly string[] }): RawRequest {
  return {
    id: 'r1',
    receivedAtMs: 0,
    peer: { address: '127.0.0.1', encrypted: true },
    method: 'GET',
    target: '/orders',
    httpVersion: '1.1',
    headers: over.fields ?? ['Host', 'api.example.com'],
    body: { read: async () => ({ kind: 'bytes', bytes: new Uint8Array() }) },
    trace: { traceId: '0'.repeat(31).concat('1'), spanId: '0'.repeat(15).concat('1') },
    ...over,
  }
}

const host = ['Host', 'a']
const refused: readonly (readonly [string, readonly string[], string])[] = [
  ['no Host (RFC 9112 3.2)', ['Accept', '*/*'], 'malformed_request'],
  ['two Host fields', [...host, 'host', 'b'], 'malformed_request'],
  ['Host with user information', ['Host', 'x@a'], 'malformed_request'],
  ['Host with a path', ['Host', 'a/b'], 'malformed_request'],
  [
    'Content-Length and Transfer-Encoding (E1)',
    [...host, 'Content-Length', '1', 'Transfer-Encoding', 'chunked'],
    'malformed_request',
  ],
  ['Transfer-Encoding in list form (H3)', [...host, 'Transfer-Encoding', ',chunked'], 'malformed_request'],
  ['another transfer coding (E1)', [...host, 'Transfer-Encoding', 'gzip, chunked'], 'malformed_request'],
  [
    'two Transfer-Encoding fields (E1)',
    [...host, 'Transfer-Encoding', 'chunked', 'Transfer-Encoding', 'chunked'],
    'malformed_request',
  ],
  [
    'two Content-Length fields (E1)',
    [...host, 'Content-Length', '1', 'Content-Length', '1'],
    'malformed_request',
  ],
  ['a signed Content-Length', [...host, 'Content-Length', '+1'], 'malformed_request'],
  ['obs-text in a value (H3)', [...host, 'X-A', '\u00e9'], 'malformed_request'],
  ['a control character in a value (B10)', [...host, 'X-A', 'a\u0000b'], 'malformed_request'],
  [
    'two Authorization fields (A20)',
    [...host, 'Authorization', 'Bearer a', 'authorization', 'Bearer b'],
    'credential_ambiguous',
  ],
  [
    'two Content-Type fields (D1)',
    [...host, 'Content-Type', 'a/b', 'Content-Type', 'a/b'],
    'malformed_request',
  ],
  ['an unknown expectation', [...host, 'Expect', '200-maybe'], 'expectation_failed'],
  ['an upgrade', [...host, 'Upgrade', 'websocket', 'Connection', 'Upgrade'], 'upgrade_refused'],
]

test('a head that two parsers could read differently is refused', () => {
  for (const [title, fields, reason] of refused) {
    const head = parseHead(request({ fields }))
    assert.ok(!head.allow, title)
    assert.equal(head.reason, reason, title)
  }
})

test('only the origin-form of a target is read (RFC 9112 3.2; C6)', () => {
  for (const target of ['http://a/orders', '*', 'a:443', 'orders', '']) {
    const head = parseHead(request({ target }))
    assert.ok(!head.allow && head.reason === 'malformed_request', target)
  }
  const long = parseHead(request({ target: `/${'a'.repeat(8192)}` }))
  assert.ok(!long.allow && long.reason === 'uri_too_long')
})

test('framing says whether a body comes (RFC 9112 6)', () => {
  const framed = (fields: readonly string[]) => {
    const head = parseHead(request({ fields: [...host, ...fields] }))
    assert.ok(head.allow)
    return [head.value.hasBody, head.value.contentLength]
  }
  assert.deepEqual(framed([]), [false, null])
  assert.deepEqual(framed(['Content-Length', '0']), [false, 0])
  assert.deepEqual(framed(['Content-Length', '12']), [true, 12])
  assert.deepEqual(framed(['Transfer-Encoding', 'Chunked']), [true, null])
  const old = parseHead(request({ httpVersion: '1.0', fields: ['Transfer-Encoding', 'chunked'] }))
  assert.ok(!old.allow, 'Transfer-Encoding is not of HTTP/1.0')
})

test('fields for this hop and those that Connection names end here (RFC 9110 7.6.1; B7)', () => {
  const head = parseHead(
    request({
      fields: [
        'Host',
        'a',
        'Connection',
        'keep-alive, X-Secret',
        'Keep-Alive',
        '1',
        'X-Secret',
        's',
        'TE',
        'trailers',
        'Accept',
        'a/b',
      ],
    }),
  )
  assert.ok(head.allow)
  assert.deepEqual(head.value.fields.endToEnd, ['host', 'a', 'accept', 'a/b'])
})

test('a field in which keys come is read by exactly its name, and is not end-to-end (B2)', () => {
  const fields = ['Host', 'a', 'Api_Key', 'k', 'api-key', 'h', 'API_KEY', 'l', 'api_key_', 'x']
  const head = parseHead(request({ fields }), new Set(['api_key', 'x-key']))
  assert.ok(head.allow)
  assert.deepEqual(head.value.fields.all('api_key'), ['k', 'l'])
  assert.deepEqual(head.value.fields.all('api-key'), ['h'])
  assert.deepEqual(head.value.fields.endToEnd, ['host', 'a', 'api-key', 'h'])
})

test('a field name with an underscore does not exist (B2)', () => {
  const head = parseHead(request({ fields: ['Host', 'a', 'X_User_Id', 'admin'] }))
  assert.ok(head.allow)
  assert.equal(head.value.fields.get('x_user_id'), null)
  assert.deepEqual(head.value.fields.endToEnd, ['host', 'a'])
})
