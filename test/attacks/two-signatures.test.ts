import assert from 'node:assert/strict'
import { createHash, randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import { calculateJwkThumbprint, type JWK, SignJWT } from 'jose'
import { ask, assertNotForwarded } from '../harness/ask.ts'
import { portcullis } from '../harness/command.ts'
import { startGate, type TestGate } from '../harness/gate.ts'
import { createTestKey } from '../harness/issuer.ts'
import { until } from '../harness/until.ts'

// Whoever sees an ECDSA signature (r, s) can make another of the same octets, (r, n - s), without the key. JWS leaves both
// good, so what is known once (a revoked token, a proof that was used) must not be known by its text.

const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
const publicUrl = 'https://api.example.com'
let gate: TestGate

before(async () => {
  const things = {
    operationId: 'getThings',
    security: [{ bearerAuth: [] }],
    responses: { 200: { description: 'ok' } },
  }
  gate = await startGate({
    document: {
      openapi: '3.1.0',
      info: { title: 'things', version: '1' },
      paths: { '/things': { get: things } },
      components: { securitySchemes: { bearerAuth: { type: 'http', scheme: 'bearer' } } },
    },
    more: `publicUrl: "${publicUrl}"`,
  })
})
after(() => gate.stop())

function otherForm(jws: string): string {
  const [header, payload, signature] = jws.split('.') as [string, string, string]
  const octets = Buffer.from(signature, 'base64url')
  const s = order - BigInt(`0x${octets.subarray(32).toString('hex')}`)
  const other = Buffer.concat([octets.subarray(0, 32), Buffer.from(s.toString(16).padStart(64, '0'), 'hex')])
  return `${header}.${payload}.${other.toString('base64url')}`
}

test('a revocation reaches a token in both forms of its signature (RFC 7518 3.4)', async () => {
  const token = await gate.issuer.token({ jti: 'twice' })
  for (const form of [token, otherForm(token)])
    assert.equal((await ask(gate, '/things', { token: form })).status, 200)
  const words = [
    'tokens',
    'revoke',
    '--issuer',
    gate.issuer.issuer,
    '--jti',
    'twice',
    '-c',
    gate.configurationFile,
  ]
  const { code, stderr } = await portcullis(words)
  assert.equal(code, 0, stderr)
  await until(async () => (await ask(gate, '/things', { token })).status === 401, 'the token is refused')
  for (const form of [token, otherForm(token)])
    await assertNotForwarded(gate, ask(gate, '/things', { token: form }), 401, 'credential_invalid')
})

test('a DPoP proof is used up in both forms of its signature (RFC 9449 11.1)', async () => {
  const { privateKey, jwk } = await createTestKey()
  const { kty, crv, x, y } = jwk
  const token = await gate.issuer.token({ cnf: { jkt: await calculateJwkThumbprint(jwk) } })
  const ath = createHash('sha256').update(token).digest('base64url')
  const claims = { htm: 'GET', htu: `${publicUrl}/things`, ath, jti: randomUUID() }
  const proof = await new SignJWT(claims)
    .setIssuedAt()
    .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk: { kty, crv, x, y } as JWK })
    .sign(privateKey)
  const send = (one: string) =>
    ask(gate, '/things', { headers: [`Authorization: DPoP ${token}`, `DPoP: ${one}`] })
  assert.equal((await send(otherForm(proof))).status, 200)
  await assertNotForwarded(gate, send(proof), 401, 'credential_invalid')
})
