import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { keyNamed } from '../../test/harness/key-named.ts'
import { draw, paceOf, peek } from '../engine/limit/draw.ts'
import type { BucketState, Draw } from '../engine/ports.ts'
import type { LimitPlan } from '../program/program.ts'
import { allocateCounters } from './counters-memory.ts'
import { attachCounters, createMemoryCounters, type MemoryCounters } from './memory-counters.ts'

const plan = (name: string, rate: number, burst: number): LimitPlan => ({
  name,
  by: [{ property: 'address' }],
  rate,
  windowSeconds: 1,
  burst,
  ipv6PrefixBits: 64,
})
const slow = plan('slow', 1, 2)
const quick = plan('quick', 7, 5)
const startMs = 1_800_000_000_000

/** The same in a few lines, without a bound. */
function naive() {
  const buckets = new Map<string, number>()
  return {
    take(draws: readonly Draw[], atMs: number) {
      const nowMs = atMs - startMs + 1
      const nameOf = ({ limit, key }: Draw) => `${limit.name} ${key.name}`
      const drawn = draws.map((one) => draw(buckets.get(nameOf(one)), paceOf(one.limit), one.cost, nowMs))
      const allowed = drawn.every((one) => one.allowed)
      const states = drawn.map((one, index) => {
        const asked = draws[index] as Draw
        if (allowed) buckets.set(nameOf(asked), one.fullAtMs)
        return allowed || !one.allowed ? one : peek(buckets.get(nameOf(asked)), paceOf(asked.limit), nowMs)
      })
      return { allowed, states: states.map(visible) }
    },
  }
}

const visible = ({ remaining, resetMs, retryMs }: Omit<BucketState, 'backOffMs'>) => ({
  remaining,
  resetMs: Math.round(resetMs * 1000),
  retryMs: Math.round(retryMs * 1000),
})

interface Asked {
  readonly waitMs: number
  readonly keys: readonly [slow: number, quick: number]
  readonly cost: number
}

function holdToOracle(counters: MemoryCounters, requests: readonly Asked[]): void {
  const oracle = naive()
  let nowMs = startMs
  for (const { waitMs, keys, cost } of requests) {
    nowMs += waitMs
    const draws = [slow, quick].map((limit, index) => ({ limit, key: keyNamed(`k${keys[index]}`), cost }))
    const taken = counters.take(draws, nowMs)
    assert.ok(!(taken instanceof Promise))
    const { allowed, states } = taken
    assert.deepEqual({ allowed, states: states.map(visible) }, oracle.take(draws, nowMs))
  }
}

for (const alone of [true, false])
  test(`takes are those of the pure draw, whatever comes in whatever order (${alone ? 'alone' : 'with locks'})`, () => {
    const asked = fc.record({
      waitMs: fc.integer({ min: 0, max: 700 }),
      keys: fc.tuple(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 5 })),
      cost: fc.integer({ min: 0, max: 3 }),
    })
    fc.assert(
      fc.property(fc.array(asked, { maxLength: 150 }), (requests) => {
        holdToOracle(attachCounters(allocateCounters({ keys: 1000, workers: 1, alone }), 0), requests)
      }),
      { numRuns: 50 },
    )
  })

test('buckets that stand in one line are never given to another draw of the same take', () => {
  const asked = fc.record({
    waitMs: fc.integer({ min: 0, max: 3000 }),
    keys: fc.tuple(fc.integer({ min: 0, max: 2 }), fc.integer({ min: 0, max: 2 })),
    cost: fc.constant(1),
  })
  fc.assert(
    fc.property(fc.array(asked, { maxLength: 50 }), (requests) => {
      // Two lines of five slots.
      holdToOracle(createMemoryCounters(1), requests)
    }),
  )
})

test('counters of one thread alone are refused to any other', () => {
  const memory = allocateCounters({ keys: 10, alone: true })
  assert.throws(() => attachCounters({ ...memory, onlyThread: 9999 }, 0), /another thread alone/)
})

test('a name is another caller in each namespace, under each limit, however many of them come', () => {
  const counters = createMemoryCounters(100_000)
  const of = (namespace: string, limit: LimitPlan): Draw => ({
    limit,
    key: { namespace, name: 'k' },
    cost: 1,
  })
  const spaces = Array.from({ length: 3000 }, (_, nth) => `subject https://issuer-${nth}.example.com`)
  const limits = [slow, { ...slow, name: 'another' }]
  for (const allowed of [true, true, false])
    for (const space of spaces)
      for (const limit of limits) assert.equal(takeNow(counters, [of(space, limit)]).allowed, allowed)
  assert.equal(
    takeNow(
      counters,
      limits.map((limit) => of('client', limit)),
    ).allowed,
    true,
  )
})

const one = (key: string, limit = slow): readonly Draw[] => [{ limit, key: keyNamed(key), cost: 1 }]

test('a table full of callers that are held back forgets none of them; newcomers share one bucket a limit', async () => {
  const counters = createMemoryCounters(64)
  const spend = (key: string) => [1, 2, 3].map(() => takeNow(counters, one(key)).allowed)
  let placed = 0
  for (let i = 0; i < 1000; i++) {
    const before = counters.countOverflowed()
    const got = spend(`k${i}`)
    if (counters.countOverflowed() > before) continue
    placed++
    assert.deepEqual(got, [true, true, false])
  }
  assert.ok(placed >= 100, `${placed} of 128 places are used`)
  assert.equal(await counters.countLive(startMs), placed)
  for (let i = 0; i < 1000; i++) assert.equal(takeNow(counters, one(`k${i}`)).allowed, false, `k${i}`)
  assert.equal(
    takeNow(counters, one('newcomer', quick)).allowed,
    true,
    'another limit has a bucket of its own',
  )
  const laterMs = startMs + 2001
  assert.equal(counters.take(one('newcomer'), laterMs) instanceof Promise, false)
  const before = counters.countOverflowed()
  for (let i = 0; i < 60; i++) assert.equal(takeNow(counters, one(`n${i}`), laterMs).allowed, true)
  assert.equal(counters.countOverflowed(), before, 'buckets that are full again made room')
})

test('at its bound nobody has to share', async () => {
  const counters = createMemoryCounters(10_000)
  for (let i = 0; i < 10_000; i++) takeNow(counters, one(`k${i}`))
  assert.equal(counters.countOverflowed(), 0)
  assert.equal(await counters.countLive(startMs), 10_000)
})

test('who keeps coming too early is told to stay away longer, and alone', () => {
  const counters = createMemoryCounters(1000)
  const hints = (key: string, atMs: number) =>
    takeNow(counters, one(key), atMs).states.map(({ backOffMs }) => Math.round(backOffMs))
  for (const key of ['eager', 'patient']) for (let i = 0; i < 2; i++) takeNow(counters, one(key))
  assert.deepEqual(hints('eager', startMs), [1000])
  const limit = plan('hour', 1 / 3600, 1)
  const denied = (atMs: number) => takeNow(counters, one('eager', limit), atMs).states[0]?.backOffMs ?? 0
  denied(startMs)
  assert.equal(Math.round(denied(startMs) / 1000), 3600)
  assert.deepEqual(hints('patient', startMs), [1000])
})

test('who came a moment earlier and draws later finds all that the bucket holds, and no more', () => {
  const memory = allocateCounters({ keys: 1, workers: 2 })
  const [here, there] = [attachCounters(memory, 0), attachCounters(memory, 1)]
  const allowed = (counters: MemoryCounters, key: string, atMs: number) =>
    takeNow(counters, one(key), atMs).allowed
  takeNow(here, one('first'))
  assert.deepEqual(
    [
      allowed(here, 'k', startMs + 9),
      allowed(there, 'k', startMs + 8),
      allowed(there, 'k', startMs + 8),
      allowed(here, 'k', startMs + 9),
    ],
    [true, true, false, false],
  )
  // Full again, and given away.
  const laterMs = startMs + 2020
  const ask = (key: string, atMs: number) => takeNow(here, [{ ...(one(key)[0] as Draw), cost: 0 }], atMs)
  for (let nth = 0; nth < 20; nth++) ask(`n${nth}`, laterMs - 10)
  ask('n0', laterMs)
  assert.deepEqual(
    [
      allowed(there, 'k', laterMs - 1000),
      allowed(there, 'k', laterMs - 1000),
      allowed(here, 'k', laterMs),
      allowed(here, 'k', laterMs + 999),
      allowed(here, 'k', laterMs + 1000),
    ],
    [true, true, false, false, true],
  )
})

test('a clock that is set back, or nobody who comes for weeks, leaves no take at another time than its own', () => {
  const counters = createMemoryCounters(100)
  const at = (atMs: number, key: string) => takeNow(counters, one(key), atMs).states[0]
  const week = 7 * 86_400_000
  for (const [nth, atMs] of [0, 3 * week, 7 * week, 8 * week, 8 * week - 3_600_000, 9 * week].entries()) {
    assert.equal(at(startMs + atMs, `k${nth}`)?.resetMs, 1000)
    assert.equal(at(startMs + atMs + 500, `k${nth}`)?.resetMs, 1500)
  }
})

test('a limit that holds nobody back is known without a look at its buckets, by all threads', () => {
  const memory = allocateCounters({ keys: 100, workers: 2 })
  const [here, there] = [attachCounters(memory, 0), attachCounters(memory, 1)]
  const may = (limit: LimitPlan, atMs = startMs) => there.mayDeny?.(limit, atMs)
  takeNow(here, one('k'))
  assert.deepEqual([may(slow), may(quick)], [false, false], 'one of two tokens is left')
  takeNow(here, one('k'))
  assert.deepEqual([may(slow), may(quick)], [true, false])
  assert.equal(may(slow, startMs + 999), true)
  assert.equal(may(slow, startMs + 3000), false)
})

test('what a limit owes from before it was narrowed holds back, and is known once it denied (F6)', () => {
  const memory = allocateCounters({ keys: 100, workers: 2 })
  const [here, there] = [attachCounters(memory, 0), attachCounters(memory, 1)]
  const [wide, narrow] = [plan('guesses', 1, 60), plan('guesses', 1, 5)]
  for (let i = 0; i < 50; i++) takeNow(here, one('k', wide))
  assert.equal(there.mayDeny?.(narrow, startMs), false)
  assert.equal(takeNow(here, one('k', narrow)).allowed, false)
  assert.equal(there.mayDeny?.(narrow, startMs), true)
  assert.equal(there.mayDeny?.(narrow, startMs + 45_000), true)
  assert.equal(there.mayDeny?.(narrow, startMs + 48_000), false)
  const [vast, rare] = [
    { ...plan('rare', 1, 1_000_000_000), windowSeconds: 2_592_000 },
    { ...plan('rare', 1, 1), windowSeconds: 2_592_000 },
  ]
  takeNow(here, [{ limit: vast, key: keyNamed('k'), cost: 1_000_000_000 }])
  takeNow(here, one('k', rare))
  assert.equal(there.mayDeny?.(rare, startMs + 2_147_483_646_000), true, 'for as long as can be noted')
})

function takeNow(
  counters: ReturnType<typeof createMemoryCounters>,
  draws: readonly Draw[],
  atMs = startMs,
): { readonly allowed: boolean; readonly states: readonly BucketState[] } {
  const taken = counters.take(draws, atMs)
  assert.ok(!(taken instanceof Promise))
  return taken
}
