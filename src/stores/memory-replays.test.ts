import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMemoryReplays } from './memory-replays.ts'

test('what was used once is known until it is refused for its age anyway', () => {
  const replays = createMemoryReplays()
  assert.equal(replays.use('a', 1000, 0), 'first')
  assert.equal(replays.use('a', 1000, 999), 'again')
  assert.equal(replays.use('b', 2000, 999), 'first')
  assert.equal(replays.use('a', 2000, 1000), 'first')
})

test('a full memory lets nothing in rather than forget, and recovers (RFC 9449 11.1)', () => {
  const replays = createMemoryReplays(2)
  assert.equal(replays.use('long', 5000, 0), 'first')
  assert.equal(replays.use('short', 1000, 0), 'first')
  assert.equal(replays.use('c', 1000, 500), 'full')
  assert.equal(replays.use('long', 5000, 500), 'again')
  assert.equal(replays.use('c', 3000, 1500), 'first')
})
