import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject } from '../base/json.ts'
import type { SessionPlan } from '../program/schemes.ts'
import { judgeLogoutToken } from './logout-token.ts'

const plan: SessionPlan = {
  kind: 'session',
  issuer: 'https://server.example.com',
  clientId: 's6BhdRkqt3',
  audience: null,
  scopes: ['openid'],
  algorithms: ['ES256'],
  rolesClaim: ['roles'],
  clockSkewSeconds: 5,
  idleSeconds: 60,
  lifetimeSeconds: 600,
  afterLogout: '/',
}

/** The example of OpenID Connect Back-Channel Logout 1.0, 2.4. */
const example: JsonObject = {
  iss: 'https://server.example.com',
  sub: '248289761001',
  aud: 's6BhdRkqt3',
  iat: 1_471_566_154,
  exp: 1_471_569_754,
  jti: 'bWJq',
  sid: '08a5019c-17e1-4977-8f42-65a12843ea02',
  events: { 'http://schemas.openid.net/event/backchannel-logout': {} },
}
const nowMs = 1_471_566_160_000

function judge(changes: Readonly<Record<string, unknown>> = {}, type: string | null = 'logout+jwt') {
  const claims = { ...example, ...changes } as Record<string, unknown>
  for (const [name, value] of Object.entries(claims)) if (value === undefined) delete claims[name]
  return judgeLogoutToken({ claims: claims as JsonObject, type }, plan, nowMs)
}

test('the logout token of the specification is one (OpenID Connect Back-Channel Logout 2.4)', () => {
  const order = {
    sid: example.sid,
    subject: example.sub,
    id: 'bWJq',
    untilMs: (1_471_566_154 + 300 + 5) * 1000,
  }
  assert.deepEqual(judge(), order)
  assert.deepEqual(judge({}, null), order)
  assert.deepEqual(judge({}, 'jwt'), order)
  assert.deepEqual(judge({ exp: undefined }), order)
  assert.deepEqual(judge({ aud: ['other', 's6BhdRkqt3'] }), order)
  assert.deepEqual(judge({ sid: undefined }), { ...order, sid: null })
  assert.deepEqual(judge({ sub: undefined }), { ...order, subject: null })
})

test('what breaks one rule of 2.6 is none', () => {
  const events = (event: unknown) => ({ 'http://schemas.openid.net/event/backchannel-logout': event })
  const bad: readonly Readonly<Record<string, unknown>>[] = [
    { iss: 'https://server.example.com/' },
    { iss: undefined },
    { aud: 'other' },
    { aud: undefined },
    { aud: [] },
    { nonce: 'n' },
    { nonce: null },
    { events: undefined },
    { events: {} },
    { events: events(null) },
    { events: events([]) },
    { events: events('yes') },
    { events: [events({})] },
    { iat: undefined },
    { iat: '1471566154' },
    { iat: 1_471_566_154 - 400 },
    { iat: 1_471_566_154 + 60 },
    { exp: 1_471_566_150 },
    { exp: 'later' },
    { jti: undefined },
    { jti: '' },
    { jti: 'a'.repeat(600) },
    { sid: undefined, sub: undefined },
    { sid: 7 },
    { sub: {} },
  ]
  for (const changes of bad) assert.equal(typeof judge(changes), 'string', JSON.stringify(changes))
  for (const type of ['at+jwt', 'dpop+jwt', 'id+jwt', ''])
    assert.equal(typeof judge({}, type), 'string', type)
})
