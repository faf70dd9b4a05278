import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Json } from '../../base/json.ts'
import { Memo } from '../../base/memo.ts'
import type { JwtPlan } from '../../program/schemes.ts'
import { judgeAccessToken } from './judge-access-token.ts'

const nowSeconds = 1_800_000_000
const plan: JwtPlan = {
  kind: 'jwt',
  issuers: ['https://a.example', 'https://b.example'],
  audiences: ['https://api.example'],
  algorithms: ['RS256'],
  maxTokenAgeSeconds: 3600,
  clockSkewSeconds: 5,
  requiredClaims: { tenant: ['acme', 'other'] },
  rolesClaim: ['realm_access', 'roles'],
  senderConstraint: [],
  dpopNonce: false,
  profile: null,
}
const good: { readonly [claim: string]: Json } = {
  iss: 'https://a.example',
  aud: 'https://api.example',
  exp: nowSeconds + 300,
  iat: nowSeconds - 10,
  sub: 'alice',
  client_id: 'app',
  scope: 'orders:read orders:write',
  tenant: 'acme',
  realm_access: { roles: ['admin'] },
}

function judge(claims: { readonly [claim: string]: Json | undefined }, type: string | null = 'at+jwt') {
  const merged = Object.fromEntries(
    Object.entries({ ...good, ...claims }).filter(([, value]) => value !== undefined),
  )
  return judgeAccessToken(
    {
      kind: 'signed',
      issuer: 'https://a.example',
      keyId: 'k1',
      type,
      claims: merged as never,
      accepted: new Memo(),
    },
    plan,
    nowSeconds * 1000,
  )
}

test('a sound access token names its bearer (RFC 9068 2.2)', () => {
  const judged = judge({})
  assert.ok(judged.kind === 'accepted')
  const { subject, issuer, client, keyId, scopes, roles } = judged.identity
  assert.deepEqual([subject, issuer, client, keyId], ['alice', 'https://a.example', 'app', 'k1'])
  assert.deepEqual([...scopes], ['orders:read', 'orders:write'])
  assert.deepEqual(roles, ['admin'])
})

const accepted: readonly (readonly [string, { readonly [claim: string]: Json | undefined }])[] = [
  ['aud as a list that names the API', { aud: ['x', 'https://api.example'] }],
  ['exp within the clock skew', { exp: nowSeconds - 4 }],
  ['scope as a list', { scope: ['orders:read'] }],
  ['no subject', { sub: undefined }],
]

test('what RFC 7519 and RFC 9068 allow is accepted', () => {
  for (const [title, claims] of accepted) assert.equal(judge(claims).kind, 'accepted', title)
})

const refused: readonly (readonly [string, { readonly [claim: string]: Json | undefined }])[] = [
  ['A6 no exp', { exp: undefined }],
  ['A6 exp as a string', { exp: `${nowSeconds + 300}` }],
  ['A6 exp as a fraction', { exp: nowSeconds + 0.5 }],
  ['A6 exp beyond any calendar', { exp: 1e15 }],
  ['A6 lifetime above the maximum', { exp: nowSeconds + 7200 }],
  ['A6 no iat though a maximum age is configured', { iat: undefined }],
  ['expired', { exp: nowSeconds - 6 }],
  ['exp exactly at the end of the skew', { exp: nowSeconds - 5 }],
  ['nbf in the future', { nbf: nowSeconds + 6 }],
  ['iat in the future', { iat: nowSeconds + 6 }],
  ['nbf as a string', { nbf: '1' }],
  ['A7 no aud', { aud: undefined }],
  ['A7 wrong aud', { aud: 'https://other.example' }],
  ['A7 aud list that mixes types', { aud: ['https://api.example', 1] }],
  ['A7 aud as an object', { aud: { 'https://api.example': true } }],
  ['A7 aud as a prefix', { aud: 'https://api.example/' }],
  ['A8 iss of another issuer of the scheme', { iss: 'https://b.example' }],
  ['A19 token_use of an ID token', { token_use: 'id' }],
  ['A19 refresh token', { typ: 'Refresh' }],
  ['a required claim missing', { tenant: undefined }],
  ['a required claim with another value', { tenant: 'acme evil' }],
  ['A19 a refresh token by its token_type', { token_type: 'refresh_token' }],
  ['sub as a number', { sub: 7 }],
  ['empty sub', { sub: '' }],
  ['scope as an object', { scope: { read: true } }],
]

test('a token that breaks one rule is refused', () => {
  for (const [title, claims] of refused) assert.equal(judge(claims).kind, 'invalid', title)
})

test('A19: an ID token is not an access token (RFC 8725 3.12)', () => {
  assert.equal(judge({ nonce: 'n' }, 'jwt').kind, 'invalid')
  assert.equal(judge({ at_hash: 'h' }, null).kind, 'invalid')
  for (const type of ['dpop+jwt', 'logout+jwt', 'id_token', 'rt+jwt'])
    assert.equal(judge({}, type).kind, 'invalid', type)
  assert.equal(judge({}, 'jwt').kind, 'accepted')
})
