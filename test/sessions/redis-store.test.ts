import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { SessionStore } from '../../src/engine/session-store.ts'
import { connectOne } from '../../src/stores/redis.ts'
import { createRedisSessions } from '../../src/stores/redis-sessions.ts'
import { sessionStoreSuite } from '../../src/stores/sessions.suite.ts'
import { startRedis, type TestRedis } from '../harness/redis.ts'
import { until } from '../harness/until.ts'

let redis: TestRedis
let store: SessionStore

before(async () => {
  redis = await startRedis()
  store = await connected()
})
after(async () => {
  await store.stop()
  await redis.stop()
})

async function connected(): Promise<SessionStore> {
  let announce: () => void
  const ready = new Promise<void>((resolve) => {
    announce = resolve
  })
  const made = createRedisSessions(await connectOne(redis.settings, () => announce()))
  await ready
  return made
}

sessionStoreSuite('redis', () => store)

test('redis: two gateways share sessions and claims', async () => {
  const other = await connected()
  const entry = { sealed: 's', idleMs: 5000, endsMs: Date.now() + 5000, indexes: [] }
  await store.create('shared', entry, Date.now())
  assert.equal((await other.find('shared', 0, Date.now())).kind, 'found')
  assert.equal((await store.claim('one', Date.now() + 5000, Date.now())).kind, 'done')
  assert.equal((await other.claim('one', Date.now() + 5000, Date.now())).kind, 'refused')
  await other.release('one')
  assert.equal(
    (await other.claim('one', Date.now() + 5000, Date.now())).kind,
    'refused',
    "another's claim stays",
  )
  await other.stop()
})

test('redis: a session that begins while all of its person end can still be ended with the next', async () => {
  const other = await connected()
  for (let round = 0; round < 200; round++) {
    const index = `person-${round}`
    const entry = { sealed: 's', idleMs: 60_000, endsMs: Date.now() + 60_000, indexes: [index] }
    await store.create(`early-${round}`, entry, Date.now())
    await Promise.all([store.removeAll(index), other.create(`late-${round}`, entry, Date.now())])
    await store.removeAll(index)
    assert.equal((await store.find(`late-${round}`, 0, Date.now())).kind, 'none', `round ${round}`)
  }
  await other.stop()
})

test('redis: while the server is down every answer is an outage, at once; then it comes back, having forgotten', async () => {
  await store.create(
    'forgotten',
    { sealed: 's', idleMs: 60_000, endsMs: Date.now() + 60_000, indexes: [] },
    Date.now(),
  )
  await redis.kill()
  const startedMs = Date.now()
  assert.equal((await store.find('forgotten', 0, Date.now())).kind, 'fault')
  assert.equal((await store.claim('x', Date.now() + 1000, Date.now())).kind, 'fault')
  assert.ok(Date.now() - startedMs < 2500)
  await until(() => store.waitingFor() === 'the session store', 'it is known to be gone')
  await redis.start()
  await until(() => store.waitingFor() === null, 'it is back')
  assert.equal((await store.find('forgotten', 0, Date.now())).kind, 'none')
})
