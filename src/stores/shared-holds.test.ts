import assert from 'node:assert/strict'
import { test } from 'node:test'
import { allocateHolds, attachHolds, releaseHoldsAfterDeath } from './shared-holds.ts'

test('a key is held so many times at once by all threads together, and again once one gave it back', () => {
  const memory = allocateHolds(100, 2)
  const [a, b] = [attachHolds(memory, 0), attachHolds(memory, 1)]
  assert.deepEqual(
    [a.enter('k', 2), b.enter('k', 2), a.enter('k', 2), b.enter('k', 2)],
    [true, true, false, false],
  )
  assert.equal(a.enter('other', 1), true)
  assert.equal(b.count('k'), 2)
  b.leave('k')
  assert.equal(a.enter('k', 2), true)
  b.leave('k')
  assert.equal(a.count('k'), 2, 'a thread gives back only what it entered itself')
})

test('what a dead thread held is given back, and nothing else', () => {
  const memory = allocateHolds(100, 2)
  const [a, b] = [attachHolds(memory, 0), attachHolds(memory, 1)]
  for (let time = 0; time < 3; time++) a.enter('k', 5)
  b.enter('k', 5)
  releaseHoldsAfterDeath(memory, 0)
  assert.equal(b.count('k'), 1)
})

test('a key that is held keeps its place; without room one more is refused, until some leave', () => {
  const memory = allocateHolds(14, 1)
  const holds = attachHolds(memory, 0)
  const entered = Array.from({ length: 200 }, (_, nth) => `k${nth}`).filter((key) => holds.enter(key, 1))
  assert.ok(entered.length >= 7 && entered.length <= 14, `${entered.length} in 14 slots`)
  for (const key of entered) assert.equal(holds.enter(key, 1), false)
  for (const key of entered) holds.leave(key)
  assert.ok(holds.enter('newcomer', 1))
})
