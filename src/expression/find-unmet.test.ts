import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compileExpression, type ExpressionScope } from './compile-expression.ts'
import { findUnmet } from './find-unmet.ts'
import { ruleScope } from './scopes.ts'
import { carry, type ValueType } from './value-type.ts'

const text = { type: 'string' }
const scope: ExpressionScope = ruleScope(
  {
    parameters: [
      {
        in: 'path',
        name: 'id',
        json: false,
        type: { kind: 'primitive', primitives: ['string'] },
        schema: text,
      },
    ],
    body: {
      content: [
        {
          reading: 'json',
          schema: {
            type: 'object',
            properties: {
              open: { type: 'boolean' },
              owners: { type: 'array', items: text },
              note: { type: ['string', 'null'] },
            },
            additionalProperties: false,
          },
        },
      ],
    },
  },
  {},
)

function unmet(source: string, absent: readonly string[] = ['token', 'key', 'client']): string {
  const compiled = compileExpression(source, scope, 'condition')
  assert.ok(compiled.ok, `${source}: ${compiled.ok ? '' : compiled.error.message}`)
  return findUnmet(source, scope, absent).join(' ')
}

const never: readonly (readonly [source: string, unmet: string])[] = [
  ['token.sub == path.id', 'token'],
  ['token["sub"] != path.id', 'token'],
  ['token.admin', 'token'],
  ['!token.locked', 'token'],
  ['dyn(token.level) > 3.0', 'token'],
  ['token.sub.startsWith("u")', 'token'],
  ['"admin" in token.roles || token.sub == path.id', 'token'],
  ['body.open && token.sub == path.id', 'token'],
  ['body.open ? token.admin : token.sub == path.id', 'token'],
  ['has(token.sub)', 'token'],
  ['has(token.act.sub)', 'token'],
  ['"sub" in token', 'token'],
  ['token.roles.exists(role, role == "admin")', 'token'],
  ['body.owners.exists(owner, owner == token.sub)', 'token'],
  ['["a", "b"].exists_one(role, role in token.roles)', 'token'],
  ['token.exists(claim, claim == "sub")', 'token'],
  ['[token.sub, path.id].size() == 2', 'token'],
  ['key.owner == path.id', 'key'],
  ['"orders" in key.scopes', 'key'],
  ['key.owner == path.id && token.sub == path.id', 'token key'],
  ['key.owner == path.id || token.sub == path.id', 'token key'],
  ['token.sub == path.id && !has(key.id)', 'token'],
  ['client == "web"', 'client'],
  ['path.id == client', 'client'],
  ['client in ["web", "app"]', 'client'],
  ['client in body.owners', 'client'],
  ['client.startsWith("web")', 'client'],
  ['client.all(c, true)', 'client'],
  ['!(client != "web")', 'client'],
  ['client == token.azp', 'token'],
]

test('a condition that needs what is absent never holds', () => {
  for (const [source, expected] of never) assert.equal(unmet(source), expected, source)
})

const holding = [
  'path.id == "a"',
  'true',
  '!has(token.sub)',
  '!has(token.sub) || token.sub == path.id',
  'has(token.sub) ? token.sub == path.id : body.open',
  'body.open || token.admin',
  '!(body.open && token.admin)',
  '!("sub" in token)',
  'token == {}',
  'size(token) == 0 && token.size() == 0',
  'token.all(claim, claim == "sub")',
  '!token.exists(claim, claim == "sub")',
  'body.owners.all(owner, owner == token.sub)',
  'body.owners.filter(owner, owner == token.sub).size() == 0',
  'body.owners.map(owner, token.sub).size() == 0',
  'body.owners.exists(token, token == path.id)',
  'body.owners.exists(client, client == "web")',
  'client == null',
  'client != "web"',
  'client == body.note',
  'client in [null, "web"]',
  'body.owners.exists(path, client == path)',
  '!has(key.id)',
]

test('one that asks, that has another way or that an empty list meets may hold', () => {
  for (const source of holding) assert.equal(unmet(source), '', source)
})

test('only what is absent counts, and not what would never hold anyway', () => {
  assert.equal(unmet('token.sub == path.id', ['key']), '')
  assert.equal(unmet('key.owner == path.id || token.sub == path.id', ['token']), '')
  assert.equal(unmet('token.sub == path.id && false'), '')
  assert.equal(unmet('path.id == "token"'), '')
})

const atoms = [
  'true',
  'false',
  'body.open',
  'path.id == "a"',
  'token.admin',
  'token.sub == path.id',
  'has(token.sub)',
  'has(token.act.sub)',
  '"a" in token',
  'token == {}',
  'token.exists(c, c == "a")',
  'token.all(c, c == "a")',
  'body.owners.exists(o, o == token.sub)',
  'body.owners.all(o, o == token.sub)',
  'body.owners.exists_one(token, token == path.id)',
  'body.owners.filter(o, token.admin).size() == 0',
  'key.owner == path.id',
  '!has(key.id)',
  '"a" in key.scopes',
  'client == path.id',
  'client != path.id',
  'client == body.note',
  'client in body.owners',
  'client.startsWith("a")',
]
const { condition } = fc.letrec<{ condition: string }>((tie) => ({
  condition: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.constantFrom(...atoms).map((atom) => `(${atom})`),
    fc.tuple(tie('condition'), tie('condition')).map(([a, b]) => `(${a} && ${b})`),
    fc.tuple(tie('condition'), tie('condition')).map(([a, b]) => `(${a} || ${b})`),
    fc.tuple(tie('condition'), tie('condition')).map(([a, b]) => `(${a} == ${b})`),
    tie('condition').map((a) => `!(${a})`),
    fc.tuple(tie('condition'), tie('condition'), tie('condition')).map(([a, b, c]) => `(${a} ? ${b} : ${c})`),
  ),
}))
const word = fc.constantFrom('a', 'b')
const input = fc.record({
  path: fc.record({ id: word }),
  body: fc.record(
    { open: fc.boolean(), owners: fc.array(word, { maxLength: 2 }), note: fc.option(word) },
    { requiredKeys: [] },
  ),
})
const nobody = { token: {}, key: {}, client: null }

test('what is found never holds, whatever the input is', () => {
  const found = fc.property(condition, fc.array(input, { minLength: 8, maxLength: 8 }), (source, inputs) => {
    fc.pre(findUnmet(source, scope, ['token', 'key', 'client']).length > 0)
    const compiled = compileExpression(source, scope, 'condition')
    assert.ok(compiled.ok, source)
    for (const { path, body } of inputs) {
      const values = { ...nobody, path, body: carry(scope.body as ValueType, body) }
      const result = compiled.value.evaluate(values)
      assert.ok(!result.ok || result.value !== true, `${source} holds`)
    }
  })
  fc.assert(found, { numRuns: 500 })
})
