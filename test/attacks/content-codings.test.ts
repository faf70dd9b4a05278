import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { brotliCompressSync, crc32, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { assertNotForwarded } from '../harness/ask.ts'
import { startGate, type TestGate } from '../harness/gate.ts'
import { type RawReply, sendRaw } from '../harness/raw-client.ts'
import { headerOf } from '../harness/upstream.ts'

// D8: a content coding hides from the gate what the backend reads, or makes much of little.

let gate: TestGate
let token: string

before(async () => {
  gate = await startGate({ more: 'validate: { contentEncodings: [gzip, br, deflate] }' })
  token = await gate.issuer.token()
})
after(() => gate.stop())

function post(coding: string, body: Buffer, headers = ''): Promise<RawReply> {
  const { http } = gate.gateway.addresses
  const head = `POST /things HTTP/1.1\r\nHost: api.example.com\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nContent-Encoding: ${coding}\r\n${headers}Content-Length: ${body.length}\r\n\r\n`
  return sendRaw(http as string, Buffer.concat([Buffer.from(head, 'latin1'), body]), { lingerMs: 0 })
}

const refused = (coding: string, body: Buffer, status = 400, reason = 'body_invalid') =>
  assertNotForwarded(gate, post(coding, body), status, reason)

const sound = Buffer.from('{"name":"x"}')
/** A gzip member with every optional part of its header (RFC 1952 2.3). */
function adorned(text: Buffer): Buffer {
  const trailer = Buffer.alloc(8)
  trailer.writeUInt32LE(crc32(text), 0)
  trailer.writeUInt32LE(text.length, 4)
  const header = Buffer.from([0x1f, 0x8b, 8, 0x1e, 0, 0, 0, 0, 0, 3, 2, 0, 7, 7])
  return Buffer.concat([header, Buffer.from('name\0comment\0!!'), deflateRawSync(text), trailer])
}

test('what is under an allowed coding is validated, and what came is what arrives', async () => {
  const bodies = [
    ['gzip', gzipSync(sound)],
    ['x-gzip', gzipSync(sound)],
    ['GZIP', gzipSync(sound, { level: 0 })],
    ['gzip', adorned(sound)],
    ['deflate', deflateSync(sound)],
    ['br', brotliCompressSync(sound)],
  ] as const
  for (const [coding, body] of bodies) {
    const reply = await post(coding, body)
    assert.equal(reply.status, 200, `${coding}: ${reply.text}`)
    const seen = gate.upstream.seen.at(-1)
    assert.ok(seen)
    assert.equal(seen.body, body.toString('utf8'))
    assert.equal(headerOf(seen, 'content-length'), String(body.length))
    assert.equal(headerOf(seen, 'content-encoding'), coding)
    const unknown = await refused(
      coding,
      coding.startsWith('br') ? brotliCompressSync(priced) : encode(coding),
    )
    assert.match(unknown.body, /"pointer":"\/price"/)
  }
})

const priced = Buffer.from('{"name":"x","price":1}')
const encode = (coding: string) => (coding === 'deflate' ? deflateSync(priced) : gzipSync(priced))

test('one stream of all octets that came, or none', async () => {
  const whole = gzipSync(sound)
  const wrongSum = Buffer.from(whole)
  wrongSum.writeUInt8(wrongSum.readUInt8(wrongSum.length - 5) ^ 1, wrongSum.length - 5)
  const wrongLength = Buffer.from(whole)
  wrongLength.writeUInt8(wrongLength.readUInt8(wrongLength.length - 4) ^ 1, wrongLength.length - 4)
  const empty = gzipSync(Buffer.alloc(0))
  for (const body of [
    Buffer.concat([whole, Buffer.from('junk')]),
    Buffer.concat([whole, Buffer.alloc(4)]),
    Buffer.concat([whole, whole]),
    Buffer.concat([whole, empty]),
    Buffer.concat([empty, whole]),
    whole.subarray(0, -1),
    whole.subarray(0, 10),
    wrongSum,
    wrongLength,
    sound,
    deflateSync(sound),
  ])
    await refused('gzip', body)
  for (const tail of [Buffer.from('junk'), Buffer.alloc(4), deflateSync(sound)]) {
    await refused('deflate', Buffer.concat([deflateSync(sound), tail]))
    await refused('br', Buffer.concat([brotliCompressSync(sound), tail]))
  }
  await refused('deflate', deflateRawSync(sound))
  await refused('br', whole)
})

test('a bomb ends at the bound of the body', async () => {
  const bomb = Buffer.alloc(64 * 1024 ** 2)
  for (const [coding, body] of [
    ['gzip', gzipSync(bomb)],
    ['deflate', deflateSync(bomb)],
    ['br', brotliCompressSync(bomb)],
  ] as const) {
    const before = process.memoryUsage().arrayBuffers
    await refused(coding, body, 413, 'body_too_large')
    assert.ok(process.memoryUsage().arrayBuffers - before < 16 * 1024 ** 2, coding)
  }
  await refused('gzip', gzipSync(gzipSync(sound)))
})

test('codings that are not allowed, chains and lists are 415, with those that are (RFC 9110 15.5.16)', async () => {
  for (const coding of [
    'zstd',
    'compress',
    'gzip, gzip',
    'gzip, identity',
    'identity, gzip',
    'br;q=1',
    '*',
    '',
  ]) {
    const body = coding === 'zstd' ? zstdCompressSync(sound) : gzipSync(sound)
    const reply = await refused(coding, body, 415, 'media_type_unsupported')
    assert.equal(reply.fields.get('accept-encoding'), 'gzip, deflate, br, identity', coding)
  }
  const twice = post('gzip', gzipSync(sound), 'Content-Encoding: gzip\r\n')
  await assertNotForwarded(gate, twice, 400, 'malformed_request')
})

test('without the allowance there is none', async () => {
  const plain = await startGate()
  try {
    const body = gzipSync(sound)
    const head = `POST /things HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${await plain.issuer.token()}\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: ${body.length}\r\n\r\n`
    const reply = sendRaw(plain.gateway.addresses.http as string, Buffer.concat([Buffer.from(head), body]), {
      lingerMs: 0,
    })
    const denied = await assertNotForwarded(plain, reply, 415, 'media_type_unsupported')
    assert.equal(denied.fields.get('accept-encoding'), 'identity')
  } finally {
    await plain.stop()
  }
})
