import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KeyedHash } from './keyed-hash.ts'

/** Of the reference implementation with `cROUNDS` 1 and `dROUNDS` 3: octets 0, 1, 2 … in so many octets, under the key 00 01 … 07. */
const vectors: readonly (readonly [octets: number, digest: string])[] = [
  [0, '76a5d0212320f72a'],
  [1, '87e8748d6fd33397'],
  [2, '78ee1fe15d3cd732'],
  [3, '3e5239a36bde6c3e'],
  [4, 'eb24dba0718cae05'],
  [5, '83e7464ecbc3bde6'],
  [6, 'af65e0c64df5d602'],
  [7, '3c052d0ab24cf18f'],
  [8, '3dcda8311dec7a5f'],
  [9, 'bd615fbfc1433bf6'],
  [32, '166eee0fc184b8f1'],
  [63, '3c12c4201914c5c1'],
]

const digestOf = (hash: KeyedHash, text: string): string => {
  hash.digest(text)
  const found = Buffer.alloc(8)
  found.writeInt32LE(hash.low, 0)
  found.writeInt32LE(hash.high, 4)
  return found.toString('hex')
}

test('the digest is that of HalfSipHash-1-3-64', () => {
  const hash = new KeyedHash(Uint8Array.from([0, 1, 2, 3, 4, 5, 6, 7]))
  for (const [octets, digest] of vectors) {
    const text = Buffer.from(Array.from({ length: octets }, (_, index) => index)).toString('latin1')
    assert.equal(digestOf(hash, text), digest, `${octets} octets`)
  }
})

test('every character counts, beyond ISO 8859-1 too, and no encoding is mistaken for another', () => {
  const hash = new KeyedHash()
  const wide = 'käse 奶酪 сыр'
  const texts = [wide, `${wide}x`, 'käse 奶酪 сып', 'käse', 'kase', 'k\u01e4se', '奶', '\u0076\u0059', '']
  assert.equal(new Set(texts.map((text) => digestOf(hash, text))).size, texts.length)
  for (const text of texts)
    assert.notEqual(
      digestOf(hash, text),
      digestOf(hash, Buffer.from(`${text}\u5976`, 'utf16le').toString('latin1')),
    )
})

test('another secret is another digest', () => {
  const text = 'address 192.0.2.1/32'
  assert.notEqual(digestOf(new KeyedHash(), text), digestOf(new KeyedHash(), text))
})
