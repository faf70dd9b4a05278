import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { ask, assertNotForwarded } from '../harness/ask.ts'
import { startGate, type TestGate } from '../harness/gate.ts'
import { headerOf } from '../harness/upstream.ts'

let gate: TestGate
let token: string
before(async () => {
  gate = await startGate()
  token = await gate.issuer.token()
})
after(() => gate.stop())

const withCookie = (cookie: string, target = '/things', on = gate) =>
  ask(on, target, { token, headers: [`Cookie: ${cookie}`] })

test('a cookie that the API does not declare is refused, whatever it is called', async () => {
  for (const [cookie, pointer] of [
    ['session=x', '/session'],
    ['theme=dark; session=x', '/session'],
    ['session=x; theme=dark', '/session'],
    ['Theme=dark', '/Theme'],
    ['theme =dark; theme[]=x', '/theme[]'],
    ['__proto__=x', '/__proto__'],
    ['constructor=x', '/constructor'],
    ['=x', '/'],
    ['x', '/'],
    ['theme=dark; x', '/'],
    ['$Version=1; theme=dark', '/$Version'],
    ['a/b=x', '/a~1b'],
    ['__Host-other=x', '/__Host-other'],
  ] as const) {
    const { body } = await assertNotForwarded(gate, withCookie(cookie), 400, 'parameter_invalid')
    assert.deepEqual(
      (JSON.parse(body) as { readonly errors: unknown }).errors,
      [{ in: 'cookie', pointer, message: 'is not a known parameter' }],
      cookie,
    )
  }
})

test('declared cookies pass by their value, blanks and a last semicolon notwithstanding', async () => {
  for (const cookie of ['theme=dark', ' theme=dark ', 'theme=dark;', 'theme=dark; ', ';theme=dark'])
    assert.equal((await withCookie(cookie)).status, 200, cookie)
  await assertNotForwarded(gate, withCookie('theme=pink'), 400, 'parameter_invalid')
})

test("what another operation declares, and the gateway's own, are no fault, and are not forwarded", async () => {
  for (const cookie of ['theme=dark', '__Host-portcullis-session.web=x']) {
    assert.equal((await withCookie(cookie, '/things/a')).status, 200, cookie)
    const seen = gate.upstream.seen.at(-1)
    assert.ok(seen)
    assert.equal(headerOf(seen, 'cookie'), null)
  }
})

test('undeclaredCookies: drop lets the request pass, never the cookie', async () => {
  const dropping = await startGate({ issuer: gate.issuer, more: 'validate: { undeclaredCookies: drop }' })
  try {
    for (const [cookie, arrives] of [
      ['session=x', null],
      ['_ga=1; theme=dark; x', 'theme=dark'],
    ] as const) {
      assert.equal((await withCookie(cookie, '/things', dropping)).status, 200)
      const seen = dropping.upstream.seen.at(-1)
      assert.ok(seen)
      assert.equal(headerOf(seen, 'cookie'), arrives)
    }
    await assertNotForwarded(
      dropping,
      withCookie('theme=pink', '/things', dropping),
      400,
      'parameter_invalid',
    )
  } finally {
    await dropping.gateway.stop()
    await dropping.upstream.stop()
  }
})
