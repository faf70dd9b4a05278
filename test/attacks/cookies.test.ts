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

test('a value outside RFC 6265 4.1.1 of a cookie that the operation reads is malformed', async () => {
  for (const value of [
    'a,b',
    'a, b=c',
    'a b',
    'a"b',
    '"a',
    'a"',
    '"a"b"',
    '"',
    'a\\b',
    'a\tb',
    '"a b"',
    '"a,b"',
  ])
    await assertNotForwarded(gate, withCookie(`note=${value}`, '/cookies'), 400, 'malformed_request')
  // ATTACK: the cookie sandwich, one quoted string to legacy parsers
  await assertNotForwarded(
    gate,
    withCookie('$Version=1; note="a; theme=dark; b"', '/cookies'),
    400,
    'malformed_request',
  )
  for (const value of ['', 'a', 'a=b', "!#$&'()*+-./:<=>?@[]^_`{|}~", '"a"', '""', '%2C'])
    assert.equal((await withCookie(`note=${value}`, '/cookies')).status, 200, value)
})

test('a quoted value must be sound with its quotes and without', async () => {
  assert.equal((await withCookie('short="a"', '/cookies')).status, 200)
  for (const value of ['"abcd"', '"no"'])
    await assertNotForwarded(gate, withCookie(`short=${value}`, '/cookies'), 400, 'parameter_invalid')
})

test('commas separate the items of a list, and nothing else does', async () => {
  assert.equal((await withCookie('codes=1,2,3', '/cookies')).status, 200)
  for (const value of ['1, 2', '1,"2"', '"1,2"', '1\t,2'])
    await assertNotForwarded(gate, withCookie(`codes=${value}`, '/cookies'), 400, 'malformed_request')
  await assertNotForwarded(gate, withCookie('codes=1,theme=2', '/cookies'), 400, 'parameter_invalid')
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
      ['theme=dark; prefs={"a":1,"b":"x y"}; note="a', 'theme=dark'],
      ['other=1, theme=pink; theme=dark', 'theme=dark'],
      ['other="1; theme=dark; x"', 'theme=dark'],
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
