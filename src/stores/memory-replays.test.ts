import assert from 'node:assert/strict'
import { test } from 'node:test'
import { allocateReplays, attachReplays, createMemoryReplays } from './memory-replays.ts'

test('what was used once is known until it is refused for its age anyway', () => {
  const replays = createMemoryReplays()
  assert.equal(replays.use('a', 1000, 0), 'first')
  assert.equal(replays.use('a', 1000, 999), 'again')
  assert.equal(replays.use('b', 2000, 999), 'first')
  assert.equal(replays.use('a', 2000, 1000), 'first')
})

test('a full memory lets nothing in rather than forget, and recovers (RFC 9449 11.1)', () => {
  const replays = createMemoryReplays(2)
  const keys = Array.from({ length: 200 }, (_, nth) => `k${nth}`)
  const kept = keys.filter((key) => replays.use(key, 5000, 1) === 'first')
  assert.ok(kept.length >= 2 && kept.length < keys.length)
  for (const key of keys) assert.equal(replays.use(key, 5000, 500), kept.includes(key) ? 'again' : 'full')
  assert.equal(replays.use('c', 9000, 5001), 'first')
})

test('what one thread used, another knows', () => {
  const memory = allocateReplays({ maxKept: 100, workers: 2 })
  const [one, other] = [attachReplays(memory, 0), attachReplays(memory, 1)]
  assert.equal(one.use('a', 1000, 1), 'first')
  assert.equal(other.use('a', 1000, 2), 'again')
})
