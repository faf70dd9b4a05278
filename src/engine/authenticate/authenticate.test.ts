import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RequirementPlan, SchemePlan } from '../../program/program.ts'
import { parseFields } from '../parse/parse-fields.ts'
import type { SeenToken, TokenVerifier } from '../ports.ts'
import { authenticate, type LinkedSecurity } from './authenticate.ts'

const nowMs = 1_800_000_000_000
const plan = (issuer: string): SchemePlan => ({
  kind: 'jwt',
  issuers: [issuer],
  audiences: ['api'],
  algorithms: ['RS256'],
  maxTokenAgeSeconds: null,
  clockSkewSeconds: 5,
})
const plans = { a: plan('A'), b: plan('B') }

function security(...alternatives: readonly (readonly ('a' | 'b')[])[]): LinkedSecurity {
  const requirements: readonly RequirementPlan[] = alternatives.map((names) =>
    names.map((scheme) => ({ scheme, scopes: [] })),
  )
  const names = [...new Set(alternatives.flat())]
  return {
    alternatives: requirements,
    schemes: names.map((name) => ({ name, plan: plans[name] })),
    challenges: { missing: ['M'], invalid: ['I'] },
  }
}

/** Tokens `A` and `B` are good for the scheme of that issuer; `down` cannot be judged; all else is wrong. */
const tokens: TokenVerifier = {
  verify(scheme, token): SeenToken {
    if (token === 'down') return { kind: 'fault', detail: 'keys are not to be had' }
    if (token !== scheme.toUpperCase()) return { kind: 'invalid', detail: 'wrong' }
    const claims = { iss: token, aud: 'api', exp: nowMs / 1000 + 60, sub: 's' }
    return { kind: 'signed', issuer: token, keyId: 'k', algorithm: 'RS256', type: 'at+jwt', claims }
  },
}

async function ask(demanded: LinkedSecurity, authorization?: string): Promise<string> {
  const fields = parseFields(authorization === undefined ? [] : ['Authorization', authorization])
  assert.ok(fields.allow)
  const decision = await authenticate(demanded, fields.value, tokens, nowMs)
  if (!decision.allow) return decision.reason
  return decision.value.principal.schemes.join('+') || 'anonymous'
}

test('alternatives are OR, schemes of one alternative are AND (OpenAPI Security Requirement Object)', async () => {
  assert.equal(await ask(security(['a'], ['b']), 'Bearer A'), 'a')
  assert.equal(await ask(security(['a'], ['b']), 'Bearer B'), 'b')
  assert.equal(await ask(security(['a', 'b']), 'Bearer A'), 'credential_missing')
  assert.equal(await ask(security(['a', 'b'], ['b']), 'Bearer B'), 'b')
})

test('a bad credential is 401 even where authentication is optional; none is let through', async () => {
  const optional = security(['a'], [])
  assert.equal(await ask(optional), 'anonymous')
  assert.equal(await ask(optional, 'Bearer A'), 'a')
  assert.equal(await ask(optional, 'Bearer nonsense'), 'credential_invalid')
  assert.equal(await ask(optional, 'Bearer A, Bearer B'), 'credential_invalid')
})

test('an invalid credential outranks a missing one, and an outage is neither', async () => {
  assert.equal(await ask(security(['a'])), 'credential_missing')
  assert.equal(await ask(security(['a']), 'Bearer x'), 'credential_invalid')
  assert.equal(await ask(security(['a']), 'Bearer down'), 'verifier_unavailable')
  assert.equal(await ask(security(['a']), 'Basic dTpw'), 'credential_missing')
})

test('A22: anything but one token after Bearer is 401', async () => {
  for (const value of [
    'Bearer',
    'Bearer ',
    'Bearer  A',
    'Bearer A B',
    'Bearer A,',
    'Bearer\tA',
    'bearer "A"',
  ]) {
    assert.equal(await ask(security(['a']), value), 'credential_invalid', value)
  }
  assert.equal(await ask(security(['a']), 'BEARER A'), 'a')
})

test('an operation that is public asks nothing', async () => {
  assert.equal(await ask(security(), 'Bearer x'), 'anonymous')
})
