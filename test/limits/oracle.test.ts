import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { type HeldBack, holdBack } from '../../src/engine/limit/back-off.ts'
import { draw, paceOf, peek } from '../../src/engine/limit/draw.ts'
import type { LimitPlan } from '../../src/program/program.ts'
import { connectOne } from '../../src/stores/redis.ts'
import { bucketName, RedisBuckets, type StoreDraw } from '../../src/stores/redis-buckets.ts'
import { takeScript } from '../../src/stores/redis-scripts.ts'
import { StoreCircuit } from '../../src/stores/store-circuit.ts'
import { keyNamed } from '../harness/key-named.ts'
import { startRedis, type TestRedis } from '../harness/redis.ts'

// The script decides as `draw` and `holdBack` do, number for number. Its clock, here alone, is a key of the server.

let server: TestRedis
let redis: Awaited<ReturnType<typeof connectOne>>

before(async () => {
  server = await startRedis()
  await new Promise<void>((resolve, reject) => {
    connectOne(server.settings, resolve).then((made) => {
      redis = made
    }, reject)
  })
})
after(async () => {
  redis.disconnect()
  await server.stop()
})

const clock = `redis.call('MGET', 'clock:s', 'clock:us')`
const lasting = takeScript(clock).replace(/, 'PX', .*(?=\)$)/m, '')
const idle = new StoreCircuit({
  probe: async () => 1,
  knownGateways: 0,
  deadlineMs: 5000,
  onEvent: () => {},
  onReady: () => {},
})

const plan = (name: string, rate: number, windowSeconds: number, burst: number): LimitPlan => ({
  name,
  by: [{ property: 'subject' }],
  rate,
  windowSeconds,
  burst,
  ipv6PrefixBits: 64,
})
const plans = [plan('slow', 1, 1, 2), plan('quick', 7, 1, 5), plan('odd', 1000, 3600, 30)]

/** What the store keeps, kept by the engine's own functions: what a bucket lacks, since when, and what its caller was told. */
class Oracle {
  readonly #buckets = new Map<string, { owedMs: number; atUs: number; held: HeldBack | null }>()

  take(draws: readonly StoreDraw[], nowUs: number) {
    const before = draws.map(({ name }) => {
      const known = this.#buckets.get(name)
      return known ? Math.max(0, known.owedMs - (nowUs - known.atUs) / 1000) : 0
    })
    const judged = draws.map(({ limit, cost }, index) => draw(before[index], paceOf(limit), cost, 0))
    const allowed = judged.every((one) => one.allowed)
    const buckets = draws.map(({ limit, name, cost, most }, index) => {
      const owedMs = before[index] as number
      const known = this.#buckets.get(name)
      const one = judged[index]
      if (allowed) {
        const left = peek(owedMs, paceOf(limit), 0).remaining
        const taken = most > cost ? Math.max(cost, Math.min(most, left)) : cost
        const after = taken === 0 ? owedMs : draw(owedMs, paceOf(limit), taken, 0).fullAtMs
        if (after > 0) this.#buckets.set(name, { owedMs: after, atUs: nowUs, held: known?.held ?? null })
        return { owedMs, taken, backOffMs: 0 }
      }
      if (!one || one.allowed) return { owedMs, taken: 0, backOffMs: 0 }
      const held = holdBack(known?.held ?? null, one.retryMs, nowUs / 1000)
      this.#buckets.set(name, { owedMs, atUs: nowUs, held })
      return { owedMs, taken: 0, backOffMs: held.toldAtMs + held.waitMs - nowUs / 1000 }
    })
    return { allowed, buckets }
  }
}

/** Instants at which buckets are full again, as the counters in memory keep them. */
function absolute() {
  const buckets = new Map<string, number>()
  return (draws: readonly StoreDraw[], nowMs: number) => {
    const drawn = draws.map(({ limit, name, cost }) => draw(buckets.get(name), paceOf(limit), cost, nowMs))
    const allowed = drawn.every((one) => one.allowed)
    if (allowed)
      for (const [index, one] of drawn.entries()) buckets.set((draws[index] as StoreDraw).name, one.fullAtMs)
    return { allowed, retryMs: drawn.map(({ retryMs }) => Math.round(retryMs * 1000)) }
  }
}

const request = fc.record({
  waitUs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 1_500_000 })),
  keys: fc.tuple(...plans.map(() => fc.integer({ min: 0, max: 2 }))),
  limits: fc.subarray([0, 1, 2], { minLength: 1 }),
  cost: fc.integer({ min: 0, max: 3 }),
  lease: fc.oneof(
    { weight: 3, arbitrary: fc.constant(0) },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: 6 }) },
  ),
})
type Asked = typeof request extends fc.Arbitrary<infer T> ? T : never

function drawsOf({ limits, keys, cost, lease }: Asked): readonly StoreDraw[] {
  return limits.map((index) => {
    const limit = plans[index] as LimitPlan
    return { limit, name: bucketName(limit, keyNamed(`k${keys[index]}`)), cost, most: cost + lease }
  })
}

/** @param startS seconds since 1970, for the precision that is left of today's instants */
async function compare(requests: readonly Asked[], leases: boolean, startS: number): Promise<void> {
  await redis.flushall()
  const buckets = new RedisBuckets({
    redis,
    circuit: idle,
    deadlineMs: 5000,
    partOf: () => 0,
    script: lasting,
  })
  const [oracle, instants] = [new Oracle(), absolute()]
  let nowUs = startS * 1e6
  for (const asked of requests) {
    nowUs += asked.waitUs
    await redis.mset('clock:s', `${Math.floor(nowUs / 1e6)}`, 'clock:us', `${nowUs % 1e6}`)
    const draws = drawsOf(leases ? asked : { ...asked, lease: 0 })
    const answer = await buckets.take(draws)
    assert.ok(answer.kind === 'taken')
    const expected = oracle.take(draws, nowUs)
    const exact = ({ owedMs, taken }: { owedMs: number; taken: number }) => ({ owedMs, taken })
    assert.equal(answer.allowed, expected.allowed)
    assert.deepEqual(answer.buckets.map(exact), expected.buckets.map(exact))
    for (const [index, { backOffMs }] of answer.buckets.entries())
      assert.ok(
        Math.abs(backOffMs - (expected.buckets[index]?.backOffMs ?? 0)) < 0.01,
        'the hint is that of holdBack',
      )
    if (leases) continue
    const naive = instants(draws, (nowUs - startS * 1e6) / 1000 + 1)
    assert.equal(answer.allowed, naive.allowed)
    const retries = draws.map(
      ({ limit, cost }, index) => draw(answer.buckets[index]?.owedMs, paceOf(limit), cost, 0).retryMs,
    )
    assert.deepEqual(
      retries.map((ms) => Math.round(ms * 1000)),
      naive.retryMs,
    )
  }
}

test('takes of the script are those of the pure draw, whatever comes in whatever order, today and in fifty years', async () => {
  for (const startS of [1_790_000_000, 3_400_000_000])
    await fc.assert(
      fc.asyncProperty(fc.array(request, { maxLength: 80 }), (requests) => compare(requests, false, startS)),
      { numRuns: 40, seed: 5 },
    )
})

test('and so are those of a lease, which takes more than it needs where there is more', () =>
  fc.assert(
    fc.asyncProperty(fc.array(request, { maxLength: 80 }), (requests) =>
      compare(requests, true, 1_790_000_000),
    ),
    { numRuns: 40, seed: 6 },
  ))

test('takes that travel together are decided one after the other', async () => {
  await redis.flushall()
  await redis.mset('clock:s', '1790000000', 'clock:us', '5')
  const buckets = new RedisBuckets({
    redis,
    circuit: idle,
    deadlineMs: 5000,
    partOf: () => 0,
    script: lasting,
  })
  const oracle = new Oracle()
  const all = Array.from({ length: 200 }, (_, turn) =>
    drawsOf({
      waitUs: 0,
      keys: [turn % 3, turn % 2, 0],
      limits: turn % 2 === 0 ? [0, 1, 2] : [2, 1],
      cost: turn % 3,
      lease: 0,
    }),
  )
  const answers = await Promise.all(all.map((draws) => buckets.take(draws)))
  for (const [index, answer] of answers.entries()) {
    assert.ok(answer.kind === 'taken')
    assert.equal(
      answer.allowed,
      oracle.take(all[index] as readonly StoreDraw[], 1_790_000_000_000_005).allowed,
    )
  }
})

test('a clock that is set back counts as no time passed: no token is made, and nobody waits for it to come again', async () => {
  await redis.flushall()
  const buckets = new RedisBuckets({
    redis,
    circuit: idle,
    deadlineMs: 5000,
    partOf: () => 0,
    script: lasting,
  })
  const limit = plan('back', 1, 1, 1)
  const at = async (second: number) => {
    await redis.mset('clock:s', `${1_790_000_000 + second}`, 'clock:us', '0')
    const answer = await buckets.take([{ limit, name: bucketName(limit, keyNamed('k')), cost: 1, most: 1 }])
    assert.ok(answer.kind === 'taken')
    return [answer.allowed, answer.buckets[0]?.backOffMs]
  }
  const hour = 3600
  assert.deepEqual(await at(hour), [true, 0])
  assert.deepEqual(await at(hour), [false, 1000])
  assert.deepEqual(await at(0), [false, 1000], 'the hint of before, which has not grown by an hour')
  assert.deepEqual(await at(1), [true, 0])
})

test('the clock is that of the server: no instant is sent, and a bucket leaves when it is full', async () => {
  await redis.flushall()
  assert.ok(takeScript().includes(`redis.call('TIME')`))
  const buckets = new RedisBuckets({ redis, circuit: idle, deadlineMs: 5000, partOf: () => 0 })
  const limit = plan('brief', 1, 1, 5)
  const name = bucketName(limit, keyNamed('alice'))
  const take = () => buckets.take([{ limit, name, cost: 2, most: 2 }])
  await take()
  const leftMs = await redis.pttl(name)
  assert.ok(leftMs > 1000 && leftMs <= 2000, `${leftMs}`)
  assert.ok(!name.includes('alice'))
  await new Promise((resolve) => setTimeout(resolve, 2050))
  assert.equal(await redis.exists(name), 0)
  const again = await take()
  assert.deepEqual(again.kind === 'taken' && again.buckets[0]?.owedMs, 0)
})

test('the largest bucket that can be written keeps what it owes, and stays exact, down to its last token', async () => {
  await redis.flushall()
  const buckets = new RedisBuckets({ redis, circuit: idle, deadlineMs: 5000, partOf: () => 0 })
  const vast = plan('vast', 1, 2_592_000, 1_000_000_000)
  const name = bucketName(vast, keyNamed('k'))
  const take = async (cost: number) => {
    const answer = await buckets.take([{ limit: vast, name, cost, most: cost }])
    assert.ok(answer.kind === 'taken')
    return answer.allowed
  }
  for (let turn = 0; turn < 999; turn++) assert.equal(await take(1_000_000), true)
  assert.equal(await take(999_999), true)
  assert.deepEqual([await take(2), await take(1), await take(1)], [false, true, false])
})

test('tokens that come back fill a bucket up to its brim', async () => {
  await redis.flushall()
  const up = { up: true, answered() {}, failed() {} } as unknown as StoreCircuit
  const buckets = new RedisBuckets({ redis, circuit: up, deadlineMs: 5000, partOf: () => 0 })
  const limit = plan('day', 10, 86_400, 10)
  const name = bucketName(limit, keyNamed('k'))
  const left = async (cost: number) => {
    const answer = await buckets.take([{ limit, name, cost, most: cost }])
    assert.ok(answer.kind === 'taken')
    return peek(answer.buckets[0]?.owedMs, paceOf(limit), 0).remaining
  }
  await left(6)
  await buckets.giveBack([{ limit, name, count: 2 }])
  assert.equal(await left(0), 6)
  await buckets.giveBack([{ limit, name, count: 9 }])
  assert.equal(await left(0), 10)
  assert.equal(await redis.exists(name), 0)
})
