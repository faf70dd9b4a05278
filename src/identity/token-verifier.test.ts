import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { createTestKey, startIssuer, type TestIssuer } from '../../test/harness/issuer.ts'
import type { JwtPlan } from '../program/schemes.ts'
import { IssuerRegistry } from './issuer-registry.ts'
import { readJws } from './read-jws.ts'
import { createTokenVerifier, type RunningTokenVerifier } from './token-verifier.ts'

const issuers: TestIssuer[] = []
const verifiers = new Map<string, RunningTokenVerifier>()
const algorithms = ['ES256', 'RS256', 'PS256', 'EdDSA'] as const

before(async () => {
  for (const alg of algorithms) {
    const issuer = await startIssuer({ key: await createTestKey(alg) })
    const plan: JwtPlan = {
      kind: 'jwt',
      issuers: [issuer.issuer],
      audiences: ['api'],
      algorithms: [alg],
      maxTokenAgeSeconds: null,
      clockSkewSeconds: 5,
      requiredClaims: {},
      rolesClaim: ['roles'],
      senderConstraint: [],
      dpopNonce: false,
      profile: null,
    }
    const verifier = createTokenVerifier({ bearer: plan }, new IssuerRegistry(() => {}))
    await verifier.started
    issuers.push(issuer)
    verifiers.set(alg, verifier)
  }
})
after(async () => {
  for (const verifier of verifiers.values()) verifier.stop()
  for (const issuer of issuers) await issuer.stop()
})

test('no mutation of a valid token is accepted: one octet changed, dropped or added (RFC 7515 5.2; H1)', async () => {
  for (const [index, alg] of algorithms.entries()) {
    const verifier = verifiers.get(alg) as RunningTokenVerifier
    const token = (await issuers[index]?.token()) ?? ''
    assert.equal((await verifier.verify('bearer', token, Date.now())).kind, 'signed')
    const mutation = fc.record({
      at: fc.nat(token.length - 1),
      octet: fc.constantFrom(...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \t'),
      how: fc.constantFrom('replace', 'insert', 'remove'),
    })
    await fc.assert(
      fc.asyncProperty(mutation, async ({ at, octet, how }) => {
        const kept = how === 'insert' ? at : at + 1
        const mutated = token.slice(0, at) + (how === 'remove' ? '' : octet) + token.slice(kept)
        fc.pre(mutated !== token)
        const seen = await verifier.verify('bearer', mutated, Date.now())
        assert.notEqual(seen.kind, 'signed', `${alg} ${how} ${octet} at ${at}`)
      }),
      { numRuns: 400, seed: 7 },
    )
  }
})

test('the examples of RFC 7515 A.3 and RFC 8037 A.4 are read as they stand', () => {
  const es256 = readJws(
    'eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q',
  )
  assert.ok(typeof es256 !== 'string')
  assert.deepEqual([es256.algorithm, es256.claims.iss, es256.signature.length], ['ES256', 'joe', 64])
  const eddsa = readJws(
    'eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg',
  )
  assert.equal(eddsa, 'the payload is no JSON object')
})
