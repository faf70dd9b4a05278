import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { openTrail } from '../../src/app/trail/open-trail.ts'
import { searchTrail } from '../../src/app/trail/search-trail.ts'
import { ask, assertNotForwarded } from '../harness/ask.ts'
import { portcullis, startRun } from '../harness/command.ts'
import { configurationFor, startGate, type TestGate } from '../harness/gate.ts'
import { useDatabases } from '../harness/postgres.ts'
import { patienceMs } from '../harness/until.ts'
import { headerOf, type SeenRequest } from '../harness/upstream.ts'
import { document } from './document.ts'
import { fillDisk } from './fill-disk.ts'

// What becomes of the trail when the process, the disk or the database goes away.

const databases = useDatabases('trail-faults')
const { folder } = databases

const leave = 'allowWeakening: true\n'
const write = { method: 'PUT', body: '{"text":"x"}' }

/** Request ids of the intents and outcomes on the trail, in order. */
async function recorded(
  database: string | null,
  stateDir: string,
): Promise<{ readonly intents: readonly string[]; readonly outcomes: readonly string[] }> {
  const store = await openTrail(
    { trail: { database, durability: 'process', key: null, keepMs: null, checkpointMs: 10_000 }, stateDir },
    false,
  )
  const intents: string[] = []
  const outcomes: string[] = []
  const filter = {
    subject: null,
    operation: null,
    requestId: null,
    decision: null,
    sinceMs: null,
    untilMs: null,
  }
  for await (const { kind, facts } of searchTrail(store, { ...filter })) {
    if (kind === 'intent') intents.push(String(facts.request_id))
    if (kind === 'outcome') outcomes.push(String(facts.request_id))
  }
  await store.close()
  return { intents, outcomes }
}

const idsOf = (seen: readonly SeenRequest[]) => seen.map((request) => headerOf(request, 'x-request-id') ?? '')

function assertOnce(ids: readonly string[], what: 'intent' | 'outcome'): void {
  assert.equal(new Set(ids).size, ids.length, `an ${what} is there twice`)
}

for (const durability of ['power', 'process'] as const)
  test(`kill -9 in the middle of a burst of writes (${durability}): whatever the upstream saw is on the trail, once, and the trail is whole`, async () => {
    const gate = await startGate({ document, more: leave })
    await gate.gateway.stop()
    const more = `${leave}trail: { durability: ${durability} }\nstateDir: ./killed`
    const contract = join(gate.folder, 'openapi.json')
    const yaml = configurationFor({ contract, more }, gate.upstream, gate.issuer)
    gate.configure(yaml)
    const running = startRun(gate.configurationFile)
    const { http } = (await running.logged('ready')) as { readonly http?: string }
    assert.ok(http)
    const authorization = `Bearer ${await gate.issuer.token()}`
    const answered: string[] = []
    const clients = Array.from({ length: 16 }, async (_, client) => {
      for (let i = 0; ; i++) {
        const response = await fetch(`${http}/accounts/${client}/entries/${i}`, {
          method: 'PUT',
          headers: { authorization, 'content-type': 'application/json' },
          body: write.body,
        }).catch(() => null)
        if (response === null) return
        if (response.status === 200) answered.push(response.headers.get('x-request-id') ?? '')
      }
    })
    while (answered.length < 300) await new Promise((resolve) => setTimeout(resolve, 5))
    running.child.kill('SIGKILL')
    await Promise.all(clients)
    const { intents, outcomes } = await recorded(null, join(gate.folder, 'killed'))
    assertOnce(intents, 'intent')
    assertOnce(outcomes, 'outcome')
    const there = new Set(intents)
    const seen = idsOf(gate.upstream.seen)
    assert.ok(seen.length >= 300)
    assert.deepEqual(
      seen.filter((id) => !there.has(id)),
      [],
    )
    assert.deepEqual(
      answered.filter((id) => !there.has(id)),
      [],
    )
    const verified = await portcullis(['trail', 'verify', '-c', gate.configurationFile])
    assert.equal(verified.code, 0, verified.stdout)
    assert.match(verified.stdout, /after its last checkpoint are chained, and not signed yet/)
    await gate.stop()
  })

test('a full disk: writes are denied and nothing of them is forwarded, reads pass; with space again all is well, nothing lost or double', async () => {
  const disk = join(folder, 'disk')
  mkdirSync(disk)
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', disk], { encoding: 'utf8' })
  assert.equal(mounted.status, 0, mounted.stderr)
  let gate: TestGate | null = null
  try {
    gate = await startGate({ document, more: `${leave}stateDir: ${JSON.stringify(join(disk, 'state'))}` })
    const token = await gate.issuer.token()
    const put = { ...write, token }
    const passed: string[] = []
    for (let i = 0; i < 20; i++) {
      const { status, fields } = await ask(gate, `/accounts/1/entries/${i}`, put)
      assert.equal(status, 200)
      passed.push(fields.get('x-request-id') ?? '')
    }
    fillDisk(join(disk, 'ballast'))
    let full: Awaited<ReturnType<typeof ask>> | null = null
    for (let i = 0; i < 400 && full === null; i++) {
      const heads: number = gate.upstream.heads
      const reply = await ask(gate, `/accounts/2/entries/${i}`, put)
      if (reply.status === 200) passed.push(reply.fields.get('x-request-id') ?? '')
      else {
        full = reply
        assert.equal(gate.upstream.heads, heads)
      }
    }
    assert.equal(full?.status, 503)
    await gate.logged(
      ({ event, detail }) => event === 'trail_unavailable' && /SQLITE_FULL/.test(String(detail)),
    )
    await assertNotForwarded(gate, ask(gate, '/accounts/3/entries/1', put), 503, 'trail_unavailable')
    assert.equal((await ask(gate, '/accounts/1', { token })).status, 200)
    rmSync(join(disk, 'ballast'))
    await gate.logged(({ event }) => event === 'trail_available')
    const again = await ask(gate, '/accounts/4/entries/1', put)
    assert.equal(again.status, 200)
    passed.push(again.fields.get('x-request-id') ?? '')
    await gate.gateway.stop()
    const { intents, outcomes } = await recorded(null, join(disk, 'state'))
    assertOnce(intents, 'intent')
    assert.deepEqual(intents, passed)
    assert.deepEqual(outcomes, passed)
    const { code, stdout } = await portcullis(['trail', 'verify', '-c', gate.configurationFile])
    assert.equal(code, 0, stdout)
  } finally {
    await gate?.stop()
    spawnSync('umount', ['-l', disk])
  }
})

test('PostgreSQL that stops and comes back: what is acknowledged is there, nothing is double, writes meanwhile are denied', async () => {
  const more = `${leave}trail: { database: ${JSON.stringify(databases.postgres.url)} }`
  const gate = await startGate({ document, more })
  const put = { ...write, token: await gate.issuer.token() }
  let writing = true
  const statuses = new Set<number>()
  const clients = Array.from({ length: 8 }, async (_, client) => {
    for (let i = 0; writing; i++) {
      const { status } = await ask(gate, `/accounts/${client}/entries/${i}`, put)
      statuses.add(status)
      if (status === 503) await new Promise((resolve) => setTimeout(resolve, 20))
    }
  })
  const seenMore = async (count: number) => {
    const target = gate.upstream.seen.length + count
    for (let waited = 0; gate.upstream.seen.length < target && waited < patienceMs; waited += 10)
      await new Promise((resolve) => setTimeout(resolve, 10))
    assert.ok(gate.upstream.seen.length >= target)
  }
  await seenMore(50)
  await databases.postgres.halt()
  await gate.logged(({ event }) => event === 'trail_unavailable')
  await assertNotForwardedWhile(gate, put)
  await databases.postgres.resume()
  await seenMore(50)
  writing = false
  await Promise.all(clients)
  assert.deepEqual([...statuses].sort(), [200, 503])
  await gate.gateway.stop()
  assert.ok(
    !gate.log.some(({ event }) => event === 'trail_writer_died'),
    'the outage ended the thread that writes',
  )
  const { intents, outcomes } = await recorded(databases.postgres.url, folder)
  assertOnce(intents, 'intent')
  assertOnce(outcomes, 'outcome')
  const there = new Set(intents)
  const seen = idsOf(gate.upstream.seen)
  assert.deepEqual(
    seen.filter((id) => !there.has(id)),
    [],
  )
  assert.deepEqual(new Set(outcomes), new Set(seen))
  const { code, stdout } = await portcullis(['trail', 'verify', '-c', gate.configurationFile])
  assert.equal(code, 0, stdout)
  await gate.stop()
})

async function assertNotForwardedWhile(gate: TestGate, put: Parameters<typeof ask>[2]): Promise<void> {
  const heads = gate.upstream.heads
  const { status } = await ask(gate, '/accounts/9/entries/9', put)
  assert.deepEqual([status, gate.upstream.heads], [503, heads])
}

test('a flood of refused credentials leaves a bounded number of entries', async () => {
  const gate = await startGate({
    document,
    more: `${leave}trustedProxies: [127.0.0.1/32]\ntrail: { durability: process }`,
  })
  for (let i = 0; i < 1500; i++)
    await ask(gate, '/accounts/1/entries/1', {
      ...write,
      token: 'wrong',
      headers: [`X-Forwarded-For: 10.${i >> 8}.${i & 255}.1`],
    })
  await gate.gateway.stop()
  const database = new DatabaseSync(join(gate.folder, '.portcullis/trail.sqlite'), { readOnly: true })
  const rows = database
    .prepare('SELECT entry FROM portcullis_trail')
    .all()
    .map(
      ({ entry }) =>
        JSON.parse(String(entry)) as { kind: string; address?: string; reasons?: Record<string, number> },
    )
  database.close()
  const denials = rows.filter(({ kind }) => kind === 'denials')
  assert.ok(denials.length >= 257 && denials.length <= 3 * 257, String(denials.length))
  const counted = denials.reduce(
    (sum, { reasons = {} }) => sum + Object.values(reasons).reduce((a, b) => a + b, 0),
    0,
  )
  assert.equal(counted, 1500)
  assert.ok(denials.some(({ address }) => address === undefined))
  await gate.stop()
})
