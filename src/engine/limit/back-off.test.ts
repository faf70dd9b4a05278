import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type HeldBack, holdBack, retryAfterSeconds } from './back-off.ts'

const told = (before: HeldBack | null, retryMs: number, nowMs: number) => {
  const after = holdBack(before, retryMs, nowMs)
  return { ...after, hintMs: after.toldAtMs + after.waitMs - nowMs }
}

test('who keeps coming too early is asked to stay away twice as long each time, up to an hour', () => {
  let held: HeldBack | null = null
  const hints: number[] = []
  for (let nowMs = 0; nowMs < 16_000; nowMs += 2000) {
    const now = told(held, 5000, nowMs)
    hints.push(now.hintMs)
    held = now
  }
  assert.deepEqual(hints, [5000, 10_000, 20_000, 40_000, 80_000, 160_000, 320_000, 640_000])
  assert.equal(told({ toldAtMs: 0, waitMs: 3_600_000, strikes: 10 }, 5000, 2000).hintMs, 3_600_000)
})

test('who waits as long as it was told starts anew', () => {
  const first = told(null, 5000, 0)
  const second = told(first, 5000, 1500)
  assert.equal(second.hintMs, 10_000)
  assert.deepEqual(told(second, 5000, 11_500), { toldAtMs: 11_500, waitMs: 5000, strikes: 0, hintMs: 5000 })
})

test('requests that were sent together are told the same, and no strike', () => {
  const first = told(null, 5000, 0)
  const later = told(first, 4400, 600)
  assert.deepEqual([later.strikes, later.hintMs], [0, 4400])
})

test('nobody is told to come back before its tokens are there, and a month of waiting stays a month', () => {
  const step = fc.tuple(fc.integer({ min: 0, max: 5000 }), fc.integer({ min: 1, max: 2_592_000_000 }))
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      let held: HeldBack | null = null
      let nowMs = 0
      for (const [waitMs, retryMs] of steps) {
        nowMs += waitMs
        const now = told(held, retryMs, nowMs)
        assert.ok(now.hintMs >= retryMs)
        held = now
      }
    }),
  )
})

test('only a back-off is spread, by up to a half; an exact time stays exact, rounded up to whole seconds', () => {
  assert.equal(retryAfterSeconds(1, 1, 0.9), 1)
  assert.equal(retryAfterSeconds(1200, 1200, 0.9), 2)
  assert.equal(retryAfterSeconds(17_279_999.3, 17_279_999.300000012, 0.9), 17_280)
  assert.equal(retryAfterSeconds(5000, 10_000, 0), 10)
  assert.equal(retryAfterSeconds(5000, 10_000, 0.5), 13)
})
