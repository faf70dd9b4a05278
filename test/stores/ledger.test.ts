import assert from 'node:assert/strict'
import { renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { createKey, listKeys, revokeKey, rotateKey } from '../../src/app/manage-keys.ts'
import { restoreTokens, revokeTokens } from '../../src/app/manage-tokens.ts'
import type { Actor, Ledger } from '../../src/engine/ledger.ts'
import { type LedgerEvent, LedgerView } from '../../src/identity/ledger-view.ts'
import { openPostgresLedger } from '../../src/stores/postgres-ledger.ts'
import { openSqliteLedger } from '../../src/stores/sqlite-ledger.ts'
import { startCuttingProxy } from '../harness/cutting-proxy.ts'
import { useDatabases } from '../harness/postgres.ts'

// One behaviour for every store of the ledger.

const databases = useDatabases('ledger')
const { folder } = databases

const wish = {
  scheme: 'partnerKey',
  name: 'nightly "export" \u2028',
  owner: 'acme',
  scopes: ['reports:read'],
  operations: ['getReports'],
  addresses: ['10.0.0.0/8'],
  expiresMs: 4_102_444_800_000,
}
const nowMs = 1_700_000_000_123

const actor: Actor = { command: 'keys create', user: 'ops', sudoUser: null, host: 'bastion' }

const stores: readonly (readonly [name: string, open: (actor?: Actor) => Promise<Ledger>])[] = [
  ['SQLite', (by) => openSqliteLedger(join(folder, 'sqlite', 'keys.sqlite'), by)],
  ['PostgreSQL', (by) => openPostgresLedger(databases.postgres.url, by)],
]

for (const [name, open] of stores) {
  describe(name, () => {
    let one: Ledger
    let other: Ledger
    before(async () => {
      one = await open()
      other = await open()
    })
    after(async () => {
      await one.close()
      await other.close()
    })

    test('an empty ledger has no keys', async () => {
      const { keys, revocations, whole } = await one.changesSince(0)
      assert.deepEqual([keys, revocations, whole], [[], [], true])
    })

    test('what one writes, the other reads as it was, from the revision it knows on', async () => {
      const { record } = await createKey(one, wish, nowMs)
      const first = await other.changesSince(0)
      assert.deepEqual(first.keys, [record])
      const again = await other.changesSince(first.revision)
      assert.deepEqual([again.keys, again.whole, again.revision], [[], false, first.revision])
      const bare = { ...wish, owner: null, scopes: [], operations: [], addresses: [], expiresMs: null }
      const second = await createKey(one, bare, nowMs)
      const later = await other.changesSince(first.revision)
      assert.deepEqual(later.keys, [second.record])
      assert.ok(later.revision > first.revision)
    })

    test('a revocation and a rotation change what is there, together', async () => {
      const { record } = await createKey(one, wish, nowMs)
      const { revision } = await other.changesSince(0)
      const rotated = await rotateKey(one, record.id, { overlapMs: 1000, expiresMs: null }, nowMs)
      assert.ok(rotated)
      const changes = await other.changesSince(revision)
      assert.deepEqual(new Set(changes.keys), new Set([rotated.old, rotated.minted.record]))
      assert.equal(rotated.old.expiresMs, nowMs + 1000)
      assert.equal(rotated.old.replacedBy, rotated.minted.record.id)
      assert.deepEqual((await revokeKey(other, record.id, nowMs))?.revokedMs, nowMs)
      assert.equal(await rotateKey(one, record.id, { overlapMs: 1000, expiresMs: null }, nowMs), null)
      assert.equal(await revokeKey(one, 'key_none', nowMs), null)
    })

    test('a key that is revoked stays so, also when a rotation that began earlier writes it', async () => {
      const { record } = await createKey(one, wish, nowMs)
      await revokeKey(other, record.id, nowMs)
      await one.write({ keys: [{ ...record, expiresMs: nowMs + 1000, replacedBy: 'key_next' }] })
      const kept = (await listKeys(other)).find(({ id }) => id === record.id)
      assert.deepEqual([kept?.revokedMs, kept?.replacedBy], [nowMs, 'key_next'])
    })

    test('writers side by side lose nothing, and a reader that follows them misses nothing', async () => {
      const before = await one.changesSince(0)
      const seen = new Set<string>()
      let revision = before.revision
      let writing = true
      const reader = (async () => {
        for (let last = false; !last; ) {
          last = !writing
          const changes = await other.changesSince(revision)
          revision = changes.revision
          for (const { id } of changes.keys) seen.add(id)
        }
      })()
      const made = await Promise.all(
        Array.from({ length: 40 }, (_, i) => createKey(i % 2 === 0 ? one : other, wish, nowMs)),
      )
      writing = false
      await reader
      assert.deepEqual(
        made.map(({ record }) => record.id).filter((id) => !seen.has(id)),
        [],
      )
    })

    test('last uses: the latest wins, unknown keys are left out', async () => {
      const { record } = await createKey(one, wish, nowMs)
      await one.noteUses(
        new Map([
          [record.id, 20],
          ['key_none', 5],
        ]),
      )
      await other.noteUses(new Map([[record.id, 10]]))
      const uses = await one.uses()
      assert.equal(uses.get(record.id), 20)
      assert.ok(!uses.has('key_none'))
    })

    test('revocations of tokens come, and go when they are taken back', async () => {
      const told = {
        issuer: 'https://i.example',
        kind: 'subject',
        value: 'alice',
        issuedBeforeMs: 7,
      } as const
      const revocation = await revokeTokens(one, told, nowMs)
      const { revocations, revision } = await other.changesSince(0)
      assert.deepEqual(revocations, [revocation])
      await restoreTokens(other, revocation.id, nowMs + 1)
      assert.deepEqual((await one.changesSince(revision)).revocations, [
        { ...revocation, restoredMs: nowMs + 1 },
      ])
      assert.equal(await restoreTokens(other, revocation.id, nowMs), null)
    })

    test('who wrote is read with what was written, by whoever has seen the ledger before; without an actor nobody did', async () => {
      const own = await open(actor)
      const sudo = await open({ ...actor, sudoUser: 'olga' })
      const { revision } = await one.changesSince(0)
      const { record } = await createKey(own, wish, nowMs)
      await createKey(other, wish, nowMs)
      const { minted, old } =
        (await rotateKey(sudo, record.id, { overlapMs: 0, expiresMs: null }, nowMs)) ?? {}
      const { acts, keys } = await one.changesSince(revision)
      assert.equal(keys.length, 3)
      assert.deepEqual(acts, [
        { ...actor, records: [record.id] },
        { ...actor, sudoUser: 'olga', records: [old?.id, minted?.record.id] },
      ])
      await own.close()
      await sudo.close()
    })
  })
}

test('SQLite: the file is for its owner alone; one that goes away is a fault, at a later start too; another in its place is read whole', async () => {
  const home = join(folder, 'replaced')
  const file = join(home, 'keys.sqlite')
  const ledger = await openSqliteLedger(file)
  assert.deepEqual((await ledger.changesSince(0)).keys, [])
  await createKey(ledger, wish, nowMs)
  assert.equal(statSync(file).mode & 0o777, 0o600)
  assert.equal(statSync(home).mode & 0o777, 0o700)
  const { revision } = await ledger.changesSince(0)
  renameSync(file, `${file}.away`)
  await assert.rejects(ledger.changesSince(revision), /is gone/)
  const later = await openSqliteLedger(file)
  await assert.rejects(later.changesSince(0), /is gone: restore it, or remove .*keys\.sqlite\.made to begin/)
  await assert.rejects(createKey(later, wish, nowMs), /is gone/)
  writeFileSync(file, '')
  for (const left of ['-wal', '-shm']) rmSync(file + left, { force: true })
  await assert.rejects((await openSqliteLedger(file)).changesSince(0), /is empty: restore it/)
  rmSync(file)
  rmSync(`${file}.made`)
  const another = await openSqliteLedger(file)
  const minted = await createKey(another, wish, nowMs)
  await another.close()
  const changes = await ledger.changesSince(revision)
  assert.ok(changes.whole)
  assert.deepEqual(changes.keys, [minted.record])
  await ledger.close()
})

test('SQLite: a gateway stands still for nobody who holds a lock on the file', async () => {
  const { DatabaseSync } = await import('node:sqlite')
  const file = join(folder, 'locked', 'keys.sqlite')
  const ledger = await openSqliteLedger(file)
  const { record } = await createKey(ledger, wish, nowMs)
  const holder = new DatabaseSync(file)
  holder.exec('BEGIN IMMEDIATE')
  const startedMs = performance.now()
  await assert.rejects(ledger.noteUses(new Map([[record.id, 1]])), /locked/)
  assert.equal((await listKeys(ledger)).length, 1)
  const fresh = await openSqliteLedger(file)
  await fresh.changesSince(0).catch(() => {})
  // Who writes a key waits for two seconds.
  assert.ok(performance.now() - startedMs < 1000)
  holder.exec('ROLLBACK')
  holder.close()
  await ledger.noteUses(new Map([[record.id, 1]]))
  assert.equal((await ledger.uses()).get(record.id), 1)
  await fresh.close()
  await ledger.close()
})

test('whoever hears that a ledger was read, which took its time, finds the view ready', async () => {
  const ledger = await openSqliteLedger(join(folder, 'slow', 'keys.sqlite'))
  const slow: Ledger = {
    ...ledger,
    async changesSince(revision) {
      await new Promise((resolve) => setTimeout(resolve, 20))
      return ledger.changesSince(revision)
    },
  }
  const heard: boolean[] = []
  const view: LedgerView = new LedgerView(slow, 5000, () => heard.push(view.ready))
  await view.started
  assert.deepEqual(heard, [true])
  await view.stop()
})

test('PostgreSQL that goes away: the view is believed until it is stale, then nothing is; back again, all is well', async () => {
  const writer = await openPostgresLedger(databases.postgres.url)
  const minted = await createKey(writer, wish, nowMs)
  const events: string[] = []
  const view = new LedgerView(await openPostgresLedger(databases.postgres.url), 5000, ({ event }) =>
    events.push(event),
  )
  await view.started
  const kind = (aheadMs: number) => view.find(minted.text, Date.now() + aheadMs).kind
  assert.equal(kind(0), 'key')
  await databases.postgres.halt()
  await view.refresh()
  assert.equal(kind(0), 'key')
  assert.equal(kind(5001), 'fault')
  assert.equal(view.stateOf('https://i.example', {}, Date.now() + 5001), 'unknown')
  await assert.rejects(listKeys(writer))
  await databases.postgres.resume()
  await view.refresh()
  assert.equal(kind(0), 'key')
  await revokeKey(writer, minted.record.id, nowMs)
  await view.refresh()
  const seen = view.find(minted.text, Date.now())
  assert.equal(seen.kind === 'key' && seen.key.revokedMs, nowMs)
  assert.deepEqual(events.slice(0, 3), ['ledger_read', 'ledger_unavailable', 'ledger_read'])
  await view.stop()
  await writer.close()
})

test('PostgreSQL: a role that may only read and write the tables is enough', async () => {
  const { Client } = await import('pg')
  const owner = new Client({ connectionString: databases.postgres.url })
  await owner.connect()
  await owner.query('CREATE ROLE narrow LOGIN')
  await owner.query('GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO narrow')
  await owner.end()
  const ledger = await openPostgresLedger(databases.postgres.url.replace('gate@', 'narrow@'))
  assert.ok((await createKey(ledger, wish, nowMs)).record.id)
  await ledger.close()
})

test('SQLite: a ledger of before acts were kept gets their table, and keeps its keys', async () => {
  const file = join(folder, 'before', 'keys.sqlite')
  const { DatabaseSync } = await import('node:sqlite')
  const first = await openSqliteLedger(file)
  const { record } = await createKey(first, wish, nowMs)
  await first.close()
  const before = new DatabaseSync(file)
  before.exec('DROP TABLE portcullis_acts')
  before.close()
  const reader = await openSqliteLedger(file)
  const { revision, keys } = await reader.changesSince(0)
  assert.deepEqual(keys, [record])
  const writer = await openSqliteLedger(file, actor)
  await revokeKey(writer, record.id, nowMs)
  assert.deepEqual((await reader.changesSince(revision)).acts, [{ ...actor, records: [record.id] }])
  await reader.close()
  await writer.close()
})

test('PostgreSQL: a ledger of before acts were kept serves a role that may not make their table, and gets it from one that may', async () => {
  const { Client } = await import('pg')
  const owner = new Client({ connectionString: databases.postgres.url })
  await owner.connect()
  await owner.query('DROP TABLE portcullis_acts')
  await owner.query('CREATE ROLE old LOGIN')
  await owner.query('GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO old')
  const url = databases.postgres.url.replace('gate@', 'old@')
  const narrow = await openPostgresLedger(url, actor)
  const { revision } = await narrow.changesSince(0)
  const { record } = await createKey(narrow, wish, nowMs)
  const changes = await narrow.changesSince(revision)
  assert.deepEqual([changes.keys, changes.acts], [[record], []])
  await narrow.close()
  const wide = await openPostgresLedger(databases.postgres.url, actor)
  await revokeKey(wide, record.id, nowMs)
  await wide.close()
  const still = await openPostgresLedger(url, actor)
  assert.equal((await still.changesSince(0)).whole, true)
  await createKey(still, wish, nowMs)
  await still.close()
  await owner.query('GRANT SELECT, INSERT ON portcullis_acts TO old')
  const again = await openPostgresLedger(url, actor)
  const seen = await again.changesSince(0)
  const next = await createKey(again, wish, nowMs)
  assert.deepEqual((await again.changesSince(seen.revision)).acts, [{ ...actor, records: [next.record.id] }])
  await again.close()
  await owner.end()
})

test('a server that refuses the login, or has no such database, is told by its code, without the names and the password', async () => {
  const canary = 'sesame-5f3759df'
  const { host } = new URL(databases.postgres.url)
  const told: LedgerEvent[] = []
  for (const url of [
    `postgres://${canary}:${canary}@${host}/postgres`,
    `postgres://gate:${canary}@${host}/${canary}`,
    `postgres://gate:${canary}@127.0.0.1:1/postgres`,
  ]) {
    const view = new LedgerView(await openPostgresLedger(url), 1000, (event) => told.push(event))
    await view.started
    await view.stop()
  }
  assert.deepEqual(
    told.map((event) => 'detail' in event && event.detail),
    [
      'SQLSTATE 28000 invalid_authorization_specification',
      'SQLSTATE 3D000 invalid_catalog_name',
      'ECONNREFUSED 127.0.0.1:1',
    ],
  )
})

for (const at of ['shutdown', 'after COMMIT'] as const)
  test(`PostgreSQL: a connection that breaks in use (${at}) fails what is under way, and ends no process`, async () => {
    const proxy = await startCuttingProxy(
      databases.postgres.createDatabase(`broken_${at === 'shutdown' ? 1 : 2}`),
    )
    const ledger = await openPostgresLedger(proxy.url)
    await createKey(ledger, wish, nowMs)
    proxy.cut({ at, reset: true, of: (sent) => sent.includes('INSERT') })
    await assert.rejects(createKey(ledger, wish, nowMs))
    assert.equal(proxy.cuts, 1)
    assert.ok((await ledger.changesSince(0)).keys.length >= 1)
    await ledger.close()
    await proxy.stop()
  })
