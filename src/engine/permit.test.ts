import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Permit } from './permit.ts'

test('an object that the pipeline did not mint is no permit at run time either', () => {
  const lookalikes: readonly unknown[] = [
    {},
    Object.create(Permit.prototype),
    { __proto__: Permit.prototype },
  ]
  for (const lookalike of lookalikes) assert.throws(() => Permit.read(lookalike as Permit), TypeError)
})
