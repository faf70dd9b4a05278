import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonSchema } from '../base/json.ts'
import { compileValidator } from './validator.ts'

test('names of members, which come from the client, hold no thread either (D10)', () => {
  const named = {
    type: 'object',
    patternProperties: { '^(a+)+$': { type: 'integer' } },
    additionalProperties: false,
  }
  const validator = compileValidator({ type: 'array', items: { $ref: '#/$defs/Named' } }, { Named: named })
  const startedMs = performance.now()
  assert.equal(validator.check([{ [`${'a'.repeat(50_000)}!`]: 1 }]), false)
  assert.ok(performance.now() - startedMs < 500)
  assert.equal(validator.check([{ aaa: 1 }]), true)
  assert.equal(validator.check([{ aaa: 'x' }]), false)
  assert.equal(validator.check([{ b: 1 }]), false)
})

test('a pattern of names that the `u` flag refuses for a needless escape is read as patterns are', () => {
  const validator = compileValidator(
    { patternProperties: { '^x\\-': { type: 'string' } }, additionalProperties: false },
    {},
  )
  assert.equal(validator.check({ 'x-a': 'b' }), true)
  assert.equal(validator.check({ 'x-a': 1 }), false)
  assert.equal(validator.check({ xa: 'b' }), false)
})

/** Nests to the depth that the reader of JSON allows. */
function nested(leaf: unknown, wrap: (inner: unknown, level: number) => unknown): unknown {
  let value = leaf
  for (let level = 0; level < 62; level++) value = wrap(value, level)
  return value
}

const branch = (kind: string, keyword: string): JsonSchema => ({
  type: 'object',
  properties: { child: { $ref: '#/$defs/Node' }, kind: { type: 'string', enum: [kind] } },
  required: ['kind', 'child'],
  [keyword]: false,
})
const leaf = { type: 'object', properties: { value: { type: 'integer' } }, required: ['value'] }

for (const keyword of ['anyOf', 'oneOf']) {
  test(`${keyword} of branches that share a recursive member: the work does not double with every level (CWE-407)`, () => {
    const Node = {
      [keyword]: [branch('a', 'additionalProperties'), branch('b', 'additionalProperties'), leaf],
    }
    const validator = compileValidator({ $ref: '#/$defs/Node' }, { Node })
    const wrap = (child: unknown, level: number) => ({ kind: level % 2 ? 'a' : 'b', child })
    const startedMs = performance.now()
    assert.equal(validator.check(nested({ value: 1 }, wrap)), true)
    const bad = nested({ value: 'x' }, wrap)
    assert.equal(validator.check(bad), false)
    assert.ok(validator.faults(bad, 20).length > 0)
    assert.ok(performance.now() - startedMs < 1000)
  })
}

test('lists in lists, closed together with what may stand beside them, are asked about once for each level', () => {
  const Node = {
    anyOf: [{ type: 'array', items: { $ref: '#/$defs/Node' } }, { type: 'integer' }],
    unevaluatedProperties: false,
  }
  const validator = compileValidator({ $ref: '#/$defs/Node' }, { Node })
  const startedMs = performance.now()
  assert.equal(validator.check(nested(1, (inner) => [inner])), true)
  assert.equal(validator.check(nested('x', (inner) => [inner])), false)
  assert.ok(performance.now() - startedMs < 1000)
})

test('a hundred thousand items that must differ are compared in linear time, whatever else is wrong (CWE-407)', () => {
  const validator = compileValidator({ type: 'array', uniqueItems: true, items: { type: 'object' } }, {})
  const items = Array.from({ length: 100_000 }, (_, a) => ({ a, b: [a] }))
  const startedMs = performance.now()
  assert.equal(validator.check(items), true)
  assert.deepEqual(validator.faults([...items, 1], 20), [
    { pointer: '/100000', message: 'must be an object' },
  ])
  assert.deepEqual(validator.faults([...items, { b: [5], a: 5.0 }], 20), [
    { pointer: '', message: 'must not repeat an item' },
  ])
  assert.ok(performance.now() - startedMs < 5000)
})

test('0 and -0 are one number wherever items must differ (JSON Schema 2020-12 Core 4.2.2)', () => {
  const validator = compileValidator({ type: 'array', uniqueItems: true }, {})
  for (const [a, b] of [
    [0, -0],
    [[0], [-0]],
    [{ a: 0 }, { a: -0 }],
  ])
    assert.equal(validator.check([a, b]), false, JSON.stringify(a))
  assert.equal(validator.check([0, 1, '0', false, null]), true)
})
