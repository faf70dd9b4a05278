import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { assertNotForwarded } from '../harness/ask.ts'
import { portcullis } from '../harness/command.ts'
import { project, startGate, type TestGate } from '../harness/gate.ts'
import { type Claims, createTestKey, startIssuer, type TestIssuer } from '../harness/issuer.ts'
import {
  type Begun,
  beginLogin,
  callbackPath,
  grantsTokens,
  idTokenClaims,
  logInByHand,
  logInSpent,
  nowSeconds,
  origin,
  own,
  type Sent,
  sendTo,
  sessionCookie,
} from '../harness/login-by-hand.ts'
import { type OpenIdIssuer, startOpenIdIssuer } from '../harness/openid-issuer.ts'
import { until } from '../harness/until.ts'
import { headerOf } from '../harness/upstream.ts'

// Logins, renewals and logouts with an issuer that may say anything. The browser's part is done by hand.

let provider: OpenIdIssuer
let issuer: TestIssuer
let gate: TestGate

before(async () => {
  provider = await startOpenIdIssuer()
  provider.metadata = { revocation_endpoint: `${provider.issuer}/revoke` }
  issuer = await startIssuer()
  gate = await startGate({
    issuer,
    yaml: (upstream) => `
contract: ${JSON.stringify(`${project}/test/fixtures/sessions.yaml`)}
publicUrl: "${origin}"
listen: { http: { host: 127.0.0.1, port: 0, allowPlaintext: true } }
upstreams: { default: { url: "${upstream.url}", identityHeaders: { X-Admin: '"admin" in token.roles', X-Level: token.acr } } }
identity:
  webLogin: { type: session, issuer: "${provider.issuer}", clientId: gate, clientSecret: s3cret, scopes: orders:read }
  bearerAuth: { type: jwt, issuer: "${issuer.issuer}", audience: "https://api.example.com" }
limits: [{ name: wide, by: address, rate: 1000000/s, burst: 1000000 }]
failedAuthentications: { rate: 1000000/s }
`,
  })
})
after(async () => {
  await gate.stop()
  await provider.stop()
})

const send = (path: string, sent?: Sent) => sendTo(gate, path, sent)
const begin = (returnTo?: string) => beginLogin(gate, returnTo)
const idClaims = (nonce: string, changes?: Claims) => idTokenClaims(provider, nonce, changes)
const grants = (idToken: string | undefined, more?: object) => grantsTokens(provider, idToken, more)
const callbackOf = (begun: Begun) => callbackPath(provider, begun)
const logIn = (changes?: Claims, more?: object) => logInByHand(gate, provider, changes, more)
const logInWithSpentToken = (changes?: Claims, more?: object) => logInSpent(gate, provider, changes, more)
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
const use = (cookie: string) => send('/orders', { headers: [cookie] })

test('a login asks with PKCE, state and nonce, and sends the secret only to the issuer (RFC 7636, RFC 9700 2.1.1)', async () => {
  const { location } = await begin()
  const of = (name: string) => location.searchParams.get(name)
  assert.equal(location.origin, provider.issuer)
  assert.equal(of('response_type'), 'code')
  assert.equal(of('redirect_uri'), `${origin}${own}/callback`)
  assert.equal(of('scope'), 'openid orders:read')
  assert.equal(of('code_challenge_method'), 'S256')
  for (const name of ['state', 'nonce', 'code_challenge']) assert.match(of(name) ?? '', /^[\w-]{43}$/, name)
  assert.ok(!location.href.includes('s3cret'))
  const cookie = await logIn()
  assert.equal((await use(cookie)).status, 200)
  const form = provider.asked.at(-1)
  assert.equal(form?.get('grant_type'), 'authorization_code')
  assert.match(form?.get('code_verifier') ?? '', /^[\w-]{43}$/)
  const seen = gate.upstream.seen.at(-1)
  assert.ok(seen)
  assert.match(headerOf(seen, 'authorization') ?? '', /^Bearer access-/)
  assert.equal(headerOf(seen, 'cookie'), null)
})

test('a login goes back to a path of this origin and nowhere else (CWE-601)', async () => {
  const elsewhere = [
    'https://evil.example',
    '//evil.example',
    '/\\evil.example',
    '/\t/evil.example',
    '/a\\b',
    'javascript:alert(1)',
    '',
    'orders',
    '/\n',
    '/.portcullis/webLogin/login',
    `/${'a'.repeat(3000)}`,
  ]
  for (const text of elsewhere) {
    const reply = send(`${own}/login?return_to=${encodeURIComponent(text)}`)
    await assertNotForwarded(gate, reply, 400, 'parameter_invalid')
  }
  await assertNotForwarded(gate, send(`${own}/login?return_to=%E0%A4%A`), 400, 'malformed_request')
})

test('only the browser that began a login can end it (RFC 9700 4.7, login CSRF)', async () => {
  const mine = await begin()
  const other = await begin()
  grants(await provider.sign(idClaims(mine.nonce)))
  const asked = provider.asked.length
  const swapped = mine.cookie.replace(/=.*/, `=${other.cookie.split('=')[1]}`)
  const spoiled = mine.cookie.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'))
  const attempts: readonly (readonly [string, readonly string[]])[] = [
    [callbackOf(mine), []],
    [callbackOf(mine), [`Cookie: ${other.cookie}`]],
    [callbackOf(mine), [`Cookie: ${swapped}`]],
    [callbackOf(mine), [`Cookie: ${spoiled}x`]],
    [`${own}/callback?code=c0de`, [`Cookie: ${mine.cookie}`]],
    [`${own}/callback?code=c0de&state=`, [`Cookie: ${mine.cookie}`]],
    [`${callbackOf(mine)}&state=${other.state}`, [`Cookie: ${mine.cookie}`]],
    [
      `${own}/callback?error=access_denied&state=${mine.state}&iss=${provider.issuer}`,
      [`Cookie: ${mine.cookie}`],
    ],
    [`${own}/callback?code=c0de&state=${mine.state}&iss=https://evil.example`, [`Cookie: ${mine.cookie}`]],
    [`${own}/callback?code=c0de&state=${mine.state}`, [`Cookie: ${mine.cookie}`]],
  ]
  for (const [path, headers] of attempts)
    await assertNotForwarded(gate, send(path, { headers }), 401, 'credential_invalid')
  assert.equal(provider.asked.length, asked, 'the issuer was not asked')
})

test('what a browser says that the issuer said is told only where it is a word of the standards (RFC 6749 4.1.2.1)', async () => {
  const answered = async (error: string) => {
    const { state, cookie } = await begin()
    const path = `${own}/callback?error=${error}&state=${state}&iss=${provider.issuer}`
    const reply = await send(path, { headers: [`Cookie: ${cookie}`] })
    return (await gate.logged((line) => line.request_id === reply.fields.get('x-request-id'))).detail
  }
  assert.match(String(await answered('access_denied')), /the issuer answered access_denied/)
  assert.match(String(await answered('a-secret')), /the issuer answered with an error of its own/)
})

test('an ID token that is not of this login signs nobody in (OpenID Connect Core 3.1.3.7)', async () => {
  const stranger = await createTestKey('ES256', provider.key.kid)
  const bad: readonly (readonly [string, (nonce: string) => Promise<string | undefined>])[] = [
    ['another nonce', () => provider.sign(idClaims('other'))],
    ['no nonce', (nonce) => provider.sign(idClaims(nonce, { nonce: undefined }))],
    ['another client', (nonce) => provider.sign(idClaims(nonce, { aud: 'other' }))],
    ['another party of several', (nonce) => provider.sign(idClaims(nonce, { aud: ['gate', 'x'], azp: 'x' }))],
    ['another issuer', (nonce) => provider.sign(idClaims(nonce, { iss: 'https://evil.example' }))],
    ['expired', (nonce) => provider.sign(idClaims(nonce, { exp: nowSeconds() - 60 }))],
    ['an empty subject', (nonce) => provider.sign(idClaims(nonce, { sub: '' }))],
    ['no subject', (nonce) => provider.sign(idClaims(nonce, { sub: undefined }))],
    ['a key of somebody else', (nonce) => provider.sign(idClaims(nonce), {}, stranger)],
    ['no ID token', async () => undefined],
    [
      'alg none',
      async (nonce) =>
        `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from(JSON.stringify(idClaims(nonce))).toString('base64url')}.`,
    ],
  ]
  const details: string[] = []
  for (const [title, make] of bad) {
    const begun = await begin()
    grants(await make(begun.nonce))
    const reply = await assertNotForwarded(
      gate,
      send(callbackOf(begun), { headers: [`Cookie: ${begun.cookie}`] }),
      401,
      'credential_invalid',
    )
    details.push(String((await gate.logged((one) => one.event === 'denied')).detail))
    assert.ok(!(reply.fields.get('set-cookie') ?? '').includes(sessionCookie), title)
  }
  assert.equal(new Set(details).size, bad.length, 'each is refused for its own fault')
})

test('an issuer that is slow, broken, oversized or redirects is an outage and signs nobody in', async () => {
  const answers = [
    { status: 500, body: '{}' },
    { status: 200, body: '<html>' },
    { status: 200, body: `{"access_token":"${'a'.repeat(600 * 1024)}"}` },
    { status: 302, body: '', headers: { Location: 'http://127.0.0.1:1/' } },
    { status: 401, body: '{"error":"invalid_client"}' },
  ]
  for (const answer of answers) {
    const begun = await begin()
    provider.tokenAnswer = async () => answer
    const reply = send(callbackOf(begun), { headers: [`Cookie: ${begun.cookie}`] })
    await assertNotForwarded(gate, reply, 503, 'verifier_unavailable')
  }
  const patient = await begin()
  provider.tokenAnswer = null
  const late = send(callbackOf(patient), { headers: [`Cookie: ${patient.cookie}`] })
  // The client may have gone by then; what the gate decided stands in its log.
  await late.catch(() => null)
  await gate.logged(
    (one) => one.reason === 'verifier_unavailable' && String(one.detail).includes('TimeoutError'),
  )
  const begun = await begin()
  provider.tokenAnswer = async () => ({ status: 400, body: '{"error":"invalid_grant"}' })
  const used = send(callbackOf(begun), { headers: [`Cookie: ${begun.cookie}`] })
  await assertNotForwarded(gate, used, 401, 'credential_invalid')
})

test('cookies that no login gave open nothing', async () => {
  const cookie = await logIn()
  const id = cookie.split('=')[1] ?? ''
  const made = [
    'A'.repeat(43),
    id.slice(1),
    `${id}A`,
    '',
    '../../x',
    `${id.slice(0, -1)}${id.endsWith('A') ? 'B' : 'A'}`,
    `"${id}"`,
  ]
  for (const value of made)
    await assertNotForwarded(gate, use(`Cookie: ${sessionCookie}=${value}`), 401, 'credential_invalid')
  await assertNotForwarded(gate, use(`${cookie}; ${sessionCookie}=${id}`), 401, 'credential_invalid')
  await assertNotForwarded(
    gate,
    use(`Cookie: ${sessionCookie.toLowerCase()}=${id}`),
    401,
    'credential_missing',
  )
  await assertNotForwarded(gate, use(`${cookie.replace('webLogin', 'other')}`), 401, 'credential_missing')
  await assertNotForwarded(gate, send('/billing', { headers: [cookie] }), 403, 'scope_missing')
})

test('a request that another site may have caused is refused before the session is looked at (Fetch Metadata)', async () => {
  const cookie = await logIn()
  const post = (headers: readonly string[]) =>
    send('/orders', { method: 'POST', headers: [cookie, ...headers], body: 'a=1' })
  const foreign: readonly (readonly string[])[] = [
    [],
    ['Origin: https://evil.example'],
    ['Origin: null'],
    ['Origin: http://shop.example.com'],
    ['Origin: https://shop.example.com.evil.example'],
    ['Sec-Fetch-Site: cross-site', `Origin: ${origin}`],
    ['Sec-Fetch-Site: same-site', `Origin: ${origin}`],
    ['Sec-Fetch-Site: none'],
    ['Sec-Fetch-Site: same-origin', 'Origin: https://evil.example'],
    ['Sec-Fetch-Site: cross-site', 'Sec-Fetch-Mode: navigate', 'Sec-Fetch-Dest: document'],
    ['Sec-Fetch-Site: same-origin', 'Sec-Fetch-Site: cross-site'],
  ]
  for (const headers of foreign) await assertNotForwarded(gate, post(headers), 403, 'cross_site')
  const sent = await send('/orders', {
    method: 'DELETE',
    headers: [cookie, 'Sec-Fetch-Site: cross-site'],
  })
  assert.equal(sent.status, 405)
  for (const headers of [
    ['Sec-Fetch-Site: cross-site', 'Sec-Fetch-Mode: no-cors', 'Sec-Fetch-Dest: image'],
    ['Sec-Fetch-Site: cross-site', 'Sec-Fetch-Mode: navigate', 'Sec-Fetch-Dest: iframe'],
    ['Sec-Fetch-Site: same-site', 'Sec-Fetch-Mode: cors', 'Origin: https://evil.shop.example.com'],
  ])
    await assertNotForwarded(gate, send('/orders', { headers: [cookie, ...headers] }), 403, 'cross_site')
  await assertNotForwarded(
    gate,
    send(`${own}/logout`, { method: 'POST', headers: [cookie, 'Sec-Fetch-Site: cross-site'] }),
    403,
    'cross_site',
  )
  await assertNotForwarded(gate, send(`${own}/logout`, { headers: [cookie] }), 405, 'method_not_allowed')
  for (const headers of [
    ['Sec-Fetch-Site: same-origin', 'Origin: null'],
    ['Sec-Fetch-Site: same-origin', `Origin: ${origin}`],
    [`Origin: ${origin}`],
  ])
    assert.equal((await post(headers)).status, 403, 'the scope is what lacks now')
  assert.equal((await use(cookie)).status, 200, 'the session was not ended')
})

test('an access token is renewed once, however many requests wait for it, and the new refresh token is used next (RFC 9700 4.14.2)', async () => {
  const cookie = await logInWithSpentToken()
  const asked = provider.asked.length
  let turn = 0
  provider.tokenAnswer = async (form) => {
    const sound = form.get('refresh_token') === `refresh-${turn + 1}`
    turn++
    await new Promise((resolve) => setTimeout(resolve, 100))
    const body = { access_token: `renewed-${turn}`, token_type: 'Bearer', expires_in: turn === 1 ? 4 : 600 }
    return sound
      ? { status: 200, body: JSON.stringify({ ...body, refresh_token: `refresh-${turn + 1}` }) }
      : { status: 400, body: '{"error":"invalid_grant"}' }
  }
  const together = await Promise.all(Array.from({ length: 20 }, () => use(cookie)))
  assert.deepEqual([...new Set(together.map(({ status }) => status))], [200])
  assert.equal(provider.asked.length, asked + 1)
  await pause(2100)
  assert.equal((await use(cookie)).status, 200)
  assert.equal(provider.asked.length, asked + 2)
  assert.equal((await use(cookie)).status, 200)
  assert.equal(provider.asked.length, asked + 2)
  const seen = gate.upstream.seen.at(-1)
  assert.equal(seen && headerOf(seen, 'authorization'), 'Bearer renewed-2')
})

test('a renewal the issuer refuses ends the session; one it cannot answer is 503, or goes on while the token lasts', async () => {
  const down = { status: 500, body: '{}' }
  const lasting = await logIn({}, { expires_in: 4 })
  const askedBefore = provider.asked.length
  provider.tokenAnswer = async () => down
  await pause(2050)
  assert.equal((await use(lasting)).status, 200, 'the token is good for two more seconds')
  assert.equal(provider.asked.length, askedBefore + 1)
  const expired = await logInWithSpentToken()
  provider.tokenAnswer = async () => down
  await assertNotForwarded(gate, use(expired), 503, 'verifier_unavailable')
  const asked = provider.asked.length
  await assertNotForwarded(gate, use(expired), 503, 'verifier_unavailable')
  assert.equal(provider.asked.length, asked, 'the issuer is left alone for a moment')
  const revoked = await logInWithSpentToken()
  provider.tokenAnswer = async () => ({ status: 400, body: '{"error":"invalid_grant"}' })
  await assertNotForwarded(gate, use(revoked), 401, 'credential_invalid')
  const swapped = await logInWithSpentToken()
  grants(await provider.sign(idClaims('', { sub: 'mallory', nonce: undefined })))
  await assertNotForwarded(gate, use(swapped), 401, 'credential_invalid')
  const without = await logInWithSpentToken({}, { refresh_token: undefined })
  await assertNotForwarded(gate, use(without), 401, 'credential_invalid')
})

test('an access token that lasts less than a minute is renewed after half of its life, not at every request', async () => {
  const cookie = await logIn({}, { expires_in: 20 })
  const asked = provider.asked.length
  for (let turn = 0; turn < 3; turn++) assert.equal((await use(cookie)).status, 200)
  assert.equal(provider.asked.length, asked)
})

test('a login whose access token lasts no time is refused and logged, and leads nobody around (RFC 6749 5.1)', async () => {
  for (const lifetime of [0, -1, '0', '-60', 'soon']) {
    const begun = await begin()
    grants(await provider.sign(idClaims(begun.nonce)), { expires_in: lifetime })
    const reply = send(callbackOf(begun), { headers: [`Cookie: ${begun.cookie}`, 'Accept: text/html'] })
    const answer = await assertNotForwarded(gate, reply, 401, 'credential_invalid')
    assert.ok(!(answer.fields.get('set-cookie') ?? '').includes(sessionCookie))
    const { detail } = await gate.logged((one) => one.event === 'denied')
    assert.match(String(detail), /expires_in/)
  }
})

test('a login with an access token that no field can carry is refused and logged (RFC 6749 A.12)', async () => {
  for (const token of ['a\r\nX-Admin: 1', 'läs', '読む', 'two words']) {
    const begun = await begin()
    grants(await provider.sign(idClaims(begun.nonce)), { access_token: token })
    const reply = send(callbackOf(begun), { headers: [`Cookie: ${begun.cookie}`] })
    const answer = await assertNotForwarded(gate, reply, 401, 'credential_invalid')
    assert.ok(!(answer.fields.get('set-cookie') ?? '').includes(sessionCookie))
    const { detail } = await gate.logged((one) => one.event === 'denied')
    assert.match(String(detail), /access token that no field can carry/)
  }
})

test('a key of the issuer that is not known yet is an outage and ends no session; what was granted is used when it is known', async () => {
  const cookie = await logInWithSpentToken()
  const next = await createTestKey('ES256')
  grants(await provider.sign(idClaims('', { nonce: undefined }), {}, next), { refresh_token: 'rotated' })
  await assertNotForwarded(gate, use(cookie), 503, 'verifier_unavailable')
  const asked = provider.asked.length
  provider.published = [provider.key.jwk, next.jwk]
  // Longer than the pause between two fetches that unknown keys cause.
  await new Promise((resolve) => setTimeout(resolve, 5200))
  assert.equal((await use(cookie)).status, 200)
  assert.equal(provider.asked.length, asked, 'the refresh token did not come twice')
})

test('what the renewed ID token no longer says of the person is no longer so; how they signed in stays (OpenID Connect Core 12.2)', async () => {
  const cookie = await logInWithSpentToken({ roles: ['admin'], acr: 'gold' })
  grants(await provider.sign(idClaims('', { nonce: undefined })))
  assert.equal((await use(cookie)).status, 200)
  const seen = gate.upstream.seen.at(-1)
  assert.ok(seen)
  assert.equal(headerOf(seen, 'x-admin'), null)
  assert.equal(headerOf(seen, 'x-level'), 'gold')
})

test('signing out while the session is renewed revokes the refresh token that comes of it, too (RFC 7009 2)', async () => {
  const cookie = await logInWithSpentToken()
  let answer = () => {}
  const asked = new Promise<void>((resolve) => {
    provider.tokenAnswer = async () => {
      resolve()
      await new Promise<void>((later) => {
        answer = later
      })
      const body = { access_token: 'a', token_type: 'Bearer', expires_in: 600, refresh_token: 'rotated' }
      return { status: 200, body: JSON.stringify(body) }
    }
  })
  const waiting = use(cookie)
  await asked
  const left = await send(`${own}/logout`, {
    method: 'POST',
    headers: [cookie, `Origin: ${origin}`],
    body: '',
  })
  assert.equal(left.status, 303)
  answer()
  await assertNotForwarded(gate, waiting, 401, 'credential_invalid')
  assert.deepEqual(provider.revoked.slice(-2), ['refresh-1', 'rotated'])
})

test('a page whose session has ended leads to the login; a call of a program does not', async () => {
  const cookie = await logInWithSpentToken({}, { refresh_token: undefined })
  const before = gate.upstream.heads
  const page = [
    'Sec-Fetch-Mode: navigate',
    'Sec-Fetch-Dest: document',
    'Sec-Fetch-Site: none',
    'Accept: text/html,*/*',
  ]
  for (const headers of [page, [...page, cookie]]) {
    const reply = await send('/app?tab=a%2Fb', { headers })
    assert.equal(reply.status, 302)
    assert.equal(reply.fields.get('location'), `${own}/login?return_to=%2Fapp%3Ftab%3Da%252Fb`)
  }
  for (const headers of [page.slice(0, 3), page.slice(1), [...page.slice(1), 'Sec-Fetch-Mode: cors']])
    assert.equal((await send('/app', { headers })).status, 401)
  const token = 'Authorization: Bearer wrong'
  assert.equal((await send('/orders', { headers: [...page, token] })).status, 401, 'a bad token is told so')
  assert.equal(gate.upstream.heads, before)
})

test('a page whose address is too long to go back to leads to the login all the same', async () => {
  const page = ['Sec-Fetch-Mode: navigate', 'Sec-Fetch-Dest: document', 'Accept: text/html']
  const reply = await send(`/app?tab=${'a'.repeat(2100)}`, { headers: page })
  assert.equal(reply.fields.get('location'), `${own}/login?return_to=%2Fapp`)
})

test('logins that another site makes a browser begin do not make its requests too large for the gate', async () => {
  const jar = new Map<string, string>()
  const field = () => `Cookie: ${[...jar].map(([name, value]) => `${name}=${value}`).join('; ')}`
  for (let logins = 0; logins < 20; logins++) {
    const reply = await send(`${own}/login?return_to=/${'a'.repeat(2047)}`, { headers: [field()] })
    assert.equal(reply.status, 302)
    for (const set of (reply.fields.get('set-cookie') ?? '').split('\n')) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(set) ?? []
      if (set.includes('Max-Age=0')) jar.delete(name)
      else jar.set(name, value)
    }
    assert.ok(field().length < 12_000, `${field().length} octets of cookies`)
  }
})

test('logout tokens: what is none ends nothing (OpenID Connect Back-Channel Logout 2.6)', async () => {
  const cookie = await logIn({ sid: 'one' })
  const other = await logIn({ sid: 'two' })
  const stranger = await createTestKey('ES256', provider.key.kid)
  const event = { 'http://schemas.openid.net/event/backchannel-logout': {} }
  const order = (changes: Claims = {}) =>
    idClaims('', { nonce: undefined, events: event, jti: Math.random().toString(36), sid: 'one', ...changes })
  const typed = { typ: 'logout+jwt' }
  const post = (body: string) => send(`${own}/backchannel-logout`, { method: 'POST', body })
  const bad: readonly string[] = [
    await provider.sign(order({ nonce: 'n' }), typed),
    await provider.sign(order({ aud: 'other' }), typed),
    await provider.sign(order({ iss: 'https://evil.example' }), typed),
    await provider.sign(order({ events: undefined }), typed),
    await provider.sign(order({ events: { 'urn:other': {} } }), typed),
    await provider.sign(order({ events: [] }), typed),
    await provider.sign(order({ sid: undefined, sub: undefined }), typed),
    await provider.sign(order({ jti: undefined }), typed),
    await provider.sign(order({ iat: undefined }), typed),
    await provider.sign(order({ iat: nowSeconds() - 1000, exp: undefined }), typed),
    await provider.sign(order({ iat: nowSeconds() + 1000 }), typed),
    await provider.sign(order({ exp: nowSeconds() - 30 }), typed),
    await provider.sign(order(), { typ: 'at+jwt' }),
    await provider.sign(order(), typed, stranger),
    await provider.sign(idClaims('')),
    'a.b.c',
    '',
  ]
  for (const token of bad) await assertNotForwarded(gate, post(`logout_token=${token}`), 400, 'body_invalid')
  await assertNotForwarded(gate, post('x=1'), 400, 'body_invalid')
  await assertNotForwarded(gate, post(`x=${'a'.repeat(70_000)}`), 413, 'body_too_large')
  const get = send(`${own}/backchannel-logout`)
  await assertNotForwarded(gate, get, 405, 'method_not_allowed')
  assert.equal((await use(cookie)).status, 200)
  const good = await provider.sign(order(), typed)
  const ended = await post(`logout_token=${good}`)
  assert.equal(ended.status, 200)
  assert.equal(ended.fields.get('cache-control'), 'no-store')
  await assertNotForwarded(gate, use(cookie), 401, 'credential_invalid')
  assert.equal((await use(other)).status, 200, 'another session at the issuer goes on')
  await assertNotForwarded(gate, post(`logout_token=${good}`), 400, 'body_invalid')
  const all = await provider.sign(order({ sid: undefined, sub: 'ada' }), typed)
  assert.equal((await post(`logout_token=${all}`)).status, 200)
  await assertNotForwarded(gate, use(other), 401, 'credential_invalid')
})

test('what is revoked at the issuer when a session ends, and what is not (RFC 7009)', async () => {
  const relogin = async (cookie: string, sub: string) => {
    const begun = await begin()
    grants(await provider.sign(idClaims(begun.nonce, { sub })), { refresh_token: `of-${sub}` })
    const both = `${cookie}; ${begun.cookie}`
    const reply = await send(callbackOf(begun), { headers: [both] })
    assert.equal(reply.status, 302, reply.text)
    await assertNotForwarded(gate, use(cookie), 401, 'credential_invalid')
  }
  // Those of the logouts before are under way.
  for (let known = -1; known !== provider.revoked.length; await pause(300)) known = provider.revoked.length
  provider.revoked.length = 0
  await relogin(await logIn({ sub: 'carol' }, { refresh_token: 'carol-1' }), 'carol')
  assert.deepEqual(provider.revoked, [], 'an issuer may take it for the grant of the new session')
  await relogin(await logIn({ sub: 'carol' }, { refresh_token: 'carol-2' }), 'dave')
  await until(() => provider.revoked.length > 0, 'it is revoked')
  assert.deepEqual(provider.revoked, ['carol-2'])

  provider.revoked.length = 0
  const used = await logIn({ sub: 'erin', sid: 'e1' }, { refresh_token: 'erin-1' })
  await logIn({ sub: 'erin', sid: 'e2' }, { refresh_token: 'erin-2' })
  assert.equal((await use(used)).status, 200)
  const order = { nonce: undefined, events: { 'http://schemas.openid.net/event/backchannel-logout': {} } }
  const token = await provider.sign(idClaims('', { ...order, jti: 'erin', sub: 'erin', sid: undefined }), {
    typ: 'logout+jwt',
  })
  const ended = await send(`${own}/backchannel-logout`, { method: 'POST', body: `logout_token=${token}` })
  assert.equal(ended.status, 200)
  await until(() => provider.revoked.length > 0, 'it is revoked')
  await pause(100)
  assert.deepEqual(provider.revoked, ['erin-1'], 'the other was never opened here')
})

test('a session that comes back after its idle time has its refresh token revoked (RFC 7009)', async () => {
  const short = await startGate({
    yaml: (upstream) => `
contract: ${JSON.stringify(`${project}/test/fixtures/sessions.yaml`)}
publicUrl: "${origin}"
listen: { http: { host: 127.0.0.1, port: 0, allowPlaintext: true } }
upstreams: { default: { url: "${upstream.url}" } }
identity:
  webLogin: { type: session, issuer: "${provider.issuer}", clientId: gate, clientSecret: s3cret, idleTimeout: 2s }
  bearerAuth: { type: jwt, issuer: "${provider.issuer}", audience: "https://api.example.com" }
`,
  })
  try {
    const cookie = await logInByHand(short, provider, { sub: 'frank' }, { refresh_token: 'frank-1' })
    const reply = await sendTo(short, '/billing', { headers: [cookie] })
    assert.equal(reply.status, 403, 'the session is known, its scopes do not reach')
    provider.revoked.length = 0
    await pause(2200)
    await assertNotForwarded(
      short,
      sendTo(short, '/orders', { headers: [cookie] }),
      401,
      'credential_invalid',
    )
    await until(() => provider.revoked.length > 0, 'it is revoked')
    assert.deepEqual(provider.revoked, ['frank-1'])
  } finally {
    await short.stop()
  }
})

test('an upstream neither sees nor sets a cookie of the gateway', async () => {
  const cookie = await logIn()
  const { answer } = gate.upstream
  gate.upstream.answer = (response) => {
    const own = `${sessionCookie}=${'A'.repeat(43)}; Path=/; Secure`
    // Without a name a cookie is sent back as its value alone (RFC 6265bis 5.8.3).
    response.setHeader('Set-Cookie', [own, `=${own}`, ` = ${own}`, 'theme=dark'])
    response.end('{}')
  }
  const reply = await use(cookie)
  gate.upstream.answer = answer
  assert.equal(reply.fields.get('set-cookie'), 'theme=dark; Secure; HttpOnly; SameSite=Lax')
})

test('sessions of a subject whose tokens are revoked end within 2 s; a later login is good', async () => {
  const cookie = await logIn({ sub: 'mallory' })
  const bystander = await logIn({ sub: 'bob' })
  assert.equal((await use(cookie)).status, 200)
  const revoked = await portcullis([
    ...['tokens', 'revoke', '--issuer', provider.issuer, '--subject', 'mallory'],
    ...['-c', gate.configurationFile],
  ])
  assert.equal(revoked.code, 0, revoked.stderr)
  for (const startedMs = Date.now(); (await use(cookie)).status !== 401; ) {
    assert.ok(Date.now() - startedMs < 2000, 'still good after 2 s')
    await pause(50)
  }
  await assertNotForwarded(gate, use(cookie), 401, 'credential_invalid')
  assert.equal((await use(bystander)).status, 200)
  assert.equal((await use(await logIn({ sub: 'mallory' }))).status, 200)
})

test('an upstream that takes no credential gets none (forwardCredential: false)', async () => {
  const closed = await startGate({
    yaml: (upstream) => `
contract: ${JSON.stringify(`${project}/test/fixtures/sessions.yaml`)}
publicUrl: "${origin}"
listen: { http: { host: 127.0.0.1, port: 0, allowPlaintext: true } }
upstreams: { default: { url: "${upstream.url}", forwardCredential: false, identityHeaders: { X-User: token.sub } } }
identity:
  webLogin: { type: session, issuer: "${provider.issuer}", clientId: gate, clientSecret: s3cret, scopes: orders:read }
  bearerAuth: { type: jwt, issuer: "${provider.issuer}", audience: "https://api.example.com" }
`,
  })
  const cookie = await logInByHand(closed, provider)
  const headers = [cookie, 'Authorization: Basic dTpw', 'X-User: mallory']
  assert.equal((await sendTo(closed, '/orders', { headers })).status, 200)
  const seen = closed.upstream.seen.at(-1)
  assert.ok(seen)
  assert.equal(headerOf(seen, 'authorization'), null)
  assert.equal(headerOf(seen, 'x-user'), 'ada')
  await closed.stop()
})

test('a session that ended is no guess at a credential; a token that nobody issued is', async () => {
  const strict = await startGate({
    issuer,
    yaml: (upstream) => `
contract: ${JSON.stringify(`${project}/test/fixtures/sessions.yaml`)}
publicUrl: "${origin}"
listen: { http: { host: 127.0.0.1, port: 0, allowPlaintext: true } }
upstreams: { default: { url: "${upstream.url}" } }
identity:
  webLogin: { type: session, issuer: "${provider.issuer}", clientId: gate, clientSecret: s3cret }
  bearerAuth: { type: jwt, issuer: "${issuer.issuer}", audience: "https://api.example.com" }
failedAuthentications: { rate: 1/min }
`,
  })
  try {
    const ended = [`Cookie: ${sessionCookie}=${'A'.repeat(43)}`]
    for (let i = 0; i < 3; i++)
      await assertNotForwarded(
        strict,
        sendTo(strict, '/orders', { headers: ended }),
        401,
        'credential_invalid',
      )
    const guess = () => sendTo(strict, '/orders', { headers: ['Authorization: Bearer a.b.c'] })
    await assertNotForwarded(strict, guess(), 401, 'credential_invalid')
    assert.equal((await guess()).status, 429)
  } finally {
    await strict.gateway.stop()
    await strict.upstream.stop()
  }
})
