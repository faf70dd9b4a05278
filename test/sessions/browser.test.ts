import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { decodeJwt } from 'jose'
import type { Browser, BrowserContext } from 'playwright-core'
import { ordersAudience } from '../../src/demo/parties.ts'
import { openBrowser, type SessionWorld, signIn, startSessionWorld } from '../harness/session-world.ts'
import { headerOf } from '../harness/upstream.ts'

// A person's browser (Chromium) before the gate, a certified authorization server behind the login.

let world: SessionWorld
let browser: Browser
let closeBrowser: () => Promise<void>
let context: BrowserContext

before(async () => {
  world = await startSessionWorld()
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
