import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compileExpression, type ExpressionScope } from './compile-expression.ts'
import { carry, openMap, type ValueType } from './value-type.ts'

const object = (fields: { readonly [name: string]: ValueType }): ValueType => ({
  kind: 'object',
  fields: new Map(Object.entries(fields)),
})
const list = (items: ValueType): ValueType => ({ kind: 'list', items })

const address = { kind: 'object' as const, fields: new Map<string, ValueType>([['city', 'string']]) }
const node = { kind: 'object' as const, fields: new Map<string, ValueType>([['rank', 'int']]) }
node.fields.set('next', node)
node.fields.set('children', list(node))

const scope: ExpressionScope = {
  token: openMap,
  client: 'dyn',
  path: object({ userId: 'string', n: 'int' }),
  query: object({ status: 'string', limit: 'int', ids: list('int'), open: 'bool' }),
  headers: object({ 'x-tenant': 'string' }),
  body: object({
    total: 'double',
    quantity: 'int',
    note: 'dyn',
    address,
    items: list(object({ quantity: 'int', tags: list('string') })),
    counts: { kind: 'map', values: 'int' },
    node,
  }),
}
const values = {
  token: { sub: 'u1', roles: ['admin'], level: 3 },
  client: null,
  path: { userId: 'u1', n: 5 },
  query: { limit: 100, ids: [1, 2] },
  headers: { 'x-tenant': 't1' },
  body: {
    total: 7.5,
    quantity: 2,
    note: null,
    address: { city: 'Bonn' },
    items: [
      { quantity: 1, tags: ['a'] },
      { quantity: 2, tags: [] },
    ],
    counts: { red: 4 },
    node: { rank: 1, next: { rank: 2, children: [{ rank: 3 }] } },
  },
}

function evaluated(source: string, over: object = {}) {
  const compiled = compileExpression(source, scope, 'value')
  assert.ok(compiled.ok, `${source}: ${compiled.ok ? '' : compiled.error.message}`)
  const carried = Object.entries({ ...values, ...over }).map(([name, value]) => [
    name,
    carry(scope[name] as ValueType, value),
  ])
  const result = compiled.value.evaluate(Object.fromEntries(carried))
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

const holding = [
  'path.n == 5',
  'path.n + 1 == 6',
  'body.quantity > 1',
  'body.quantity % 2 == 0',
  'query.limit <= 100',
  'body.total == 7.5 && body.total > 7 && body.total != 7',
  'double(body.quantity) == 2.0 && body.quantity == 2.0',
  '1 in query.ids && !(3 in query.ids)',
  'query.ids.all(id, id > 0)',
  'body.items[1].quantity == 2',
  'body.items.exists(item, "a" in item.tags)',
  'size(body.items) == 2',
  'body.counts.red == 4 && body.counts["red"] < 5',
  'body.node.next.children[0].rank == 3',
  'body.note == null',
  'has(body.address.city) && !has(query.open)',
  'headers["x-tenant"] == "t1"',
  'token.level in [1, 2, 3]',
  'int(token.level) + 1 == 4',
  '["admin", "owner"].exists(role, role in token.roles)',
  'has(token.roles) ? "admin" in token.roles : false',
]

test('values have the types of the contract: integers are integers at any depth', () => {
  for (const source of holding) assert.equal(evaluated(source), true, source)
})

test('what is absent is an error, and an error is a value (fail closed)', () => {
  assert.equal(evaluated('token.nope == 1'), 'error')
  assert.equal(evaluated('query.status == "open"'), 'error')
  assert.equal(evaluated('token.constructor == 1'), 'error')
  assert.equal(evaluated('token.__proto__ == 1'), 'error')
  assert.equal(evaluated('has(query.limit)', { query: undefined }), 'error')
  assert.equal(evaluated('body.quantity == 2', { body: null }), 'error')
})

test('a failure is told by its kind, never with what a client sent', () => {
  const compiled = compileExpression('int(query.status) > 1', scope, 'condition')
  assert.ok(compiled.ok)
  assert.deepEqual(compiled.value.evaluate({ query: { status: 'SECRET' } }), {
    ok: false,
    error: 'int conversion error',
  })
  assert.deepEqual(compiled.value.evaluate({ query: {} }), { ok: false, error: 'no such key: status' })
})

const refused: readonly (readonly [source: string, message: RegExp, fix?: RegExp])[] = [
  ['path.userid == "x"', /^path has no member userid$/, /^did you mean userId\?$/],
  ['has(query.limt)', /^query has no member limt$/, /did you mean limit/],
  ['!has(body.adress.city)', /^body has no member adress$/, /did you mean address/],
  ['body.address.town == "Bonn"', /^body.address has no member town$/, /there are city/],
  ['body.items[0].quantty == 1', /^body.items\[0\] has no member quantty$/, /did you mean quantity/],
  ['body.items.all(item, item.quantiti == 1)', /^item has no member quantiti$/, /did you mean quantity/],
  ['body.items.all(item, has(item.tag))', /^item has no member tag$/, /did you mean tags/],
  ['body.node.next.children[0].rnk == 3', /has no member rnk/, /did you mean rank/],
  ['headers["x-tennant"] == "t1"', /^headers has no member x-tennant$/, /did you mean x-tenant/],
  ['tokn.sub == "x"', /^tokn is not a variable$/, /did you mean token/],
  ['foo == 1', /^foo is not a variable$/, /there are token, client, path/],
  ['path.userId == 3', /no such overload: string == int in path.userId == 3/, /string\(\), int\(\)/],
  ['path.n == "5"', /no such overload: int == string/],
  ['query.limit < "5"', /no such overload/],
  ['query.open == "true"', /no such overload: bool == string/],
  ['body.counts.red == "4"', /no such overload: int == string/],
  ['"a" in path.userId', /no such overload/],
  ['body.address == "x"', /no such overload/],
  ['size(path.n) > 1', /no matching overload/],
  ['token.sub ==', /EOF/],
  ['"a" == 1', /overload/],
  ['1 + 2', /must yield a boolean/],
  ['path.userId', /must yield a boolean/],
  ['walked(token.roles) == token.roles', /no matching overload/],
]

test('a misspelt name or a type error is found before the first request, with what was meant', () => {
  for (const [source, message, fix] of refused) {
    const compiled = compileExpression(source, scope, 'condition')
    assert.ok(!compiled.ok, source)
    assert.match(compiled.error.message, message)
    if (fix) assert.match(compiled.error.fix ?? '', fix, source)
  }
})

const unbounded: readonly (readonly [source: string, message: RegExp])[] = [
  ['token.sub.matches("(a+)+$")', /matches\(\) is not available/],
  ['cel.bind(x, body.address.city + body.address.city, x + x == "")', /bind\(\) is not available/],
  ['body.items.all(x, x.tags.all(y, y == "a"))', /inside another/],
  ['body.items.all(x, x in body.items)', /inside a list macro the body is not available/],
  ['body.items.filter(x, x.quantity > 1).all(x, x.quantity < 3)', /only a list that has a name/],
  ['body.address.city.split(",").all(x, x == "a")', /only a list that has a name/],
  ['body.address.city.contains(query.status)', /takes only a text that the rule spells out/],
  ['body.address.city.indexOf(query.status) > 0', /takes only a text that the rule spells out/],
  ['duration(query.status) > duration("1h")', /duration\(\) takes only a text that the rule spells out/],
  [`"${'a'.repeat(2048)}" == token.sub`, /longer/],
]

test('what could take long to evaluate is refused (H7)', () => {
  for (const [source, message] of unbounded) {
    const compiled = compileExpression(source, scope, 'condition')
    assert.ok(!compiled.ok, source)
    assert.match(compiled.error.message, message)
  }
})

test('a list macro walks a bounded number of items, and a longer list is an error (H7)', () => {
  const items = Array.from({ length: 1001 }, () => ({ quantity: 1, tags: [] }))
  const rule = 'body.items.all(item, item.quantity < 3)'
  assert.equal(evaluated(rule, { body: { items: items.slice(1) } }), true)
  assert.equal(evaluated(rule, { body: { items } }), 'error')
  assert.equal(evaluated('!body.items.exists(item, item.quantity > 3)', { body: { items } }), 'error')
  assert.equal(evaluated(`"admin" in token.roles || ${rule}`, { body: { items } }), true)
})
