import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { RedisSettings } from '../../src/program/settings.ts'
import { connectOne } from '../../src/stores/redis.ts'
import { RedisScript } from '../../src/stores/redis-script.ts'
import { heartbeatScript } from '../../src/stores/redis-scripts.ts'
import { startRedis, type TestRedis } from '../harness/redis.ts'
import {
  allowedOf,
  type CountingGateway,
  pause,
  remaining,
  sharedLimit,
  startCounting,
} from '../harness/store-counters.ts'
import { until } from '../harness/until.ts'

// Gateways that share limits in Debian's redis-server.

let redis: TestRedis
let settings: RedisSettings
let one: CountingGateway
let two: CountingGateway

before(async () => {
  redis = await startRedis()
  // A server that is there is not late on a busy machine.
  settings = { ...redis.settings, deadlineMs: 5000 }
  one = await startCounting(settings)
  two = await startCounting(settings)
})
after(async () => {
  await one.stop()
  await two.stop()
  await redis.stop()
})

test('F2 of takes in parallel at two gateways exactly as many pass as the bucket holds', async () => {
  const limit = sharedLimit('burst', 500, 500)
  assert.equal(await allowedOf([one, two], 2000, [limit]), 500)
})

test('all limits or none: where one denies, no other is charged, shared or local', async () => {
  const [wide, narrow] = [sharedLimit('wide', 100, 100), sharedLimit('narrow', 3, 3)]
  const local = sharedLimit('alone', 50, 50, null)
  const all = [wide, local, narrow]
  for (let turn = 0; turn < 3; turn++) assert.equal((await one.take(all)).allowed, true)
  for (const gateway of [one, two]) {
    const denied = await gateway.take(all)
    assert.equal(denied.allowed, false)
    assert.deepEqual(remaining(denied), [97, gateway === one ? 47 : 50, 0])
    assert.deepEqual(
      denied.states.map(({ retryMs }) => retryMs > 0),
      [false, false, true],
    )
  }
})

test('where a local limit denies, what the store gave goes back', async () => {
  const [wide, local] = [sharedLimit('wide-again', 100, 100), sharedLimit('alone-again', 1, 1, null)]
  assert.equal((await one.take([wide, local])).allowed, true)
  const denied = await one.take([wide, local])
  assert.equal(denied.allowed, false)
  assert.deepEqual(remaining(denied), [99, 0])
  await until(async () => remaining(await two.take([wide], undefined, 0))[0] === 99, 'the token')
})

test('who hammers a local limit takes nothing of what it shares with others, not for a moment', async () => {
  const [tenant, local] = [sharedLimit('tenant', 10, 10), sharedLimit('of-each', 2, 2, null)]
  assert.equal((await one.take([tenant, local], 'all', 2)).allowed, true)
  const storm = Array.from({ length: 40 }, () => one.take([tenant, local], 'all', 2))
  const others = Array.from({ length: 8 }, () => two.take([tenant], 'all'))
  const denied = await Promise.all(storm)
  assert.ok((await Promise.all(others)).every(({ allowed }) => allowed))
  for (const { allowed, states } of denied) {
    assert.equal(allowed, false)
    assert.ok((states[1]?.retryMs ?? 0) > 0)
  }
  assert.deepEqual(remaining(await two.take([tenant], 'all', 0)), [0])
})

test('who hammers a local limit that has fewer tokens than its requests cost is asked to stay away longer', async () => {
  const [shared, local] = [sharedLimit('beside', 10, 10), sharedLimit('costs-two', 1440, 2, null)]
  assert.equal((await one.take([shared, local], 'hammering')).allowed, true)
  const hints: number[] = []
  for (let times = 0; times < 3; times++) {
    hints.push(
      Math.round(((await one.take([shared, local], 'hammering', 2)).states[1]?.backOffMs ?? 0) / 10_000),
    )
    await pause(1100)
  }
  assert.deepEqual(hints, [6, 12, 23])
})

test('a request that costs more takes more, and one that asks takes nothing', async () => {
  const limit = sharedLimit('costly', 10, 10)
  assert.deepEqual(remaining(await one.take([limit], 'k', 4)), [6])
  assert.deepEqual(remaining(await two.take([limit], 'k', 0)), [6])
  const denied = await two.take([limit], 'k', 7)
  assert.equal(denied.allowed, false)
  assert.equal(Math.round((denied.states[0]?.retryMs ?? 0) / 1000), 8640)
})

test('F6 what has happened is charged to an empty bucket too, and whoever asks at either gateway waits for all of it', async () => {
  const limit = { ...sharedLimit('owed', 24, 2), overdraws: true } as const
  for (const gateway of [one, two, one, two, one]) assert.equal((await gateway.take([limit])).allowed, true)
  const asked = await two.take([limit], undefined, 0)
  assert.equal(asked.allowed, false)
  assert.deepEqual(remaining(asked), [0])
  assert.equal(Math.round((asked.states[0]?.retryMs ?? 0) / 3_600_000), 4)
})

test('who keeps coming too early is told to stay away longer, by whichever gateway', async () => {
  const limit = sharedLimit('hammered', 24, 1)
  await one.take([limit])
  const hints: number[] = []
  for (const gateway of [one, two, one]) {
    hints.push(Math.round(((await gateway.take([limit])).states[0]?.backOffMs ?? 0) / 1000))
    await pause(1010)
  }
  assert.ok((hints[1] ?? 0) >= 3590 && (hints[1] ?? 0) <= 3600, `${hints}: up to an hour`)
  const short = sharedLimit('hammered-short', 1440, 1)
  await one.take([short])
  const longer: number[] = []
  for (const gateway of [one, two]) {
    longer.push(Math.round(((await gateway.take([short])).states[0]?.backOffMs ?? 0) / 10_000))
    await pause(1010)
  }
  assert.deepEqual(longer, [6, 12])
})

test('gateways know how many they are; one that stops leaves, and one that crashed is not counted for ever', async () => {
  const third = await startCounting(settings)
  assert.equal(third.figures.gateways, 3)
  await until(() => one.figures.gateways === 3, 'the others to know')
  await third.stop()
  await until(() => one.figures.gateways === 2, 'the others to know')
  const admin = await new Promise<Awaited<ReturnType<typeof connectOne>>>((resolve, reject) => {
    const made = connectOne(redis.settings, () => void made.then(resolve))
    made.catch(reject)
  })
  const heartbeat = new RedisScript(heartbeatScript)
  const beat = async (gateway: string) => heartbeat.run(admin, ['beats'], [gateway, '1000'])
  assert.deepEqual([await beat('a'), await beat('b'), await beat('a')], [1, 2, 2])
  await pause(1050)
  assert.equal(await beat('a'), 1)
  admin.disconnect()
})

test('leased: most takes ask nobody, and what all gateways let through errs by what they hold', async () => {
  const lease = 10
  const limit = sharedLimit('leased', 1000, 1000, { mode: 'leased', lease })
  const before = one.figures
  let allowed = 0
  for (let turn = 0; turn < 700; turn++)
    for (const gateway of [one, two]) if ((await gateway.take([limit])).allowed) allowed++
  assert.ok(allowed <= 1000 + 2 * lease && allowed >= 1000 - 2 * lease, `${allowed}`)
  const asked = one.figures.answered - before.answered
  assert.ok(asked < 100, `${asked} of 700 takes asked`)
})

test('leased: in a span in which the bucket refills, at most workers × lease more pass than it lets through', async () => {
  const lease = 5
  const limit = sharedLimit('refilling', 20, 10, { mode: 'leased', lease }, 1)
  for (const gateway of [one, two]) await gateway.take([limit])
  await pause(600)
  const startedMs = performance.now()
  let allowed = 0
  let atMs = startedMs
  let overflown = 0
  while (atMs - startedMs < 1500) {
    allowed += await allowedOf([one, two], 10, [limit])
    const sinceMs = performance.now() - atMs
    atMs += sinceMs
    // What comes while nobody takes, and the bucket does not hold.
    overflown += Math.max(0, (20 * sinceMs) / 1000 - 10)
  }
  const fair = 10 + (20 * (atMs - startedMs)) / 1000
  assert.ok(allowed <= fair + 2 * lease, `${allowed} of ${fair}`)
  assert.ok(allowed >= fair - overflown - 2 * lease - 1, `${allowed} of ${fair}, ${overflown} lost`)
})

test('leased: takes at once at one gateway neither wait in a row nor hold more than a lease', async () => {
  const limit = sharedLimit('parallel', 300, 300, { mode: 'leased', lease: 4 })
  assert.equal(await allowedOf([one], 200, [limit]), 200)
  const left = await allowedOf([two], 300, [limit])
  assert.ok(left <= 100 && left >= 100 - 2 * 4, `${left}`)
})

test('leased: tokens that nobody spends go back; those of a gateway that stops at once', async () => {
  const limit = sharedLimit('idle', 100, 100, { mode: 'leased', lease: 40 })
  const third = await startCounting(settings)
  await third.take([limit])
  assert.deepEqual(remaining(await two.take([sharedLimit('idle', 100, 100)], undefined, 0)), [59])
  await third.stop()
  assert.deepEqual(remaining(await two.take([sharedLimit('idle', 100, 100)], undefined, 0)), [99])
  await one.take([limit])
  await until(
    async () => remaining(await two.take([sharedLimit('idle', 100, 100)], undefined, 0))[0] === 98,
    'the tokens',
  )
})

test('leased beside exact: what the exact limit denies does not cost the lease', async () => {
  const leased = sharedLimit('lent', 100, 100, { mode: 'leased', lease: 10 })
  const exact = sharedLimit('hard', 2, 2)
  for (let turn = 0; turn < 6; turn++) await one.take([leased, exact])
  const denied = await one.take([leased, exact])
  assert.equal(denied.allowed, false)
  assert.deepEqual(remaining(denied), [98, 0])
})

test('leased: who was denied is denied again without asking, and told to stay away longer', async () => {
  const limit = sharedLimit('spent', 10, 10, { mode: 'leased', lease: 5 })
  // What was borrowed ahead may still be on its way.
  for (let denials = 0; denials < 5; await pause(5)) if (!(await one.take([limit])).allowed) denials++
  const before = one.figures.answered
  for (let turn = 0; turn < 50; turn++) assert.equal((await one.take([limit])).allowed, false)
  assert.ok(one.figures.answered - before <= 1)
  const [state] = (await one.take([limit])).states
  assert.ok((state?.retryMs ?? 0) > 0 && (state?.backOffMs ?? 0) >= (state?.retryMs ?? 0))
})
