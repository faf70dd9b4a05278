import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { decodeJwt } from 'jose'
import type { Browser, BrowserContext } from 'playwright-core'
import { ordersAudience } from '../../src/demo/parties.ts'
import { openBrowser, type SessionWorld, signIn, startSessionWorld } from '../harness/session-world.ts'
import { until } from '../harness/until.ts'
import { headerOf } from '../harness/upstream.ts'

// A person's browser (Chromium) before the gate, a certified authorization server behind the login.

let world: SessionWorld
let browser: Browser
let closeBrowser: () => Promise<void>
let context: BrowserContext

before(async () => {
  // Renewed from half a minute before its end on: after two seconds.
  world = await startSessionWorld({ accessTokenSeconds: 4 })
  const opened = await openBrowser()
  browser = opened.browser
  closeBrowser = opened.close
  context = await newContext()
})
after(async () => {
  await closeBrowser()
  await world.stop()
})

const newContext = () => browser.newContext({ ignoreHTTPSErrors: true })

test('a page that needs a session leads through the login and back to itself (OpenID Connect Core 3.1)', async () => {
  const { gate, origin } = world
  const before = gate.upstream.heads
  const tab = await signIn(context, `${origin}/app?tab=2`)
  assert.equal(await tab.textContent('h1'), 'Shop')
  assert.equal(gate.upstream.heads, before + 1, 'nothing reached the upstream before the login')
  const seen = gate.upstream.seen.at(-1)
  assert.ok(seen)
  assert.equal(seen.target, '/app?tab=2')
  const token = decodeJwt((headerOf(seen, 'authorization') ?? '').replace(/^Bearer /, ''))
  assert.equal(token.aud, ordersAudience)
  assert.equal(token.sub, 'ada')
  assert.equal(headerOf(seen, 'cookie'), null, 'the session cookie does not reach the upstream')
  const line = await gate.logged((one) => one.operation === 'getApp' && one.event === 'request')
  assert.equal(line['enduser.id'], 'ada')
  assert.equal(line.issuer, world.authorizationServer.issuer)
  assert.equal(line.client_id, world.parties.web.id)
  assert.equal(line.schemes, 'webLogin')
  assert.equal(typeof line.key_id, 'string')
  await tab.close()
})

test('a page calls the API with the session; scripts see neither cookie nor token', async () => {
  const { origin } = world
  const tab = await context.newPage()
  await tab.goto(`${origin}/app`)
  const called = await tab.evaluate(async () => {
    const read = await fetch('/orders')
    const write = await fetch('/orders', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: '{}',
    })
    const lacking = await fetch('/billing')
    return {
      statuses: [read.status, write.status, lacking.status],
      stored: JSON.stringify([localStorage, sessionStorage]),
      fields: [...read.headers].flat().join(' '),
    }
  })
  assert.deepEqual(called.statuses, [200, 200, 403])
  assert.equal(await tab.evaluate('document.cookie'), '')
  assert.equal(called.stored, '[{},{}]')
  assert.ok(!called.fields.includes('eyJ'))
  const cookies = (await context.cookies(origin)).filter(({ name }) => name.startsWith('__Host-'))
  assert.deepEqual(
    cookies.map(({ name, secure, httpOnly, sameSite, path, value }) => [
      name,
      secure,
      httpOnly,
      sameSite,
      path,
      value.length,
    ]),
    [['__Host-portcullis-session.webLogin', true, true, 'Lax', '/', 43]],
  )
  await tab.close()
})

test('the access token is renewed as it ends, again and again; the browser notices nothing (RFC 6749 6, RFC 9700 4.14.2)', async () => {
  const { gate, origin } = world
  const fresh = await newContext()
  const tab = await signIn(fresh, `${origin}/app`)
  const tokens = new Set<string | null>()
  for (let round = 0; round < 3; round++) {
    const statuses = await tab.evaluate(() =>
      Promise.all(Array.from({ length: 6 }, () => fetch('/orders').then(({ status }) => status))),
    )
    assert.deepEqual(statuses, [200, 200, 200, 200, 200, 200])
    for (const seen of gate.upstream.seen.slice(-6)) tokens.add(headerOf(seen, 'authorization'))
    await tab.waitForTimeout(2200)
  }
  assert.equal(tokens.size, 3)
  await fresh.close()
})

test('the session is useless to a page of another origin: fetch and forms reach nothing (CWE-352)', async (t) => {
  const { gate, origin } = world
  const pair = ['crt', 'key'].map((end) => readFileSync(join(gate.folder, `tls/localhost.${end}`)))
  const [cert, key] = pair
  const elsewhere = createServer({ cert, key }, (_, response) => {
    response.setHeader('Content-Type', 'text/html')
    response.end(`<!doctype html><title>Elsewhere</title>
<form id="form" method="post" action="${origin}/orders" target="frame"><input name="a" value="1"></form>
<iframe name="frame"></iframe><iframe src="${origin}/app"></iframe><img src="${origin}/orders" alt="">`)
  })
  await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    elsewhere.close()
    elsewhere.closeAllConnections()
  })
  const { port } = elsewhere.address() as AddressInfo
  // Another site; and another origin of the same site, to which browsers send even SameSite=Strict cookies.
  for (const host of ['127.0.0.1', 'localhost']) {
    const before = gate.upstream.heads
    const tab = await context.newPage()
    await tab.goto(`https://${host}:${port}/`)
    const outcomes = await tab.evaluate(async (target) => {
      const attempt = (init: RequestInit) =>
        fetch(`${target}/orders`, { credentials: 'include', ...init }).then(
          ({ status, type }) => `${status} ${type}`,
          () => 'failed',
        )
      return [
        await attempt({}),
        await attempt({ mode: 'no-cors' }),
        await attempt({ method: 'POST', mode: 'no-cors', body: '{}' }),
        await attempt({ method: 'POST', body: '{}', headers: { 'Content-Type': 'application/json' } }),
      ]
    }, origin)
    assert.deepEqual(outcomes, ['failed', '0 opaque', '0 opaque', 'failed'])
    await tab.evaluate('document.getElementById("form").submit()')
    await tab.waitForTimeout(300)
    assert.equal(gate.upstream.heads, before, host)
    await tab.evaluate('document.getElementById("form").target = "_self"')
    await Promise.all([
      tab.waitForURL(`${origin}/orders`),
      tab.evaluate('document.getElementById("form").submit()'),
    ])
    const reason = host === 'localhost' ? 'cross_site' : 'credential_missing'
    assert.match(await tab.content(), new RegExp(`urn:portcullis:problem:${reason}`))
    assert.equal(gate.upstream.heads, before, 'a form that takes the whole page')
    // A link from elsewhere is followed: it reads a page for the person and for nobody else.
    await tab.goto(`https://${host}:${port}/`)
    await tab.evaluate(`location.href = ${JSON.stringify(`${origin}/app`)}`)
    await tab.waitForURL(`${origin}/app`)
    assert.equal(gate.upstream.heads, before + 1)
    await tab.close()
  }
  const denied = gate.log.filter(({ reason }) => reason === 'cross_site')
  assert.ok(denied.some((one) => one['http.request.method'] === 'POST'))
  assert.ok(denied.some((one) => one['http.request.method'] === 'GET'))
})

test('a call of a program gets 401 with a challenge, never a redirect', async () => {
  const { gate, origin } = world
  const fresh = await newContext()
  const tab = await fresh.newPage()
  await tab.goto(`${origin}/`)
  const before = gate.upstream.heads
  const answer = await tab.evaluate(async () => {
    const response = await fetch('/orders', { redirect: 'manual' })
    return [response.status, response.type, response.headers.get('www-authenticate')]
  })
  assert.equal(answer[0], 401)
  assert.match(
    String(answer[2]),
    /Session realm="api", sign_in="\/\.portcullis\/webLogin\/login".*Bearer realm="api"/,
  )
  assert.equal(gate.upstream.heads, before)
  await fresh.close()
})

test('every login gets a new session id, and the one before it ends (CWE-384)', async () => {
  const { gate, origin } = world
  const fresh = await newContext()
  const idOf = async () =>
    (await fresh.cookies(origin)).find(({ name }) => name.startsWith('__Host-portcullis-session'))?.value ??
    ''
  await (await signIn(fresh, `${origin}/app`)).close()
  const first = await idOf()
  const tab = await fresh.newPage()
  await tab.goto(`${origin}/.portcullis/webLogin/login?return_to=%2Fapp%3Ftab%3D3`)
  await tab.waitForURL(`${origin}/app?tab=3`)
  const second = await idOf()
  assert.notEqual(first, second)
  const before = gate.upstream.heads
  const old = await fetchThrough(fresh, `${origin}/orders`, `__Host-portcullis-session.webLogin=${first}`)
  assert.equal(old, 401)
  assert.equal(gate.upstream.heads, before)
  await fresh.close()
})

test('signing out ends the session here and at the issuer; its cookie opens nothing any more', async () => {
  const { gate, origin } = world
  const fresh = await newContext()
  const tab = await signIn(fresh, `${origin}/app`)
  const [cookie] = (await fresh.cookies(origin)).filter(({ name }) => name.includes('session.webLogin'))
  assert.ok(cookie)
  await Promise.all([tab.waitForURL(/session\/end/), tab.click('button')])
  assert.ok(!tab.url().includes('eyJ'), 'no token goes through the browser')
  await Promise.all([tab.waitForURL(`${origin}/`), tab.click('button[value=yes]')])
  assert.deepEqual(
    (await fresh.cookies(origin)).filter(({ name }) => name.includes('session.webLogin')),
    [],
  )
  const before = gate.upstream.heads
  assert.equal(await fetchThrough(fresh, `${origin}/orders`, `${cookie.name}=${cookie.value}`), 401)
  assert.equal(gate.upstream.heads, before)
  await tab.goto(`${origin}/app`)
  assert.ok(await tab.isVisible('input[name=account]'), 'the issuer asks anew')
  await fresh.close()
})

test('signing out at the issuer ends the session here, by the back channel', async () => {
  const { gate, origin, authorizationServer } = world
  const fresh = await newContext()
  const tab = await signIn(fresh, `${origin}/app`)
  const other = await newContext()
  const untouched = await signIn(other, `${origin}/app`)
  const lines = gate.log.length
  await tab.goto(`${authorizationServer.issuer}/session/end`)
  await Promise.all([tab.waitForURL(/session\/end\/success/), tab.click('button[value=yes]')])
  const ended = () =>
    gate.log
      .slice(lines)
      .find(
        (one) =>
          one['http.request.method'] === 'POST' && one.operation === undefined && one.event !== 'denied',
      )
  await until(() => ended() !== undefined, 'it is on record')
  assert.equal(ended()?.['http.response.status_code'], 200)
  const before = gate.upstream.heads
  await tab.goto(`${origin}/app`)
  assert.ok(await tab.isVisible('input[name=account]'))
  assert.equal(gate.upstream.heads, before)
  await untouched.goto(`${origin}/app`)
  assert.equal(await untouched.textContent('h1'), 'Shop', 'the same person elsewhere stays signed in')
  await fresh.close()
  await other.close()
})

/** A request of a program that has got hold of a cookie. */
async function fetchThrough(through: BrowserContext, url: string, cookie: string): Promise<number> {
  const response = await through.request.get(url, { headers: { cookie }, maxRedirects: 0 })
  return response.status()
}
