import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { pruneTrail } from '../../src/app/trail/prune-trail.ts'
import { type FoundEntry, searchTrail, type TrailFilter } from '../../src/app/trail/search-trail.ts'
import type { TrailStore } from '../../src/engine/trail-store.ts'
import { hashOf } from '../../src/sinks/trail/chain.ts'
import type { Checkpoint } from '../../src/sinks/trail/checkpoint.ts'
import { openPostgresTrail } from '../../src/stores/postgres-trail.ts'
import { openSqliteTrail } from '../../src/stores/sqlite-trail.ts'
import { useDatabases } from '../harness/postgres.ts'
import { createSigningKey, entry, openWriter, verified } from '../harness/trail.ts'
import { until } from '../harness/until.ts'

// One behaviour for every store of the audit trail, and what tampering with it leaves.

const databases = useDatabases('trail')
const { folder } = databases

interface Kind {
  readonly name: string
  /** An empty store of its own. */
  open(name: string): Promise<TrailStore>
  /** Runs SQL with the database's own client. */
  sql(name: string, statements: string): void
}

const kinds: readonly Kind[] = [
  {
    name: 'SQLite',
    open: (name) =>
      openSqliteTrail(join(folder, name, 'trail.sqlite'), { durability: 'process', create: true }),
    sql: (name, statements) => client('sqlite3', ['-bail', join(folder, name, 'trail.sqlite')], statements),
  },
  {
    name: 'SQLite, in a file of 4096-octet pages whose entries have no rowid, as they were made before',
    open(name) {
      const file = join(folder, 'before', name, 'trail.sqlite')
      mkdirSync(join(folder, 'before', name), { recursive: true })
      client(
        'sqlite3',
        ['-bail', file],
        `PRAGMA page_size = 4096; PRAGMA journal_mode = WAL; CREATE TABLE portcullis_trail (
          chain TEXT NOT NULL, sequence BIGINT NOT NULL, time_ms BIGINT NOT NULL, hash TEXT NOT NULL, entry TEXT NOT NULL,
          PRIMARY KEY (chain, sequence)) WITHOUT ROWID`,
      )
      return openSqliteTrail(file, { durability: 'process', create: false })
    },
    sql: (name, statements) =>
      client('sqlite3', ['-bail', join(folder, 'before', name, 'trail.sqlite')], statements),
  },
  {
    name: 'PostgreSQL',
    open(name) {
      return openPostgresTrail(databases.postgres.createDatabase(name), 'process')
    },
    sql: (name, statements) =>
      client('psql', ['-q', '-v', 'ON_ERROR_STOP=1', databases.postgres.urlOf(name)], statements),
  },
]

function client(program: string, words: readonly string[], statements: string): void {
  const { status, stderr } = spawnSync(program, words, { input: statements, encoding: 'utf8' })
  assert.equal(status, 0, stderr)
}

async function collected(entries: AsyncIterable<FoundEntry>): Promise<readonly FoundEntry[]> {
  const all: FoundEntry[] = []
  for await (const one of entries) all.push(one)
  return all
}

const anything: TrailFilter = {
  subject: null,
  operation: null,
  requestId: null,
  decision: null,
  sinceMs: null,
  untilMs: null,
}

/** What somebody with the right to write to the database may do to the chain `one` of 22 entries, 1 and 22 checkpoints. */
const manipulations: readonly {
  readonly what: string
  readonly sql: string
  /** The first bad entry, and what is said of it. */
  readonly bad: number
  readonly says: RegExp
}[] = [
  {
    what: 'an edited entry',
    sql: `UPDATE portcullis_trail SET entry = REPLACE(entry, 'user-8', 'user-9') WHERE chain = 'one' AND sequence = 10`,
    bad: 10,
    says: /is not what was written/,
  },
  {
    what: 'an edited time',
    sql: `UPDATE portcullis_trail SET time_ms = time_ms - 1 WHERE chain = 'one' AND sequence = 7`,
    bad: 7,
    says: /is not what was written/,
  },
  {
    what: 'a deleted entry',
    sql: `DELETE FROM portcullis_trail WHERE chain = 'one' AND sequence = 12`,
    bad: 12,
    says: /is gone/,
  },
  {
    what: 'a deleted entry, the others moved up',
    sql: `DELETE FROM portcullis_trail WHERE chain = 'one' AND sequence = 12;
      UPDATE portcullis_trail SET sequence = sequence + 1000 WHERE chain = 'one' AND sequence > 12;
      UPDATE portcullis_trail SET sequence = sequence - 1001 WHERE chain = 'one' AND sequence > 1000;
      UPDATE portcullis_trail_chains SET sequence = 21 WHERE chain = 'one'`,
    bad: 12,
    says: /is not what was written/,
  },
  {
    what: 'two entries that changed places',
    sql: `UPDATE portcullis_trail SET sequence = 1005 WHERE chain = 'one' AND sequence = 5;
      UPDATE portcullis_trail SET sequence = 5 WHERE chain = 'one' AND sequence = 9;
      UPDATE portcullis_trail SET sequence = 9 WHERE chain = 'one' AND sequence = 1005`,
    bad: 5,
    says: /is not what was written/,
  },
  {
    what: 'an inserted entry',
    sql: `UPDATE portcullis_trail SET sequence = sequence + 1000 WHERE chain = 'one' AND sequence > 14;
      UPDATE portcullis_trail SET sequence = sequence - 999 WHERE chain = 'one' AND sequence > 1000;
      INSERT INTO portcullis_trail SELECT chain, 15, time_ms, hash, entry FROM portcullis_trail WHERE chain = 'one' AND sequence = 14;
      UPDATE portcullis_trail_chains SET sequence = 23 WHERE chain = 'one'`,
    bad: 15,
    says: /is not what was written/,
  },
  {
    what: 'a tail that was cut',
    sql: `DELETE FROM portcullis_trail WHERE chain = 'one' AND sequence > 17`,
    bad: 18,
    says: /entries 18 to 22 are gone/,
  },
  {
    what: 'a tail that was cut, and the head of the chain moved back with it',
    sql: `DELETE FROM portcullis_trail WHERE chain = 'one' AND sequence > 17;
      UPDATE portcullis_trail_chains SET sequence = 17, hash = (SELECT hash FROM portcullis_trail WHERE chain = 'one' AND sequence = 17) WHERE chain = 'one'`,
    bad: 18,
    says: /is gone; so is entry 22, .*named it/,
  },
  {
    what: 'a beginning that was cut without a record',
    sql: `DELETE FROM portcullis_trail WHERE chain = 'one' AND sequence < 4`,
    bad: 1,
    says: /entries 1 to 3 are gone/,
  },
  {
    what: 'a beginning that was cut under a record nobody signed',
    sql: `UPDATE portcullis_trail_chains SET pruned_sequence = 3, pruned_ms = 1, pruned_key = (SELECT SUBSTR(entry, LENGTH(entry) - 119, 16) FROM portcullis_trail WHERE chain = 'one' AND sequence = 1),
      pruned_signature = 'AAAA', pruned_hash = (SELECT hash FROM portcullis_trail WHERE chain = 'one' AND sequence = 3) WHERE chain = 'one';
      DELETE FROM portcullis_trail WHERE chain = 'one' AND sequence < 4`,
    bad: 3,
    says: /record of what was pruned/,
  },
  {
    what: 'a chain that was deleted with all that the store says of it',
    sql: `DELETE FROM portcullis_trail WHERE chain = 'one'; DELETE FROM portcullis_trail_chains WHERE chain = 'one'`,
    bad: 1,
    says: /is gone/,
  },
]

for (const kind of kinds) {
  describe(kind.name, () => {
    const key = createSigningKey()

    /** Two writers; the second has seen the end of the first. */
    async function written(name: string): Promise<{ store: TrailStore; checkpoints: readonly Checkpoint[] }> {
      const store = await kind.open(name)
      const clock = { nowMs: 1_700_000_000_000 }
      const one = await openWriter(store, key, 'one', clock)
      for (let i = 0; i < 20; i++) {
        clock.nowMs += 100
        await one.write(entry(`user-${i}`))
      }
      await one.writer.close()
      const two = await openWriter(store, key, 'two', clock)
      await two.write(entry('late'))
      await two.writer.close()
      return { store, checkpoints: [...one.checkpoints, ...two.checkpoints] }
    }

    test('what is written is read in its order, and is whole', async () => {
      const { store } = await written('plain')
      const report = await verified(store, [key])
      assert.deepEqual(report.problems, [])
      assert.deepEqual(
        report.chains.map(({ chain, entries, signedUpTo, closed }) => [chain, entries, signedUpTo, closed]),
        [
          ['one', 22, 22, true],
          ['two', 3, 3, true],
        ],
      )
      const found = await collected(searchTrail(store, anything))
      assert.deepEqual(
        found.map(({ facts }) => facts.subject),
        [...Array.from({ length: 20 }, (_, i) => `user-${i}`), 'late'],
      )
      const some = { ...anything, sinceMs: 1_700_000_000_500, untilMs: 1_700_000_000_700 }
      assert.deepEqual(
        (await collected(searchTrail(store, some))).map(({ facts }) => facts.subject),
        ['user-4', 'user-5'],
      )
      await store.close()
    })

    test('intents that share a commit share entries; each is found, held, and vouched for', async () => {
      const store = await kind.open('shared')
      const one = await openWriter(store, key, 'one')
      const users = Array.from({ length: 100 }, (_, i) => `user-${i}`)
      assert.equal(await one.write(...users.map(entry)), true)
      await one.writer.close()
      const rows = await store.read('one', 0, 100)
      assert.equal(rows.length, 4, 'a checkpoint, 64 intents, 36 intents, a checkpoint')
      const found = await collected(searchTrail(store, anything))
      assert.deepEqual(
        found.map(({ facts, decision, sequence }) => [facts.subject, decision, sequence]),
        users.map((user, i) => [user, 'allow', i < 64 ? 2 : 3]),
      )
      const some = await collected(searchTrail(store, { ...anything, subject: 'user-70' }))
      assert.deepEqual(
        some.map(({ facts }) => facts.request_id),
        ['user-70'],
      )
      await store.putHold({ id: 'h', field: 'subject', value: 'user-70', note: '', createdMs: 1 })
      assert.deepEqual(await pruneTrail(store, key, 1_800_000_000_000), { chains: 1, entries: 2 })
      kind.sql(
        'shared',
        `UPDATE portcullis_trail SET entry = REPLACE(entry, 'user-70', 'user-07') WHERE chain = 'one'`,
      )
      const { problems } = await verified(store, [key])
      assert.deepEqual(
        problems.map(({ sequence }) => sequence),
        [3],
      )
      await store.close()
    })

    test('pruning under a hold ends at what was tampered with so that nobody can read it', async () => {
      const { store } = await written('unreadable')
      await store.putHold({ id: 'h', field: 'subject', value: 'nobody', note: '', createdMs: 1 })
      kind.sql(
        'unreadable',
        `UPDATE portcullis_trail SET entry = '{"kind":"intents","of":[]}' WHERE chain = 'one' AND sequence = 5`,
      )
      assert.deepEqual(await pruneTrail(store, key, 1_700_000_001_500), { chains: 1, entries: 4 })
      assert.equal((await verified(store, [key])).problems[0]?.sequence, 5)
      await store.close()
    })

    test('a checkpoint stands for at most 10 000 intents and what is written with the last, however few entries they share', async () => {
      const store = await kind.open('signed')
      const one = await openWriter(store, key, 'one')
      const many = Array.from({ length: 2500 }, (_, i) => entry(`user-${i}`))
      for (let i = 1; i <= 4; i++) await one.write(...many)
      assert.equal(one.checkpoints.length, 1, 'the answer to the last does not wait for it')
      await one.writer.close()
      assert.equal(one.checkpoints.length, 3, 'at the begin, after 10 000, at the end')
      assert.deepEqual((await verified(store, [key])).problems, [])
      await store.close()
    })

    for (const [index, { what, sql, bad, says }] of manipulations.entries())
      test(`${what} is found, with the first bad entry`, async () => {
        const { store } = await written(`tampered${index}`)
        kind.sql(`tampered${index}`, sql)
        const { problems } = await verified(store, [key])
        const [problem] = problems.filter(({ chain }) => chain === 'one')
        assert.deepEqual([problem?.sequence, problems.length], [bad, 1], JSON.stringify(problems))
        assert.match(problem?.problem ?? '', says)
        await store.close()
      })

    test('an edit after which all was hashed anew is found by the next checkpoint', async () => {
      const { store } = await written('rehashed')
      const rows = await store.read('one', 0, 100)
      let hash = rows[8]?.hash ?? ''
      const statements = rows.slice(9).map(({ sequence, timeMs, text }) => {
        const edited = text.replace('user-8', 'nobody')
        hash = hashOf(hash, { sequence, timeMs, text: edited })
        return `UPDATE portcullis_trail SET entry = '${edited}', hash = '${hash}' WHERE chain = 'one' AND sequence = ${sequence};`
      })
      kind.sql(
        'rehashed',
        `${statements.join('')}UPDATE portcullis_trail_chains SET hash = '${hash}' WHERE chain = 'one'`,
      )
      const { problems } = await verified(store, [key])
      assert.equal(problems[0]?.sequence, 22)
      assert.match(problems[0]?.problem ?? '', /signature that does not hold/)
      await store.close()
    })

    test('a tail of the last chain that was cut clean is found by a checkpoint that was kept elsewhere', async () => {
      const { store, checkpoints } = await written('cut')
      kind.sql(
        'cut',
        `DELETE FROM portcullis_trail WHERE chain = 'two' AND sequence > 1;
         UPDATE portcullis_trail_chains SET sequence = 1, hash = (SELECT hash FROM portcullis_trail WHERE chain = 'two') WHERE chain = 'two'`,
      )
      assert.deepEqual((await verified(store, [key])).problems, [], 'nothing in the store tells')
      const { problems } = await verified(store, [key], checkpoints)
      assert.deepEqual(
        problems.map(({ chain, sequence }) => [chain, sequence]),
        [['two', 2]],
      )
      await store.close()
    })

    test('a trail that was made anew is found: by its key, and with the key by an earlier checkpoint', async () => {
      const { store, checkpoints } = await written('old')
      await store.close()
      const forged = await kind.open('forged')
      const thief = createSigningKey()
      for (const [signer, chain] of [
        [thief, 'one'],
        [key, 'two'],
      ] as const) {
        const writer = await openWriter(forged, signer, chain)
        await writer.write(entry('nobody'))
        await writer.writer.close()
      }
      const { problems } = await verified(forged, [key], checkpoints)
      assert.deepEqual(
        problems.map(({ chain, sequence }) => [chain, sequence]),
        [
          ['one', 1],
          ['two', 1],
        ],
      )
      assert.match(problems[0]?.problem ?? '', /none of those that are known/)
      await forged.close()
    })

    test('entries go for their age up to a hold, under a signed record, and the rest is whole', async () => {
      const { store } = await written('pruned')
      await store.putHold({ id: 'h', field: 'subject', value: 'user-9', note: '', createdMs: 1 })
      assert.deepEqual(await store.holds(), [
        { id: 'h', field: 'subject', value: 'user-9', note: '', createdMs: 1 },
      ])
      assert.deepEqual(await pruneTrail(store, key, 1_700_000_001_500), { chains: 1, entries: 10 })
      assert.deepEqual((await verified(store, [key])).problems, [])
      assert.equal(await store.removeHold('h'), true)
      assert.equal(await store.removeHold('h'), false)
      assert.deepEqual(await pruneTrail(store, key, 1_700_000_001_500), { chains: 1, entries: 5 })
      assert.deepEqual(await pruneTrail(store, key, 1_700_000_001_500), { chains: 0, entries: 0 })
      const report = await verified(store, [key])
      assert.deepEqual(report.problems, [])
      assert.equal(report.chains[0]?.pruned, 15)
      assert.deepEqual(await pruneTrail(store, key, 1_800_000_000_000), { chains: 2, entries: 10 })
      assert.deepEqual((await verified(store, [key])).problems, [], 'of which nothing is left')
      await store.close()
    })

    test('an entry is there once, whatever is tried again', async () => {
      const store = await kind.open('once')
      const row = { sequence: 1, timeMs: 1, hash: 'h', text: '{}' }
      await store.append('c', [row], true)
      await assert.rejects(
        store.append(
          'c',
          [
            { ...row, text: '{"x":1}' },
            { ...row, sequence: 2 },
          ],
          false,
        ),
      )
      assert.deepEqual(await store.read('c', 0, 10), [row])
      await store.close()
    })

    for (const count of [7, 8, 9, 24, 30])
      test(`${count} entries that share a commit are all there, or none`, async () => {
        const store = await kind.open(`many${count}`)
        const rows = Array.from({ length: count }, (_, i) => ({
          sequence: i + 1,
          timeMs: 1_700_000_000_000 + i,
          hash: `hash-${i}`,
          text: entry(`user-${i}`),
        }))
        await store.append('c', rows, true)
        assert.deepEqual(await store.read('c', 0, 100), rows)
        // The last of them is there already.
        const again = rows.map((row, i) => ({ ...row, sequence: 2 * count - i }))
        again.push({ ...rows[0], sequence: count } as (typeof rows)[number])
        await assert.rejects(store.append('c', again, true))
        assert.deepEqual(await store.read('c', 0, 100), rows)
        assert.equal((await store.chains())[0]?.told, count)
        await store.append('c', again.slice(0, -1).toReversed(), true)
        assert.equal((await store.read('c', 0, 100)).length, 2 * count)
        await store.close()
      })

    test('an append whose answer was lost is found to have taken place', async () => {
      const store = await kind.open('lost')
      let lose = false
      const lossy: TrailStore = {
        ...store,
        async append(chain, rows, told) {
          await store.append(chain, rows, told)
          if (lose) throw new Error('connection lost')
        },
        async read(chain, last, limit) {
          if (lose) throw new Error('connection lost')
          return store.read(chain, last, limit)
        },
      }
      const { writer, write, events } = await openWriter(lossy, key, 'one')
      lose = true
      const note = writer.write({ intents: [entry('a')], notes: [entry('b')], lost: 2 })
      assert.equal((await note).ok, false)
      assert.equal(await write(entry('c')), false, 'nobody waits for a store that is gone')
      lose = false
      await until(() => events.some(({ event }) => event === 'trail_available'), 'it is there again')
      assert.equal(await write(entry('d')), true)
      await writer.close()
      assert.deepEqual((await verified(store, [key])).problems, [])
      const found = await collected(searchTrail(store, anything))
      assert.deepEqual(
        found.map(({ facts, kind: what }) => facts.subject ?? `${what} ${String(facts.lost)}`),
        ['gap 2', 'a', 'b', 'gap 0', 'd'],
      )
      await store.close()
    })
  })
}

test('SQLite: the file is for its owner alone; where there is none, none is made for a reader', async () => {
  const file = join(folder, 'mode', 'trail.sqlite')
  await assert.rejects(openSqliteTrail(file, { durability: 'power', create: false }), /there is no/)
  await (await openSqliteTrail(file, { durability: 'power', create: true })).close()
  assert.equal(statSync(file).mode & 0o777, 0o600)
  assert.equal(statSync(join(folder, 'mode')).mode & 0o777, 0o700)
})
