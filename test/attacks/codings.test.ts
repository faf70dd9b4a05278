import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { type Coding, codings } from '../../src/base/content-coding.ts'
import { assertNotForwarded } from '../harness/ask.ts'
import { startGate, type TestGate } from '../harness/gate.ts'
import { type RawReply, sendRaw } from '../harness/raw-client.ts'
import { headerOf } from '../harness/upstream.ts'

const contract = fileURLToPath(new URL('../fixtures/codings.yaml', import.meta.url))
const encode = {
  gzip: gzipSync,
  deflate: deflateSync,
  br: brotliCompressSync,
  zstd: zstdCompressSync,
} as const satisfies { readonly [C in Coding]: (bytes: Uint8Array) => Buffer }

let gate: TestGate
before(async () => {
  gate = await startGate({
    contract,
    more: 'validate: { contentEncodings: [gzip, deflate, br, zstd] }\nallowWeakening: true',
  })
})
after(() => gate.stop())

interface Sent {
  readonly target?: string
  readonly method?: string
  readonly contentType?: string
  readonly framing?: 'length' | 'chunked'
}

/** @param coding `Content-Encoding` as it is spelled */
function send(coding: string, octets: Buffer, sent: Sent = {}): Promise<RawReply> {
  const { target = '/orders', method = 'POST', contentType = 'application/json', framing = 'length' } = sent
  const { http } = gate.gateway.addresses
  assert.ok(http)
  const size = framing === 'length' ? `Content-Length: ${octets.length}` : 'Transfer-Encoding: chunked'
  const head = `${method} ${target} HTTP/1.1\r\nHost: a\r\nContent-Type: ${contentType}\r\nContent-Encoding: ${coding}\r\n${size}\r\n\r\n`
  const chunks = octets.length === 0 ? [] : [`${octets.length.toString(16)}\r\n`, octets, '\r\n']
  const body = framing === 'length' ? [octets] : [...chunks, '0\r\n\r\n']
  return sendRaw(http, Buffer.concat([head, ...body].map((part) => Buffer.from(part as string))), {
    lingerMs: 0,
  })
}

const order = Buffer.from('{"name":"café"}')

async function unsupported(reply: Promise<RawReply>, accepted: string | undefined): Promise<void> {
  const { fields } = await assertNotForwarded(gate, reply, 415, 'media_type_unsupported')
  assert.equal(fields.get('accept-encoding'), accepted)
}

async function refused(reply: Promise<RawReply>, pointer: string, message: string): Promise<void> {
  const { body } = await assertNotForwarded(gate, reply, 400, 'body_invalid')
  assert.deepEqual((JSON.parse(body) as { readonly errors: readonly object[] }).errors[0], {
    in: 'body',
    pointer,
    message,
  })
}

test('the octets that came are those that arrive, under the coding they came in', async () => {
  const contents: readonly (readonly [string, Buffer])[] = [
    ['application/json', order],
    ['application/merge-patch+json', order],
    ['application/x-www-form-urlencoded', Buffer.from('name=caf%C3%A9')],
    ['text/plain', Buffer.from('café')],
  ]
  for (const coding of codings)
    for (const [contentType, content] of contents)
      for (const framing of ['length', 'chunked'] as const) {
        const octets = encode[coding](content)
        const reply = await send(coding, octets, { contentType, framing })
        assert.equal(reply.status, 200, reply.text)
        const seen = gate.upstream.seen.at(-1)
        assert.ok(seen)
        assert.deepEqual(seen.octets, octets)
        assert.equal(headerOf(seen, 'content-encoding'), coding)
        assert.equal(headerOf(seen, 'content-type'), contentType)
        assert.equal(headerOf(seen, 'content-length'), String(octets.length))
      }
})

test('names of codings are compared without case, and x-gzip is gzip (RFC 9110 8.4.1.3)', async () => {
  for (const coding of ['GZIP', 'x-gzip', 'X-Gzip'])
    assert.equal((await send(coding, gzipSync(order))).status, 200, coding)
  assert.equal((await send('identity', order)).status, 200)
})

test('what is beneath the coding is validated, in all media types that are read whole', async () => {
  for (const coding of codings) {
    const encoded = (text: string) => encode[coding](Buffer.from(text))
    await refused(send(coding, encoded('{"name":"x","admin":true}')), '/admin', 'is not a known field')
    await refused(send(coding, encoded('{"name":"x","name":"y"}')), '/name', 'must not stand twice')
    await refused(
      send(coding, encoded('name=x&admin=1'), { contentType: 'application/x-www-form-urlencoded' }),
      '/admin',
      'is not a known field',
    )
    await refused(
      send(coding, encoded('x'.repeat(21)), { contentType: 'text/plain' }),
      '',
      'must have at most 20 characters',
    )
  }
})

test('D8 a bomb of 10 MiB stops at the bound of the body', async () => {
  for (const coding of codings) {
    const bomb = encode[coding](Buffer.alloc(10 * 1024 ** 2))
    assert.ok(bomb.length < 11 * 1024, `${coding} ${bomb.length}`)
    for (const framing of ['length', 'chunked'] as const)
      await assertNotForwarded(gate, send(coding, bomb, { framing }), 413, 'body_too_large')
    const fits = Buffer.from(JSON.stringify({ name: 'x'.repeat(64 * 1024 - 11) }))
    assert.equal(fits.length, 64 * 1024)
    assert.equal((await send(coding, encode[coding](fits))).status, 200)
    const over = Buffer.concat([fits, Buffer.from(' ')])
    await assertNotForwarded(gate, send(coding, encode[coding](over)), 413, 'body_too_large')
  }
})

test('D8 octets as they came are bounded too', async () => {
  const stored = gzipSync(Buffer.alloc(65 * 1024, 'x'), { level: 0 })
  await assertNotForwarded(gate, send('gzip', stored), 413, 'body_too_large')
})

test('D8 a bomb within a bomb is not looked into: one coding, once', async () => {
  const nested = gzipSync(gzipSync(Buffer.alloc(10 * 1024 ** 2)))
  await refused(send('gzip', nested), '', 'must be UTF-8')
  for (const coding of ['gzip, gzip', 'gzip,br', 'br, gzip', 'identity, gzip', 'gzip, identity'])
    await unsupported(send(coding, nested), 'gzip, deflate, br, zstd')
})

test('D8 unknown codings, and lists of several fields, are refused', async () => {
  for (const coding of ['compress', 'x-unknown', 'gzipp', 'gzip;q=1', 'chunked', '*'])
    await unsupported(send(coding, gzipSync(order)), 'gzip, deflate, br, zstd')
  const twice = send('gzip\r\nContent-Encoding: gzip', gzipSync(order))
  await assertNotForwarded(gate, twice, 400, 'malformed_request')
})

test('D8 a coding under a wrong label is broken, and so is a body in none', async () => {
  for (const label of codings) {
    const message = `must be one stream of ${label}`
    for (const coding of codings)
      if (coding !== label) await refused(send(label, encode[coding](order)), '', message)
    await refused(send(label, order), '', message)
    await refused(send(label, encode[label](order).subarray(0, -1)), '', message)
  }
  for (const coding of codings)
    await assertNotForwarded(gate, send('identity', encode[coding](order)), 400, 'body_invalid')
})

test('D8 octets after the stream, and second streams, are refused: readers differ on them', async () => {
  const evil = Buffer.from('{"name":"x","admin":true}')
  for (const coding of codings) {
    const [whole, second, empty] = [order, evil, Buffer.alloc(0)].map((content) => encode[coding](content))
    assert.ok(whole && second && empty)
    for (const parts of [
      [whole, second],
      [whole, empty],
      [empty, whole],
      [whole, Buffer.alloc(1)],
      [whole, evil],
    ])
      await refused(send(coding, Buffer.concat(parts)), '', `must be one stream of ${coding}`)
  }
})

test('D8 what streams comes without a coding, and the answer says so', async () => {
  await unsupported(send('gzip', gzipSync(order), { contentType: 'application/octet-stream' }), 'identity')
  await unsupported(
    send('gzip', gzipSync(order), { contentType: 'multipart/form-data; boundary=x' }),
    'identity',
  )
})

test('D8 an operation accepts the codings that it names, and a media type at fault names none (RFC 9110 12.5.3)', async () => {
  await unsupported(send('gzip', gzipSync(order), { target: '/plain' }), 'identity')
  await unsupported(send('br', brotliCompressSync(order), { target: '/zipped' }), 'gzip')
  assert.equal((await send('gzip', gzipSync(order), { target: '/zipped' })).status, 200)
  await unsupported(send('gzip', gzipSync(order), { contentType: 'text/html' }), undefined)
})

test('D8 a coding where no content can come is refused', async () => {
  await unsupported(send('gzip', Buffer.alloc(0), { method: 'GET' }), 'identity')
  await unsupported(send('gzip', Buffer.alloc(0)), 'identity')
  await unsupported(send('gzip', Buffer.alloc(0), { target: '/plain' }), 'identity')
  await assertNotForwarded(gate, send('gzip', gzipSync(order), { method: 'GET' }), 400, 'body_unexpected')
  await refused(send('gzip', Buffer.alloc(0), { framing: 'chunked' }), '', 'is required')
  await refused(send('gzip', gzipSync(Buffer.alloc(0))), '', 'must be JSON')
})

test('where faults are only reported a broken stream passes, and a bomb does not', async () => {
  const target = '/reported'
  assert.equal((await send('gzip', order, { target })).status, 200)
  const line = await gate.logged((one) => one.operation === 'postReported')
  assert.match(String(line.reported), /body_invalid/)
  const bomb = gzipSync(Buffer.alloc(10 * 1024 ** 2))
  await assertNotForwarded(gate, send('gzip', bomb, { target }), 413, 'body_too_large')
})
