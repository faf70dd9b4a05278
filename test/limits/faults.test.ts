import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import type { RedisSettings } from '../../src/program/settings.ts'
import { connectOne } from '../../src/stores/redis.ts'
import { freePort } from '../harness/free-port.ts'
import { settingsOf, startRedis, type TestRedis } from '../harness/redis.ts'
import { startSlowProxy } from '../harness/slow-proxy.ts'
import {
  allowedOf,
  type CountingGateway,
  pause,
  remaining,
  sharedLimit,
  startCounting,
} from '../harness/store-counters.ts'
import { until } from '../harness/until.ts'

// F5: a server that is stopped, paused, slow, refusing, or restarted empty; each limit does what it says.

let redis: TestRedis
const started: CountingGateway[] = []
/** So long that a server that is there is not late on a busy machine. */
const deadlineMs = 500
const patient = (settings: RedisSettings, ms = deadlineMs): RedisSettings => ({ ...settings, deadlineMs: ms })

before(async () => {
  redis = await startRedis()
})
after(() => redis.stop())
afterEach(async () => {
  for (const gateway of started.splice(0)) await gateway.stop()
})

async function gateway(
  settings: RedisSettings = patient(redis.settings),
  unready?: 'unready',
): Promise<CountingGateway> {
  const made = await startCounting(settings, unready)
  started.push(made)
  return made
}

/** Two gateways before an empty server; the first knows of the second. */
async function pair(): Promise<readonly [CountingGateway, CountingGateway]> {
  await forget()
  const other = await gateway()
  const one = await gateway()
  assert.equal(one.figures.gateways, 2)
  return [one, other]
}

/** Empties the server. */
async function forget(): Promise<void> {
  await redis.kill()
  await redis.start()
}

const isUp = (one: CountingGateway) => () => one.figures.up === 1
const isDown = (one: CountingGateway) => () => one.figures.up === 0
const limits = (name: string) => ({
  local: sharedLimit(`${name}-local`, 20, 20),
  deny: sharedLimit(`${name}-deny`, 20, 20, { onStoreFault: 'deny' }),
  allow: sharedLimit(`${name}-allow`, 2, 2, { onStoreFault: 'allow' }),
})

/** What is promised while the server is not to be had, to a gateway that knew of two. */
async function assertWithoutStore(one: CountingGateway, name: string): Promise<void> {
  const { local, deny, allow } = limits(name)
  assert.equal(await allowedOf([one], 30, [local]), 10, 'local: exactly the share of one of two gateways')
  const denied = await one.take([deny, local, allow], 'another')
  assert.equal(denied.allowed, false)
  assert.deepEqual(denied.outage, { limits: [deny.name], retryAfterSeconds: 5 })
  assert.equal(remaining(await one.take([local], 'another', 0))[0], 10, 'what deny denies costs nothing')
  assert.equal(await allowedOf([one], 50, [allow]), 50, 'allow: everybody')
}

test('stopped: lost and back are said once; the outage costs no waiting; empty buckets are full', async () => {
  const [one] = await pair()
  const { local } = limits('stopped')
  assert.equal((await one.take([local], 'before')).allowed, true)
  await redis.kill()
  await until(isDown(one), 'lost')
  const startedMs = performance.now()
  await assertWithoutStore(one, 'stopped')
  assert.ok(performance.now() - startedMs < deadlineMs, 'nobody waits for a server that is known to be gone')
  await pause(500)
  await redis.start()
  await until(isUp(one), 'back')
  assert.equal(remaining(await one.take([local], 'before'))[0], 19, 'a server that was restarted empty')
  assert.deepEqual(
    one.events.map(({ event }) => event),
    ['store_lost', 'store_back'],
  )
})

test('restarted empty and lost again before it heard of all: the share is that of one of two gateways still', async () => {
  const [one, other] = await pair()
  await until(() => other.figures.gateways === 2, 'the first to be known')
  for (let time = 0; time < 2; time++) {
    await redis.kill()
    await until(isDown(one), 'lost')
    await until(isDown(other), 'lost')
    if (time === 1) break
    await redis.start()
    await until(isUp(one), 'back')
    await until(isUp(other), 'back')
  }
  const { local } = limits('unsteady')
  assert.equal(await allowedOf([one], 30, [local]), 10)
  assert.equal(await allowedOf([other], 30, [local]), 10)
  await redis.start()
})

test('stopped with takes under way: each is answered, none rejects', async () => {
  const [one] = await pair()
  const { local } = limits('underway')
  const answers = Array.from({ length: 40 }, (_, turn) => one.take([local], `k${turn % 4}`))
  await redis.kill()
  for (const answer of await Promise.all(answers)) assert.equal(answer.allowed, true)
  await redis.start()
  await until(isUp(one), 'back')
})

test('paused: the first takes wait for the deadline and are then counted here; afterwards nobody waits', async () => {
  const [one] = await pair()
  const { local } = limits('paused')
  redis.pause()
  const startedMs = performance.now()
  assert.equal(await allowedOf([one], 30, [local], 'first'), 10)
  const tookMs = performance.now() - startedMs
  assert.ok(tookMs >= deadlineMs - 5 && tookMs < 4 * deadlineMs, `${tookMs}`)
  await until(async () => {
    await one.take([local], 'probing')
    return one.figures.up === 0
  }, 'lost')
  const knownMs = performance.now()
  await assertWithoutStore(one, 'paused')
  assert.ok(performance.now() - knownMs < deadlineMs)
  redis.resume()
  await until(isUp(one), 'back')
  assert.equal((await one.take([local], 'after')).allowed, true)
})

test('paused for longer than a connection is waited for: it comes back over another', async () => {
  const [one] = await pair()
  const { local } = limits('long')
  redis.pause()
  await until(async () => {
    await one.take([local], 'probing')
    return one.figures.up === 0
  }, 'lost')
  await pause(3000)
  redis.resume()
  await until(isUp(one), 'back')
  assert.equal((await one.take([local])).allowed, true)
})

test('slow: a server past the deadline is a server that is gone, until it is fast again', async () => {
  await forget()
  const proxy = await startSlowProxy(redis.port)
  // Three takes are late before the next sign of life is.
  const slow = patient(settingsOf({ kind: 'one', url: `redis://127.0.0.1:${proxy.port}` }), 250)
  const one = await gateway(slow)
  const { local } = limits('slow')
  proxy.delayMs = 250
  for (let turn = 0; turn < 3; turn++) assert.equal((await one.take([local], `${turn}`)).allowed, true)
  assert.equal(one.figures.up, 0)
  assert.equal(one.figures.late, 3)
  await pause(1500)
  assert.equal(one.figures.up, 0)
  assert.ok(one.events.length === 1)
  proxy.delayMs = 0
  await until(isUp(one), 'back')
  const before = one.figures.answered
  await one.take([local], 'after')
  assert.equal(one.figures.answered, before + 1)
  for (const gateway of started.splice(0)) await gateway.stop()
  await proxy.stop()
})

test('refusing: no rights (ACL), no more clients, no memory; each is a server that is gone', async () => {
  const [one] = await pair()
  const { local } = limits('refusing')
  const admin = await adminOf(redis)
  await admin.config('SET', 'maxmemory', '1')
  await until(async () => {
    await one.take([local], 'memory')
    return one.figures.up === 0
  }, 'lost for want of memory')
  assert.match(JSON.stringify(one.events.at(-1)), /OOM/)
  await admin.config('SET', 'maxmemory', '0')
  await until(isUp(one), 'back')

  await admin.call('ACL', 'SETUSER', 'default', 'resetkeys', '~other:*')
  await until(async () => {
    await one.take([local], 'rights')
    return one.figures.up === 0
  }, 'lost for want of rights')
  assert.match(JSON.stringify(one.events.at(-1)), /NOPERM|permission/i)
  await admin.call('ACL', 'SETUSER', 'default', 'allkeys')
  await until(isUp(one), 'back')

  await admin.config('SET', 'maxclients', '1')
  await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
  await until(isDown(one), 'lost for want of room')
  await pause(300)
  assert.equal(one.figures.up, 0)
  assert.equal((await one.take([local], 'room')).allowed, true)
  await admin.config('SET', 'maxclients', '100')
  await until(isUp(one), 'back')
  admin.disconnect()
})

test('a master that became a replica is lost by that name, and asked ever more seldom; then it comes back', async () => {
  await forget()
  const one = await gateway()
  const { local } = limits('replica')
  const admin = await adminOf(redis)
  const connections = async () =>
    Number(/total_connections_received:(\d+)/.exec(await admin.info('stats'))?.[1])
  await admin.replicaof('127.0.0.1', 1)
  await one.take([local])
  await until(isDown(one), 'lost')
  assert.deepEqual(
    one.events.map((event) => ('detail' in event ? event.detail : event.event)),
    ['Redis READONLY'],
  )
  const before = await connections()
  await pause(4000)
  const made = (await connections()) - before
  assert.ok(made <= 8, `${made} connections in 4 s`)
  await admin.replicaof('NO', 'ONE')
  await until(isUp(one), 'back')
  admin.disconnect()
})

test('leased: what is on loan stays good without the server', async () => {
  const [one] = await pair()
  const limit = sharedLimit('lent', 100, 100, { mode: 'leased', lease: 10, onStoreFault: 'deny' })
  await one.take([limit])
  await redis.kill()
  await until(isDown(one), 'lost')
  const { borrowed } = one.figures
  let good = 0
  while ((await one.take([limit])).allowed) good++
  assert.equal(good, 10)
  assert.equal(one.figures.borrowed, borrowed, 'nobody is asked for more')
  assert.deepEqual((await one.take([limit])).outage?.limits, ['lent'])
  await redis.start()
  await until(isUp(one), 'back')
  assert.equal((await one.take([limit])).allowed, true)
})

test('a share that holds less than a request costs is raised to that', async () => {
  const [one] = await pair()
  const limit = sharedLimit('dear', 6, 6)
  await redis.kill()
  await until(isDown(one), 'lost')
  assert.equal((await one.take([limit], 'k', 5)).allowed, true)
  assert.equal((await one.take([limit], 'k', 5)).allowed, false)
  await redis.start()
  await until(isUp(one), 'back')
})

test('a gateway that finds no server at its start says so once, counts by itself, and comes up by itself', async () => {
  const port = await freePort()
  const settings = patient(settingsOf({ kind: 'one', url: `redis://127.0.0.1:${port}` }))
  const late = await gateway(settings, 'unready')
  const { local } = limits('late')
  assert.equal(late.waitingFor(), 'the store of limits')
  assert.equal((await late.take([local])).allowed, true)
  await until(() => late.events.length > 0, 'said')
  const server = await startRedis(port)
  await until(() => late.waitingFor() === null, 'up')
  assert.deepEqual(
    late.events.map(({ event }) => event),
    ['store_lost', 'store_back'],
  )
  await late.stop()
  started.length = 0
  await server.stop()
})

test('a worker that takes the place of another counts nothing by itself while the server answers, and waits a second at most', async () => {
  const limit = sharedLimit('replaced', 10, 10)
  const [one] = await pair()
  assert.equal(await allowedOf([one], 10, [limit]), 10)
  const replacing = async (settings = patient(redis.settings)) => {
    const startedMs = performance.now()
    const made = await startCounting(settings, 'unready', 2)
    started.push(made)
    return { made, tookMs: performance.now() - startedMs }
  }
  const { made } = await replacing()
  assert.equal((await made.take([limit])).allowed, false)
  assert.deepEqual([made.figures.answered, made.figures.skipped], [1, 0])

  const port = await freePort()
  // Of two, as a machine that stands still for a moment makes one longer.
  const shorter = async (settings: RedisSettings) =>
    Math.min((await replacing(settings)).tookMs, (await replacing(settings)).tookMs)
  const goneMs = await shorter(patient(settingsOf({ kind: 'one', url: `redis://127.0.0.1:${port}` })))
  assert.ok(goneMs < 900, `${goneMs.toFixed(0)} ms for one that refuses`)
  redis.pause()
  const hungMs = await shorter(patient(redis.settings))
  redis.resume()
  assert.ok(hungMs < 1900, `${hungMs.toFixed(0)} ms for one that hangs`)
})

async function adminOf({ settings }: TestRedis): Promise<Awaited<ReturnType<typeof connectOne>>> {
  return new Promise((resolve, reject) => {
    const made = connectOne(settings, () => void made.then(resolve))
    made.catch(reject)
  })
}
