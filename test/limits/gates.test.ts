import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Worker } from 'node:worker_threads'
import { parseList } from 'structured-headers'
import { ask, assertNotForwarded } from '../harness/ask.ts'
import { freePort } from '../harness/free-port.ts'
import { startGate, type TestGate } from '../harness/gate.ts'
import { startIssuer, type TestIssuer } from '../harness/issuer.ts'
import { metric } from '../harness/metric.ts'
import { startCluster, startRedis, type TestRedis } from '../harness/redis.ts'
import { until } from '../harness/until.ts'

// Two gates before Debian's redis-server: what clients, the log and the metrics see of limits they share.

let redis: TestRedis
let issuer: TestIssuer
let one: TestGate
let two: TestGate

const limits = `[
  { name: s, by: subject, rate: 40/day },
  { name: lent, by: [subject, operation], rate: 1000/day, mode: leased, lease: 20 },
  { name: hard, by: "token.hard", rate: 1000/day, onStoreFault: deny },
  { name: door, by: address, rate: 100000/day }
]`

before(async () => {
  redis = await startRedis()
  issuer = await startIssuer()
  one = await start()
  two = await start()
})
after(async () => {
  await one.stop()
  await two.stop()
  await redis.stop()
})

const shared = () => `state: { redis: "${redis.url}", deadline: 1s }`
const start = (more = shared(), unready = false) => startGate({ issuer, limits, more, unready })

const isUp = (gate: TestGate, up: number) => async () =>
  (await metric(gate, 'portcullis_limit_store_up')) === up

test('F2 of a burst at two gates exactly as many pass as the bucket they share holds', async () => {
  const token = await issuer.token({ sub: 'burst' })
  const replies = await Promise.all(
    Array.from({ length: 100 }, (_, turn) => ask(turn % 2 === 0 ? one : two, '/things', { token })),
  )
  assert.equal(replies.filter(({ status }) => status === 200).length, 40)
  assert.equal(replies.filter(({ status }) => status === 429).length, 60)
  const denied = replies.find(({ status }) => status === 429)
  const left = parseList(denied?.fields.get('ratelimit') ?? '').map(([name, all]) => [name, all.get('r')])
  assert.deepEqual(
    left.find(([name]) => name === 's'),
    ['s', 0],
  )
  assert.ok(Number(denied?.fields.get('retry-after')) > 2000)
  await until(async () => (await metric(one, 'portcullis_limit_store_gateways')) >= 1, 'the gateways')
})

test('limits by address alone are counted in each gate, and ask nobody', async () => {
  const asked = async () => metric(one, 'portcullis_limit_store_takes_total{outcome="answered"}')
  const before = await asked()
  for (let turn = 0; turn < 5; turn++) await ask(one, '/nowhere')
  for (let turn = 0; turn < 5; turn++) await ask(one, '/things', { token: 'a.b.c' })
  assert.equal(await asked(), before, 'who is not known makes no round trip')
})

test('of limits over a day what each gate counts by itself is kept over its restart', async (t) => {
  const stateDir = mkdtempSync(join(tmpdir(), 'portcullis-shared-'))
  t.after(() => rmSync(stateDir, { recursive: true }))
  const passed = async () => {
    const gate = await startGate({
      limits: '[{ name: door, by: address, rate: 5/day }]',
      more: `${shared()}\nstateDir: ${stateDir}`,
    })
    const replies = [await ask(gate, '/public'), await ask(gate, '/public'), await ask(gate, '/public')]
    await gate.stop()
    return replies.filter(({ status }) => status === 200).length
  }
  assert.equal(await passed(), 3)
  assert.equal(await passed(), 2)
})

test('F5 without the server: shares, 503 where a limit says so, one line each way; then as before', async () => {
  const [plain, hard] = [
    await issuer.token({ sub: 'plain', hard: 'yes' }),
    await issuer.token({ sub: 'hard', hard: 'no' }),
  ]
  assert.equal((await ask(one, '/things', { token: plain })).status, 200)
  await redis.kill()
  await until(isUp(one, 0), 'lost')
  const denied = await assertNotForwarded(
    one,
    ask(one, '/things', { token: hard }),
    503,
    'limiter_unavailable',
  )
  assert.equal(denied.fields.get('retry-after'), '5')
  const line = await one.logged(({ reason }) => reason === 'limiter_unavailable')
  assert.equal(line.stage, 'limit')
  assert.match(`${line.detail}`, /let nobody through without it: hard$/)
  assert.ok(!denied.body.includes('hard'))
  assert.equal(
    (await fetch(`${one.gateway.addresses.admin}/readyz`)).status,
    200,
    'it was ready, and stays so',
  )
  assert.ok((await metric(one, 'portcullis_limit_store_faults_total{mode="deny"}')) > 0)
  await redis.start()
  await until(isUp(one, 1), 'back')
  assert.equal((await ask(one, '/things', { token: hard })).status, 200)
  for (const event of ['store_lost', 'store_back'])
    assert.equal(one.log.filter((entry) => entry.event === event).length, 1, event)
})

test('a limit whose rate changes between a time below a day and one of a day or more starts full, in the store too', async () => {
  const gate = await startGate({ limits, more: shared() })
  const token = await gate.issuer.token({ sub: 'changing' })
  const passed = async () => {
    const replies = await Promise.all(Array.from({ length: 41 }, () => ask(gate, '/things', { token })))
    return replies.filter(({ status }) => status === 200).length
  }
  assert.equal(await passed(), 40)
  gate.configure(readFileSync(gate.configurationFile, 'utf8').replace('40/day', '40/h'))
  assert.ok(await gate.gateway.reload())
  assert.equal(await passed(), 40)
  await gate.stop()
})

test('limits are shared until the restart with which another state applies', async () => {
  const own = await startIssuer()
  const [stays, gate] = [
    await startGate({ issuer: own, limits, more: shared() }),
    await startGate({ issuer: own, limits, more: shared() }),
  ]
  const token = await own.token({ sub: 'restarting' })
  gate.configure(readFileSync(gate.configurationFile, 'utf8').replace(/^state:.*$/m, ''))
  assert.ok(await gate.gateway.reload())
  const replies = await Promise.all(
    Array.from({ length: 60 }, (_, turn) => ask(turn % 2 === 0 ? stays : gate, '/things', { token })),
  )
  assert.equal(replies.filter(({ status }) => status === 200).length, 40)
  await gate.stop()
  await stays.stop()
})

test('F2 gates before a cluster start, and share its buckets', async () => {
  const nodes = await startCluster()
  const more = `state: { cluster: ["${nodes[0]?.url}"], deadline: 1s }`
  const own = await startIssuer()
  const [left, right] = [
    await startGate({ issuer: own, limits, more }),
    await startGate({ issuer: own, limits, more }),
  ]
  const token = await own.token({ sub: 'clustered' })
  const replies = await Promise.all(
    Array.from({ length: 100 }, (_, turn) => ask(turn % 2 === 0 ? left : right, '/things', { token })),
  )
  assert.equal(replies.filter(({ status }) => status === 200).length, 40)
  assert.equal(replies.filter(({ status }) => status === 429).length, 60)
  for (const each of [left, right, ...nodes]) await each.stop()
})

test('F5 a worker that takes the place of another while the server is gone counts by the shares known before, and is not waited for', async () => {
  const threads: Worker[] = []
  const note = (thread: Worker) => void threads.push(thread)
  process.on('worker', note)
  const [server, own] = [await startRedis(), await startIssuer()]
  const more = `state: { redis: "${server.url}", deadline: 1s }`
  const alone = '[{ name: s, by: subject, rate: 40/day }]'
  const gate = await startGate({ issuer: own, limits: alone, more, workers: 2 })
  const other = await startGate({ issuer: own, limits: alone, more })
  const gateways = () => metric(gate, 'portcullis_limit_store_gateways')
  await until(async () => (await gateways()) === 2, 'the other is known')
  await server.kill()
  await until(isUp(gate, 0), 'lost')
  const serving = threads.filter(({ threadId, threadName }) => threadId > 0 && threadName?.startsWith('data'))
  for (const thread of serving) await thread.terminate()
  const replaced = () => gate.log.filter(({ event }) => event === 'worker_replaced').length
  await until(() => replaced() === 2, 'both are replaced')
  process.off('worker', note)
  assert.equal((await fetch(`${gate.gateway.addresses.admin}/readyz`)).status, 200, 'it was ready')
  assert.equal(await gateways(), 2)
  const token = await own.token({ sub: 'replaced' })
  const replies = await Promise.all(Array.from({ length: 60 }, () => ask(gate, '/things', { token })))
  assert.equal(replies.filter(({ status }) => status === 200).length, 20, 'the share of one of two gateways')
  for (const each of [gate, other, server]) await each.stop()
})

test('a gate that finds no server at its start is unready, and comes up by itself', async () => {
  const port = await freePort()
  const late = await start(`state: "redis://127.0.0.1:${port}"`, true)
  const ready = async () => (await fetch(`${late.gateway.addresses.admin}/readyz`)).status === 200
  await late.logged(({ event }) => event === 'store_lost')
  assert.equal(await ready(), false)
  assert.match(await (await fetch(`${late.gateway.addresses.admin}/readyz`)).text(), /the store of limits/)
  const server = await startRedis(port)
  await until(ready, 'ready')
  await late.stop()
  await server.stop()
})

test('a server that refuses the password is told by its code, and neither it nor the user stands in the log', async () => {
  const canary = 'sesame-5f3759df'
  const { port } = new URL(redis.url)
  const shut = await start(`state: "redis://${canary}:${canary}@127.0.0.1:${port}"`, true)
  const { detail } = await shut.logged(({ event }) => event === 'store_lost')
  assert.equal(detail, 'Redis WRONGPASS')
  assert.ok(!JSON.stringify(shut.log).includes(canary))
  await shut.stop()
})
