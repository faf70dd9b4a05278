import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  brotliCompressSync,
  constants,
  deflateRawSync,
  deflateSync,
  gzipSync,
  zstdCompressSync,
} from 'node:zlib'
import fc from 'fast-check'
import { type Coding, codingOf, codings, decode } from './content-coding.ts'

const encode = {
  gzip: gzipSync,
  deflate: deflateSync,
  br: brotliCompressSync,
  zstd: zstdCompressSync,
} as const satisfies { readonly [C in Coding]: (bytes: Uint8Array) => Buffer }

const hello = Buffer.from('hello')
const maxBytes = 1000

test('what is encoded once is decoded, whatever it is and however the encoder was set', () => {
  const sizes = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.integer({ min: 0, max: 300_000 }).map((n) => Buffer.alloc(n, 'ab')),
  )
  fc.assert(
    fc.property(fc.constantFrom(...codings), sizes, fc.boolean(), (coding, bytes, plain) => {
      const options = { level: plain ? 0 : 9, params: plain ? {} : { [constants.ZSTD_c_checksumFlag]: 1 } }
      const encoded = coding === 'br' ? encode.br(bytes) : encode[coding](bytes, options)
      assert.deepEqual(decode(coding, encoded, 300_000), Buffer.from(bytes))
    }),
    { seed: 5, numRuns: 500 },
  )
})

test('zstd frames without a content size, as streams have them, are one frame', () => {
  const frame = zstdCompressSync(Buffer.alloc(400_000, 'abc'), {
    params: { [constants.ZSTD_c_contentSizeFlag]: 0 },
  })
  assert.deepEqual(decode('zstd', frame, 400_000), Buffer.alloc(400_000, 'abc'))
})

for (const coding of codings) {
  const whole = encode[coding](hello)
  const wrong: readonly (readonly [string, Uint8Array])[] = [
    ['nothing', Buffer.alloc(0)],
    ['an octet of zero after it', Buffer.concat([whole, Buffer.alloc(1)])],
    ['other octets after it', Buffer.concat([whole, Buffer.from('{"a":1}')])],
    ['a second stream', Buffer.concat([whole, whole])],
    ['an empty stream before it', Buffer.concat([encode[coding](Buffer.alloc(0)), whole])],
    ['an empty stream after it', Buffer.concat([whole, encode[coding](Buffer.alloc(0))])],
    ['it without coding', hello],
    ...codings.filter((other) => other !== coding).map((other) => [other, encode[other](hello)] as const),
    ...Array.from(whole, (_, length) => [`its first ${length} octets`, whole.subarray(0, length)] as const),
  ]
  test(`${coding}: one stream and nothing else is decoded (D8)`, () => {
    assert.deepEqual(decode(coding, whole, maxBytes), hello)
    for (const [title, bytes] of wrong) assert.equal(decode(coding, bytes, maxBytes), 'broken', title)
  })

  test(`${coding}: a bomb stops at the bound (D8)`, () => {
    assert.equal(decode(coding, encode[coding](Buffer.alloc(maxBytes)), maxBytes).length, maxBytes)
    assert.equal(decode(coding, encode[coding](Buffer.alloc(maxBytes + 1)), maxBytes), 'too_large')
    assert.equal(decode(coding, encode[coding](Buffer.alloc(10 * 1024 ** 2)), maxBytes), 'too_large')
  })
}

test('gzip: its header may hold a name and a comment; its trailer must hold', () => {
  const whole = gzipSync(hello)
  const withFlags = (flags: number, ...fields: readonly string[]) =>
    Buffer.concat([
      whole.subarray(0, 3),
      Buffer.of(flags),
      whole.subarray(4, 10),
      Buffer.from(fields.join('')),
      whole.subarray(10),
    ])
  assert.deepEqual(decode('gzip', withFlags(0b1_1001, 'name\0', 'comment\0'), maxBytes), hello)
  for (const flags of [0b10, 0b100, 0b10_0000, 0b1000_0000])
    assert.equal(decode('gzip', withFlags(flags, '\0\0\0\0'), maxBytes), 'broken')
  for (const at of [1, 2, 3, 4, 5, 6, 7, 8]) {
    const changed = Buffer.from(whole)
    changed[whole.length - at] = (changed[whole.length - at] as number) ^ 1
    assert.equal(decode('gzip', changed, maxBytes), 'broken')
  }
})

test('deflate is the zlib format, without a dictionary (RFC 9110 8.4.1.2)', () => {
  assert.equal(decode('deflate', deflateRawSync(hello), maxBytes), 'broken')
  assert.equal(decode('deflate', deflateSync(hello, { dictionary: hello }), maxBytes), 'broken')
})

test('zstd: a skippable frame and a window above 8 MiB are refused (RFC 9659 3)', () => {
  const skippable = Buffer.of(0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 0)
  const frame = zstdCompressSync(hello)
  assert.equal(decode('zstd', Buffer.concat([skippable, frame]), maxBytes), 'broken')
  assert.equal(decode('zstd', Buffer.concat([frame, skippable]), maxBytes), 'broken')
  // Magic number, no content size, a window of 128 MiB, one raw block of one octet.
  const wide = (exponent: number) => Buffer.of(0x28, 0xb5, 0x2f, 0xfd, 0, exponent << 3, 9, 0, 0, 0x61)
  assert.deepEqual(decode('zstd', wide(13), maxBytes), Buffer.from('a'))
  assert.equal(decode('zstd', wide(17), maxBytes), 'broken')
})

test('octets of any kind are decoded, refused or bounded, and nothing is thrown', () => {
  const any = fc.tuple(fc.constantFrom(...codings), fc.uint8Array({ maxLength: 60 }), fc.nat(60))
  fc.assert(
    fc.property(any, ([coding, noise, at]) => {
      const mixed = Buffer.from(encode[coding](Buffer.alloc(60, 'xyz')))
      mixed.set(noise.subarray(0, Math.max(0, mixed.length - at)), Math.min(at, mixed.length))
      for (const bytes of [noise, mixed]) {
        const found = decode(coding, bytes, maxBytes)
        assert.ok(typeof found === 'string' || found.length <= maxBytes)
      }
    }),
    { seed: 6, numRuns: 2000 },
  )
})

test('names of codings are compared without case; chains are none of them', () => {
  assert.equal(codingOf('X-GZIP'), 'gzip')
  assert.equal(codingOf(' zstd'), 'zstd')
  assert.equal(codingOf('identity'), null)
  for (const written of ['gzip, br', 'gzip,gzip', 'identity, gzip', 'compress', '', 'gzip;q=1'])
    assert.equal(codingOf(written), undefined)
})
