import assert from 'node:assert/strict'
import { test } from 'node:test'
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
