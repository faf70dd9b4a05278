import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonSchema } from '../base/json.ts'
import { compileExpression } from './compile-expression.ts'
import { ruleScope, type ScopedOperation } from './scopes.ts'
import { carry, type ValueType } from './value-type.ts'

const noParameters: ScopedOperation['parameters'] = []
const json = (schema: JsonSchema) => ({ reading: 'json' as const, schema })

test('a member may have any name, also one that means something to the language', () => {
  const names = [
    'a b',
    'X',
    'ünï',
    'a<b>',
    'a,b',
    'list',
    'map',
    'string',
    'in',
    'Body',
    'a.b',
    '1',
    '',
    '$',
    '{}',
  ]
  const definitions = {
    Row: {
      type: 'object',
      properties: { n: { type: 'integer' }, rows: { type: 'array', items: { $ref: '#/$defs/Row' } } },
      additionalProperties: false,
    },
  }
  for (const name of names) {
    const rows = { type: 'array', items: { $ref: '#/$defs/Row' } }
    const schema = { type: 'object', properties: { [name]: rows }, additionalProperties: false }
    const scope = ruleScope({ parameters: noParameters, body: { content: [json(schema)] } }, definitions)
    const member = `body[${JSON.stringify(name)}]`
    const compiled = compileExpression(`${member}[0].rows[0].n + 1 == 5`, scope, 'condition')
    assert.ok(compiled.ok, name)
    const body = carry(scope.body as ValueType, { [name]: [{ n: 3, rows: [{ n: 4 }] }] })
    assert.deepEqual(compiled.value.evaluate({ body }), { ok: true, value: true }, name)
    assert.ok(!compileExpression(`${member}[0].rows[0].m == 5`, scope, 'condition').ok, name)
  }
})

test('a body has the type of its JSON schemas when they agree, and none without', () => {
  const text: JsonSchema = { type: 'string' }
  const opaque = { reading: 'opaque' as const, schema: true }
  const bodyOf = (content: NonNullable<ScopedOperation['body']>['content']) =>
    ruleScope({ parameters: noParameters, body: { content } }, {}).body
  assert.equal(bodyOf([json(text), opaque]), 'string')
  assert.equal(bodyOf([json(text), json(text)]), 'string')
  assert.equal(bodyOf([json(text), json({ type: 'integer' })]), 'dyn')
  assert.equal(bodyOf([opaque]), undefined)
  const parts = (...kinds: readonly ('text' | 'json' | 'file')[]) => ({
    reading: 'multipart' as const,
    schema: text,
    parts: kinds.map((kind) => ({ kind })),
  })
  assert.equal(bodyOf([parts('text', 'json'), opaque]), 'string')
  assert.equal(bodyOf([parts('text', 'file')]), undefined)
  const scope = ruleScope({ parameters: noParameters, body: null }, {})
  const compiled = compileExpression('body.a == 1', scope, 'condition')
  assert.ok(!compiled.ok)
  assert.match(
    compiled.error.message,
    /^body is not available: the operation declares no body that is read whole$/,
  )
})
