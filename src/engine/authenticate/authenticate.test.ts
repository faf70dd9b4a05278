import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Memo } from '../../base/memo.ts'
import type { RequirementPlan } from '../../program/program.ts'
import { normalizeTarget } from '../normalize/normalize-target.ts'
import { parseFields } from '../parse/parse-fields.ts'
import type { Ports, SeenToken, TokenVerifier } from '../ports.ts'
import { anonymous } from '../principal.ts'
import { linkAccessToken } from './access-token.ts'
import { authenticate, type LinkedSecurity } from './authenticate.ts'
import type { LinkedScheme, Presentation } from './scheme.ts'

const nowMs = 1_800_000_000_000
const jwt = (name: string): LinkedScheme =>
  linkAccessToken(
    name,
    {
      issuers: [name.toUpperCase()],
      audiences: ['api'],
      maxTokenAgeSeconds: null,
      clockSkewSeconds: 5,
      requiredClaims: {},
      rolesClaim: ['roles'],
      senderConstraint: [],
      dpopNonce: false,
    },
    { constraints: [], origin: null, metadataUrl: null },
  )

/** A scheme with a place of its own: `X-Name: good`, `X-Name: down`. */
const field = (name: string): LinkedScheme => ({
  name,
  place: `header: ${name}`,
  challenges: { missing: [`${name} missing`], invalid: () => [`${name} invalid`], scope: null, stepUp: null },
  judge({ fields }) {
    const value = fields.get(name)
    if (value === null) return { kind: 'missing' }
    if (value === 'down') return { kind: 'fault', detail: 'down' }
    if (value !== 'good') return { kind: 'invalid', detail: 'wrong' }
    return {
      kind: 'accepted',
      identity: { ...anonymous, keyId: `${name}-key`, scopes: new Set(['s']) },
    }
  },
})
const schemes = { a: jwt('a'), b: jwt('b'), x: field('x'), y: field('y') }
type Name = keyof typeof schemes

function security(...alternatives: readonly (readonly Name[])[]): LinkedSecurity {
  const requirements: readonly RequirementPlan[] = alternatives.map((names) =>
    names.map((scheme) => ({ scheme, scopes: [] })),
  )
  return {
    alternatives: requirements,
    schemes: [...new Set(alternatives.flat())].map((name) => schemes[name]),
  }
}

/** Tokens `A` and `B` are good for the scheme of that issuer; `down` cannot be judged; all else is wrong. */
const tokens: TokenVerifier = {
  verify(scheme, token): SeenToken {
    if (token === 'down') return { kind: 'fault', detail: 'keys are not to be had' }
    if (token !== scheme.toUpperCase()) return { kind: 'invalid', detail: 'wrong' }
    const claims = { iss: token, aud: 'api', exp: nowMs / 1000 + 60, sub: 's' }
    return { kind: 'signed', issuer: token, keyId: 'k', type: 'at+jwt', claims, accepted: new Memo() }
  },
}
const down = { kind: 'fault', detail: 'not to be had' } as const
const ports: Ports = {
  tokens,
  proofs: { read: () => 'none', tokenHash: () => '', isCurrentNonce: () => false, nonce: () => '' },
  replays: { use: () => 'full' },
  certificates: { read: () => null, readForwarded: () => null, revocation: () => 'unknown' },
  clock: { nowMs: () => nowMs },
  load: { lateness: () => ({ waitedMs: 0, standing: false, limitMs: 5, serveMs: 5, fullness: 0 }) },
  keys: { find: () => ({ kind: 'fault', detail: 'none' }), used() {} },
  passwords: { verify: () => 'busy' },
  revocations: { stateOf: () => 'good' },
  trail: { intend: async () => ({ kind: 'written' }) },
  counters: { take: () => ({ allowed: true, states: [] }) },
  places: { take: () => ({ allowed: true, states: [], held: [] }), leave() {} },
  sessions: {
    find: () => down,
    begin: async () => down,
    finish: async () => down,
    end: async () => down,
    vouch: () => down,
    endAll: async () => down,
  },
}

function presented(headers: readonly string[]): Presentation {
  const fields = parseFields(headers)
  const target = normalizeTarget('/')
  assert.ok(fields.allow && target.allow)
  return {
    method: 'GET',
    target: target.value,
    fields: fields.value,
    cookies: new Map(),
    certificate: null,
    client: { address: { family: 4, groups: [0x7f00, 1] }, viaTrustedProxy: false, forwardingIgnored: false },
  }
}

async function decide(demanded: LinkedSecurity, headers: readonly string[]) {
  return authenticate(demanded, presented(headers), ports, nowMs)
}

async function askWith(demanded: LinkedSecurity, headers: readonly string[]): Promise<string> {
  const decision = await decide(demanded, headers)
  if (!decision.allow) return decision.reason
  return decision.value.principal.schemes.join('+') || 'anonymous'
}

function ask(demanded: LinkedSecurity, authorization?: string): Promise<string> {
  return askWith(demanded, authorization === undefined ? [] : ['Authorization', authorization])
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

test('schemes of different places combine exactly: both for AND, either for OR, no bad one beside a good one', async () => {
  const both = security(['a', 'x'])
  const either = security(['a'], ['x'])
  const bearer = ['Authorization', 'Bearer A']
  assert.equal(await askWith(both, [...bearer, 'X', 'good']), 'a+x')
  assert.equal(await askWith(both, bearer), 'credential_missing')
  assert.equal(await askWith(both, ['X', 'good']), 'credential_missing')
  assert.equal(await askWith(either, bearer), 'a')
  assert.equal(await askWith(either, ['X', 'good']), 'x')
  assert.equal(await askWith(either, [...bearer, 'X', 'bad']), 'credential_invalid')
  assert.equal(await askWith(either, ['Authorization', 'Bearer no', 'X', 'good']), 'credential_invalid')
  assert.equal(await askWith(either, [...bearer, 'X', 'down']), 'verifier_unavailable')
  assert.equal(await askWith(either, ['Authorization', 'Bearer no', 'X', 'down']), 'credential_invalid')
})

test('the identity that results names every scheme, and the first to say a thing is believed', async () => {
  const decision = await decide(security(['x', 'a']), ['Authorization', 'Bearer A', 'X', 'good'])
  assert.ok(decision.allow)
  const { subject, issuer, keyId, schemes: held, scopes, identities } = decision.value.principal
  assert.deepEqual([subject, issuer, keyId, held], ['s', 'A', 'x-key', ['x', 'a']])
  assert.deepEqual([...scopes], ['s'])
  assert.equal(identities.get('a')?.keyId, 'k')
})

test('every way in is challenged, the bad one with its error (RFC 9110 11.6.1)', async () => {
  const decision = await decide(security(['x'], ['y']), ['X', 'bad'])
  assert.ok(!decision.allow && decision.reason === 'credential_invalid')
  assert.deepEqual(decision.client.challenges, ['x invalid', 'y missing'])
})
