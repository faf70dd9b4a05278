import assert from 'node:assert/strict'
import { generateKeyPairSync, sign, verify } from 'node:crypto'
import { test } from 'node:test'
import { derSignature } from './der-signature.ts'

const hex = (der: Buffer): string => der.toString('hex')

test('numbers are as short as they can be, and never negative (X.690 8.3)', () => {
  assert.equal(hex(derSignature(Buffer.from('0000', 'hex'))), '3006020100020100')
  assert.equal(hex(derSignature(Buffer.from('7f80', 'hex'))), '300702017f02020080')
  assert.equal(hex(derSignature(Buffer.from('0001ff00', 'hex'))), '3008020101020300ff00')
  assert.equal(hex(derSignature(Buffer.from('00800080', 'hex'))), '30080202008002020080')
})

test('signatures of every curve verify as they do in the form of JWS (RFC 7518 3.4)', () => {
  const said = Buffer.from('what is signed')
  for (const [namedCurve, digest] of [
    ['P-256', 'sha256'],
    ['P-384', 'sha384'],
    ['P-521', 'sha512'],
  ] as const) {
    const { privateKey, publicKey: key } = generateKeyPairSync('ec', { namedCurve })
    // Enough of them that some have leading zeros, and some a first bit that is set.
    for (let i = 0; i < 100; i++) {
      const signature = sign(digest, said, { key: privateKey, dsaEncoding: 'ieee-p1363' })
      assert.equal(verify(digest, said, key, derSignature(signature)), true)
      const wrong = Buffer.from(signature)
      wrong[i % wrong.length] = (wrong[i % wrong.length] as number) ^ 1
      assert.equal(verify(digest, said, key, derSignature(wrong)), false)
    }
  }
})

test('numbers that no signature has are refused: zero, and all bits set', () => {
  const { publicKey: key } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  for (const octet of [0, 0xff])
    assert.equal(verify('sha256', Buffer.from('x'), key, derSignature(Buffer.alloc(64, octet))), false)
})
