import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { LimitPlan } from '../../program/program.ts'
import { draw, paceOf, peek } from './draw.ts'

const plan = (rate: number, windowSeconds: number, burst: number): LimitPlan => ({
  name: 'l',
  by: [{ property: 'address' }],
  rate,
  windowSeconds,
  burst,
  ipv6PrefixBits: 64,
})

const limits = fc
  .record({
    rate: fc.integer({ min: 1, max: 1000 }),
    windowSeconds: fc.constantFrom(1, 60, 3600, 86_400, 2_592_000),
    burst: fc.integer({ min: 1, max: 500 }),
  })
  .map(({ rate, windowSeconds, burst }) => plan(rate, windowSeconds, burst))

test('a full bucket gives exactly its capacity at once, and no more', () => {
  fc.assert(
    fc.property(limits, fc.integer({ min: 0, max: 1e9 }), (limit, nowMs) => {
      let fullAtMs: number | undefined
      for (let i = 0; i < limit.burst; i++) {
        const drawn = draw(fullAtMs, paceOf(limit), 1, nowMs)
        assert.ok(drawn.allowed)
        assert.equal(drawn.remaining, limit.burst - 1 - i)
        fullAtMs = drawn.fullAtMs
      }
      const denied = draw(fullAtMs, paceOf(limit), 1, nowMs)
      assert.ok(!denied.allowed)
      assert.ok(draw(fullAtMs, paceOf(limit), 1, nowMs + denied.retryMs).allowed)
    }),
  )
})

test('never are more tokens given than the capacity and what has come in since, at any costs and times', () => {
  const steps = fc.array(
    fc.tuple(fc.integer({ min: 0, max: 20 }), fc.double({ min: 0, max: 1e5, noNaN: true })),
    { maxLength: 200 },
  )
  fc.assert(
    fc.property(limits, steps, (limit, taken) => {
      let fullAtMs: number | undefined
      let nowMs = 0
      let given = 0
      for (const [cost, waitMs] of taken) {
        nowMs += waitMs
        const drawn = draw(fullAtMs, paceOf(limit), cost, nowMs)
        if (!drawn.allowed) continue
        fullAtMs = drawn.fullAtMs
        given += cost
      }
      const bound = limit.burst + (nowMs / 1000 / limit.windowSeconds) * limit.rate
      assert.ok(given <= bound + 1e-3, `${given} of ${bound}`)
    }),
  )
})

test('a cost takes so many tokens at once, or none; a denial says how long until all of them are there', () => {
  const limit = plan(10, 1, 5)
  const first = draw(undefined, paceOf(limit), 3, 1000)
  assert.deepEqual([first.allowed, first.remaining, first.resetMs], [true, 2, 300])
  const second = draw(first.fullAtMs, paceOf(limit), 3, 1000)
  assert.deepEqual([second.allowed, second.remaining, second.retryMs], [false, 2, 100])
  assert.equal(
    draw(first.fullAtMs, paceOf(limit), 6, 10_000).allowed,
    false,
    'more than the capacity never passes',
  )
})

test('a cost of 0 asks whether a token is there, and takes none', () => {
  const limit = plan(1, 1, 1)
  const asked = draw(undefined, paceOf(limit), 0, 1000)
  assert.deepEqual([asked.allowed, asked.remaining, asked.resetMs], [true, 1, 0])
  const { fullAtMs } = draw(undefined, paceOf(limit), 1, 1000)
  assert.deepEqual(draw(fullAtMs, paceOf(limit), 0, 1000), {
    allowed: false,
    fullAtMs,
    remaining: 0,
    resetMs: 1000,
    retryMs: 1000,
  })
})

test('a clock that steps back makes no tokens', () => {
  const limit = plan(1, 1, 1)
  const { fullAtMs } = draw(undefined, paceOf(limit), 1, 10_000)
  assert.equal(draw(fullAtMs, paceOf(limit), 1, 5000).allowed, false)
  assert.equal(peek(fullAtMs, paceOf(limit), 5000).remaining, 0)
})

test('what has happened is charged to an empty bucket too, and whoever asks waits until all of it is refilled', () => {
  const pace = paceOf({ ...plan(1, 60, 2), overdraws: true })
  let fullAtMs: number | undefined
  for (let i = 0; i < 5; i++) {
    const charged = draw(fullAtMs, pace, 1, 0)
    assert.deepEqual([charged.allowed, charged.remaining], [true, Math.max(0, 1 - i)])
    fullAtMs = charged.fullAtMs
  }
  const asked = draw(fullAtMs, pace, 0, 0)
  assert.deepEqual([asked.allowed, asked.retryMs, asked.remaining], [false, 240_000, 0])
  assert.ok(draw(fullAtMs, pace, 0, 240_000).allowed)
})
