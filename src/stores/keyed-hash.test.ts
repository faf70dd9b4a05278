import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KeyedHash } from './keyed-hash.ts'

/** Of the reference implementation: octets 0, 1, 2 … in so many octets, under the key 00 01 … 07. */
const vectors: readonly (readonly [octets: number, digest: string])[] = [
  [0, '218d1f59b9b83cc8'],
  [1, 'be552412f8387315'],
  [2, '064f39ef7c50eb57'],
  [3, 'ce0f1a45f7060679'],
  [4, 'd5e78a175be52ea1'],
  [5, 'cb9d7c3f2f3db580'],
  [6, 'ce3e91358aa2bc25'],
  [7, 'ff202728b07bc684'],
  [8, 'edfee820bce4858c'],
  [9, '5b51cccc13888307'],
  [32, '28709d46d811626c'],
  [63, '2ea63c71bf326087'],
]

const digestOf = (hash: KeyedHash, text: string): string => {
  hash.digest(text)
  const found = Buffer.alloc(8)
  found.writeInt32LE(hash.low, 0)
  found.writeInt32LE(hash.high, 4)
  return found.toString('hex')
}

test('the digest is that of HalfSipHash-2-4-64', () => {
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
