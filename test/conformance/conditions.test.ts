import assert from 'node:assert/strict'
import { test } from 'node:test'
import { judgesOf, schemaDocument } from '../harness/schema-document.ts'

// JSON Schema 2020-12 Core 10.2 and 10.3.1.3: what `if`, `not` and `contains` say decides, at every depth, not the closed world.

const text = { type: 'string' }
const object = (properties: object, more: object = {}) => ({ type: 'object', properties, ...more })
const admin = { properties: { role: { const: 'admin' } }, required: ['role'] }
const user = object({ role: text, name: text })

function holds(schema: object, valid: readonly object[], invalid: readonly object[]): void {
  const { request } = judgesOf(
    schemaDocument(schema, { Admin: admin, Owned: { properties: { owner: admin }, required: ['owner'] } }),
  )
  for (const value of valid) assert.ok(request.check(value), JSON.stringify(value))
  for (const value of invalid) {
    assert.equal(request.check(value), false, JSON.stringify(value))
    assert.ok(request.faults(value, 20).length > 0)
  }
}

test('D3: a member that a condition does not name does not lift what depends on the condition', () => {
  const whole = [{ owner: { role: 'admin', name: 'x' } }, { owner: { role: 'admin' } }]
  const others = [{ owner: { role: 'user', name: 'x' } }, {}]
  const owned = { properties: { owner: admin }, required: ['owner'] }
  const properties = { owner: user, ticket: text }
  for (const condition of [owned, { $ref: '#/components/schemas/Owned' }, { allOf: [owned] }]) {
    const demand = { if: condition, then: { required: ['ticket'] } }
    holds(object(properties, demand), [...others, { ...whole[0], ticket: 't' }], whole)
    holds(object(properties, { not: condition }), others, whole)
  }
})

test('contains counts the items that match, with whatever else they have', () => {
  const list = (more: object) => ({ type: 'array', items: user, contains: admin, ...more })
  const root = { role: 'admin', name: 'x' }
  holds(list({}), [[root], [{ role: 'admin' }]], [[], [{ role: 'user' }], [{ ...root, other: 1 }]])
  holds(list({ minContains: 0, maxContains: 1 }), [[], [root]], [[root, root]])
})

test('D3: a condition opens no object', () => {
  for (const owner of [admin, { type: 'object' }, {}, { $ref: '#/components/schemas/Admin' }])
    holds(
      object({ a: text }, { if: { properties: { owner } } }),
      [{ a: 'x' }],
      [{ owner: { role: 'admin', x: 1 } }],
    )
  holds(
    { type: 'object', if: { properties: { kind: { const: 'a' } } }, else: object({ kind: text }) },
    [{ kind: 'a' }],
    [{ x: 1 }],
  )
})

test('what a condition demands of a member that requests cannot have does not hold', () => {
  const properties = { id: { type: 'string', readOnly: true }, email: text }
  holds(object(properties, { not: { required: ['id', 'email'] } }), [{ email: 'x' }], [{ id: 'x' }])
  holds(object(properties, { if: { required: ['id'] }, then: { required: ['email'] } }), [{}], [{ id: 'x' }])
})
