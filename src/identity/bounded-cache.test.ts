import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BoundedCache } from './bounded-cache.ts'

test('the last entries stay, and no more than twice as many', () => {
  const cache = new BoundedCache<number>(10)
  for (let i = 0; i < 1000; i++) cache.set(`k${i}`, i)
  const kept = Array.from({ length: 1000 }, (_, i) => i).filter((i) => cache.get(`k${i}`) !== undefined)
  assert.ok(kept.length >= 10 && kept.length <= 20, `${kept.length} kept`)
  for (let i = 990; i < 1000; i++) assert.equal(cache.get(`k${i}`), i)
})

test('a flood of new entries pushes out none that is in use', () => {
  const cache = new BoundedCache<number>(10)
  cache.set('used', 1)
  for (let i = 0; i < 1000; i++) {
    cache.set(`k${i}`, i)
    assert.equal(cache.get('used'), 1)
  }
})

test('what is deleted is gone from both tables, and what is set again is the newer', () => {
  const cache = new BoundedCache<number>(2)
  cache.set('a', 1)
  cache.set('b', 2)
  cache.set('c', 3)
  cache.set('a', 4)
  assert.equal(cache.get('a'), 4)
  cache.delete('a')
  assert.equal(cache.get('a'), undefined)
})
