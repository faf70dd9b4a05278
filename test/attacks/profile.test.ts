import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { ask, assertNotForwarded } from '../harness/ask.ts'
import { startGate, type TestGate } from '../harness/gate.ts'
import type { Claims } from '../harness/issuer.ts'

// Tokens of an issuer that marks its access tokens (RFC 9068 2.1).

let gate: TestGate
before(async () => {
  gate = await startGate({ identity: 'profile: rfc9068' })
})
after(() => gate.stop())

const shown = async (claims: Claims, typ?: string) =>
  ask(gate, '/things', { token: await gate.issuer.token(claims, { typ: typ as string }) })

test('A19 under the profile only what says that it is an access token is one (RFC 9068 4)', async () => {
  for (const typ of ['at+jwt', 'application/at+jwt', 'AT+JWT'])
    assert.equal((await shown({}, typ)).status, 200, typ)
  // An ID token without a nonce looks like this, where its audience, a client, is the API's too.
  for (const typ of ['JWT', undefined, 'id+jwt'])
    await assertNotForwarded(gate, shown({}, typ), 401, 'credential_invalid')
})

test('the profile demands who, for which client, when and which token (RFC 9068 2.2)', async () => {
  for (const claim of ['sub', 'client_id', 'iat', 'jti'])
    await assertNotForwarded(gate, shown({ [claim]: undefined }, 'at+jwt'), 401, 'credential_invalid')
})
