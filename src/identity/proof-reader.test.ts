import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { createProofReader } from './proof-reader.ts'

const reader = createProofReader()

test('the proof of RFC 9449 7.1 is read, with the thumbprint its token is bound to', () => {
  const proof =
    'eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA'
  const read = reader.read(proof)
  assert.ok(typeof read !== 'string', String(read))
  assert.equal(read.keyThumbprint, '0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I')
  assert.equal(read.claims.htm, 'GET')
})

test('ath is the hash of the token (RFC 9449 7.1)', () => {
  assert.equal(
    reader.tokenHash('Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU'),
    'fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo',
  )
})

test('the thumbprint of RFC 7638 3.1 holds for every type of key', async () => {
  for (const alg of ['ES256', 'PS256', 'RS256', 'EdDSA'] as const) {
    const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true })
    const jwk = await exportJWK(publicKey)
    const sign = (header: object) =>
      new SignJWT({ jti: 'a' }).setProtectedHeader({ typ: 'dpop+jwt', alg, jwk, ...header }).sign(privateKey)
    assert.ok(typeof reader.read(await sign({})) !== 'string', alg)
    assert.equal(reader.read(await sign({ typ: 'JWT' })), 'typ of the proof is not dpop+jwt')
    assert.equal(reader.read(await sign({ jwk: undefined })), 'the proof holds no key')
    const secret = await exportJWK(privateKey)
    assert.equal(reader.read(await sign({ jwk: secret })), 'the proof holds a private key')
    const other = await exportJWK((await generateKeyPair(alg, { extractable: true })).publicKey)
    assert.equal(reader.read(await sign({ jwk: other })), 'the signature of the proof is wrong')
    assert.match(String(reader.read(`${await sign({})}=`)), /proof/)
  }
})

test('shared secrets and none make no proof (RFC 9449 4.3, 5)', async () => {
  const hs = await new SignJWT({})
    .setProtectedHeader({ typ: 'dpop+jwt', alg: 'HS256', jwk: { kty: 'EC' } })
    .sign(new Uint8Array(32))
  assert.equal(reader.read(hs), 'alg of the proof is not one of those allowed')
})

test('a nonce is good in its window and the next, and nobody else makes one (RFC 9449 8)', () => {
  const nowMs = 1_800_000_000_000
  const nonce = reader.nonce(nowMs)
  assert.ok(reader.isCurrentNonce(nonce, nowMs))
  assert.ok(reader.isCurrentNonce(nonce, nowMs + 300_000))
  assert.ok(!reader.isCurrentNonce(nonce, nowMs + 600_000))
  assert.ok(!reader.isCurrentNonce(createProofReader().nonce(nowMs), nowMs))
  assert.ok(!reader.isCurrentNonce('', nowMs))
  assert.ok(!reader.isCurrentNonce('é'.repeat(nonce.length), nowMs))
})

test('ATTACK: a key of the client that is dear to verify with is refused before it is used (RFC 8725 3.4)', () => {
  const encoded = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const odd = (octets: number) => {
    const bytes = Buffer.alloc(octets, 0x7f)
    bytes[0] = 0xff
    return bytes.toString('base64url')
  }
  for (const [modulus, exponent] of [
    [384, 380],
    [256, 24],
    [2048, 3],
  ] as const) {
    const jwk = { kty: 'RSA', n: odd(modulus), e: odd(exponent) }
    const signature = Buffer.alloc(modulus, 1).toString('base64url')
    const proof = `${encoded({ alg: 'RS256', typ: 'dpop+jwt', jwk })}.${encoded({ jti: 'a' })}.${signature}`
    assert.equal(reader.read(proof), 'the key of the proof is malformed, weak or oversized')
  }
})
