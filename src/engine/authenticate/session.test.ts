import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject } from '../../base/json.ts'
import type { SessionPlan } from '../../program/schemes.ts'
import type { Decision } from '../decision.ts'
import { normalizeTarget } from '../normalize/normalize-target.ts'
import { parseCookies } from '../parse/parse-cookies.ts'
import { parseFields } from '../parse/parse-fields.ts'
import type { FoundSession, KnownSession, Ports } from '../ports.ts'
import { sessionCookie } from '../session-cookies.ts'
import { type Authenticated, authenticate, type LinkedSecurity } from './authenticate.ts'
import { linkClientCertificate } from './client-certificate.ts'
import { linkSession } from './session.ts'
import { signIn } from './sign-in.ts'

const nowMs = 1_800_000_000_000
const plan: SessionPlan = {
  kind: 'session',
  issuer: 'https://login.example.com',
  clientId: 'gate',
  audience: null,
  scopes: ['openid'],
  algorithms: ['ES256'],
  rolesClaim: ['realm', 'roles'],
  clockSkewSeconds: 5,
  idleSeconds: 60,
  lifetimeSeconds: 600,
  afterLogout: '/',
}
const good: KnownSession = {
  kind: 'session',
  keyId: 'k1',
  claims: { iss: plan.issuer, sub: 'ada', realm: { roles: ['admin'] } },
  scopes: ['orders:read'],
  accessToken: 'token',
  accessTokenEndsMs: nowMs + 1,
  begunMs: nowMs - 1,
  endsMs: nowMs + 1,
}
const session = linkSession('web', plan, 'https://shop.example.com')
const certificate = linkClientCertificate('cert', { kind: 'mutualTLS', rules: [], anyTrusted: true }, [])
const alone: LinkedSecurity = { alternatives: [[{ scheme: 'web', scopes: [] }]], schemes: [session] }
const both: LinkedSecurity = {
  alternatives: [
    [
      { scheme: 'web', scopes: [] },
      { scheme: 'cert', scopes: [] },
    ],
  ],
  schemes: [session, certificate],
}
const optional: LinkedSecurity = { ...alone, alternatives: [...alone.alternatives, []] }
const id = 'A'.repeat(43)
const cookie = ['Cookie', `${sessionCookie('web')}=${id}`]
const page = ['Sec-Fetch-Mode', 'navigate', 'Sec-Fetch-Dest', 'document', 'Accept', 'text/html']

interface Asked {
  readonly found?: FoundSession | ((scheme: string) => FoundSession)
  readonly security?: LinkedSecurity
  readonly method?: string
}

async function ask(
  headers: readonly string[],
  { found = good, security = alone, method = 'GET' }: Asked = {},
) {
  const fields = parseFields(headers)
  const target = normalizeTarget('/app?a=b')
  assert.ok(fields.allow && target.allow)
  const asked: string[] = []
  const ports = {
    sessions: {
      find(scheme: string, shown: string) {
        asked.push(shown)
        return typeof found === 'function' ? found(scheme) : found
      },
    },
    revocations: {
      stateOf: (issuer: string, { sub, iat }: JsonObject) =>
        sub === 'barred' && iat === good.begunMs / 1000 && issuer === plan.issuer ? 'revoked' : 'good',
    },
  } as unknown as Ports
  const presented = {
    method,
    target: target.value,
    fields: fields.value,
    cookies: parseCookies(fields.value),
    certificate: null,
    client: {
      address: { family: 4 as const, groups: [0x7f00, 1] },
      viaTrustedProxy: false,
      forwardingIgnored: false,
    },
  }
  const decision: Decision<Authenticated> = await authenticate(security, presented, ports, nowMs)
  const reply = decision.allow ? null : signIn(decision, method, target.value, fields.value)
  return { decision, asked, reason: decision.allow ? null : decision.reason, leads: reply?.status ?? null }
}

test('a session is who its ID token says; the upstream gets its access token', async () => {
  const { decision } = await ask(cookie)
  assert.ok(decision.allow)
  const { principal, upstreamCredential } = decision.value
  assert.equal(upstreamCredential, 'Bearer token')
  assert.deepEqual(
    [principal.subject, principal.issuer, principal.client, principal.keyId, principal.schemes],
    ['ada', plan.issuer, 'gate', 'k1', ['web']],
  )
  assert.deepEqual([[...principal.scopes], principal.roles], [['orders:read'], ['admin']])
  assert.ok(!JSON.stringify([principal, [...principal.identities]]).includes('"token"'))
})

test('a session that has ended, or whose token has, is none', async () => {
  const ended: readonly FoundSession[] = [
    { ...good, endsMs: nowMs },
    { ...good, begunMs: nowMs - 600_000 },
    { ...good, accessTokenEndsMs: nowMs },
    { ...good, claims: { iss: plan.issuer } },
    { ...good, claims: { sub: '' } },
    { ...good, claims: { sub: 'barred', iat: nowMs } },
    { kind: 'unknown', detail: 'gone' },
  ]
  for (const found of ended) {
    assert.equal((await ask(cookie, { found })).reason, 'credential_invalid')
    assert.equal((await ask(cookie, { found, security: optional })).reason, 'credential_invalid')
    assert.equal((await ask([...cookie, ...page], { found })).leads, 302)
  }
  const down = await ask([...cookie, ...page], { found: { kind: 'fault', detail: 'down' } })
  assert.deepEqual([down.reason, down.leads], ['verifier_unavailable', null])
})

test('what another site may have caused, or what is no session id, is not even looked up', async () => {
  for (const [headers, method, reason] of [
    [[...cookie, 'Sec-Fetch-Site', 'cross-site'], 'GET', 'cross_site'],
    [cookie, 'POST', 'cross_site'],
    [['Cookie', `${sessionCookie('web')}=short`], 'GET', 'credential_invalid'],
    [['Cookie', `${sessionCookie('web')}=${id}; ${sessionCookie('web')}=${id}`], 'GET', 'credential_invalid'],
    [['Cookie', `${sessionCookie('Web')}=${id}`], 'GET', 'credential_missing'],
  ] as const) {
    const asked = await ask(headers, { method })
    assert.equal(asked.reason, reason)
    assert.deepEqual(asked.asked, [])
  }
})

test('only a person who waits for a page, and lacks a session, is led to the login', async () => {
  assert.equal((await ask(page)).leads, 302)
  assert.equal((await ask(page, { security: both })).leads, 302)
  // The session is there; a login would only come back here.
  const lacking = await ask([...cookie, ...page], { security: both })
  assert.deepEqual([lacking.reason, lacking.leads], ['credential_missing', null])
  assert.equal((await ask(page, { security: optional })).reason, null)
  for (const headers of [
    [],
    page.slice(2),
    page.slice(0, 4),
    ['Sec-Fetch-Mode', 'navigate', 'Sec-Fetch-Dest', 'iframe', 'Accept', 'text/html'],
    [...page.slice(0, 4), 'Accept', 'application/json'],
    [...page.slice(0, 4), 'Accept', '*/*'],
  ])
    assert.equal((await ask(headers)).leads, null, headers.join(' '))
  assert.equal((await ask(page, { method: 'POST' })).leads, null)
  assert.equal((await ask(page, { method: 'HEAD' })).leads, null)
})

test('a session that has ended counts as missing beside another that has not, and only there', async () => {
  const second = linkSession('app', plan, 'https://shop.example.com')
  const either: LinkedSecurity = {
    alternatives: [[{ scheme: 'web', scopes: [] }], [{ scheme: 'app', scopes: [] }]],
    schemes: [session, second],
  }
  const cookies = ['Cookie', `${sessionCookie('web')}=${id}; ${sessionCookie('app')}=${id}`]
  const only = (live: string) => (scheme: string) =>
    scheme === live ? good : { kind: 'unknown' as const, detail: 'gone' }
  for (const live of ['web', 'app']) {
    const { decision } = await ask(cookies, { found: only(live), security: either })
    assert.ok(decision.allow)
    assert.deepEqual(decision.value.principal.schemes, [live])
  }
  const refused = async (shown: readonly string[], asked: Asked) => (await ask(shown, asked)).reason
  assert.equal(await refused(cookies, { found: only('none'), security: either }), 'credential_invalid')
  const bothEnded = await ask([...cookies, ...page], { found: only('none'), security: either })
  assert.equal(bothEnded.leads, 302, 'a login mends it, so it is no guess')
  const all: LinkedSecurity = { ...either, alternatives: [either.alternatives.flat()] }
  assert.equal(await refused(cookies, { found: only('app'), security: all }), 'credential_invalid')
  const open: LinkedSecurity = { ...either, alternatives: [...either.alternatives, []] }
  assert.equal(await refused(cookies, { found: only('none'), security: open }), 'credential_invalid')
  const malformed = ['Cookie', `${sessionCookie('web')}=x; ${sessionCookie('app')}=${id}`]
  assert.equal(await refused(malformed, { found: only('app'), security: either }), 'credential_invalid')
})
