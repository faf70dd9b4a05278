import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compileExpression } from './compile-expression.ts'

const scope = { token: 'map', client: 'dyn', path: ['userId', 'n'], query: ['status'], body: 'dyn' } as const
const values = {
  token: { sub: 'u1', roles: ['admin'], level: 3 },
  client: null,
  path: { userId: 'u1', n: 5 },
  query: Object.create(null),
  body: { total: 7.5, items: [{ quantity: 1 }, { quantity: 2 }] },
}

function evaluated(source: string) {
  const compiled = compileExpression(source, scope, 'value')
  assert.ok(compiled.ok, `${source}: ${compiled.ok ? '' : compiled.error.message}`)
  const result = compiled.value.evaluate(values)
  return result.ok ? result.value : 'error'
}

test('object-level rules read as they are meant (OWASP API1)', () => {
  assert.equal(evaluated('token.sub == path.userId || "admin" in token.roles'), true)
  assert.equal(evaluated('token.sub == "u2"'), false)
  assert.equal(evaluated('path.n == 5 && token.level >= 3'), true)
  assert.equal(evaluated('body.items.all(item, item.quantity < 3)'), true)
  assert.equal(evaluated('client == null'), true)
  assert.equal(evaluated('has(query.status)'), false)
})

test('what is absent is an error, and an error is a value (fail closed)', () => {
  assert.equal(evaluated('token.nope == 1'), 'error')
  assert.equal(evaluated('query.status == "open"'), 'error')
  assert.equal(evaluated('token.constructor == 1'), 'error')
  assert.equal(evaluated('body.__proto__ == 1'), 'error')
})

const refused: readonly (readonly [string, RegExp])[] = [
  ['path.userid == "x"', /userid/],
  ['foo == 1', /foo/],
  ['token.sub ==', /EOF/],
  ['"a" == 1', /overload/],
  ['token.sub.matches("(a+)+$")', /matches\(\) is not available/],
  ['body.a.all(x, body.b.all(y, y == x))', /inside another/],
  [`"${'a'.repeat(2048)}" == token.sub`, /longer/],
  ['1 + 2', /must yield a boolean/],
]

test('a misspelt name, a type error and an unbounded construct are found before the first request (H7)', () => {
  for (const [source, message] of refused) {
    const compiled = compileExpression(source, scope, 'condition')
    assert.ok(!compiled.ok, source)
    assert.match(compiled.error.message, message)
  }
})
