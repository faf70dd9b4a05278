import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMemorySessions } from './memory-sessions.ts'
import { sessionStoreSuite } from './sessions.suite.ts'

const shared = createMemorySessions()
sessionStoreSuite('memory', () => shared)

test('memory: when it is full nobody more signs in, nobody is pushed out, and it recovers', async () => {
  const store = createMemorySessions(2)
  const entry = (idleMs: number) => ({ sealed: 's', idleMs, endsMs: 10_000, indexes: ['all'] })
  assert.equal((await store.create('long', entry(5000), 0)).kind, 'done')
  assert.equal((await store.create('short', entry(100), 0)).kind, 'done')
  assert.equal((await store.create('third', entry(5000), 50)).kind, 'refused')
  assert.equal((await store.create('third', entry(5000), 150)).kind, 'done')
  assert.equal((await store.find('long', 0, 150)).kind, 'found')
  assert.equal((await store.find('short', 0, 150)).kind, 'none')
})
