import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import type { MessagePort } from 'node:worker_threads'
import { keyOfTrail, openTrail, type TrailPlace } from '../../src/app/trail/open-trail.ts'
import { startTrail } from '../../src/app/trail/start-trail.ts'
import type { TrailNews } from '../../src/app/trail/trail-thread.ts'
import type { Intended } from '../../src/engine/ports.ts'
import type { TrailStore } from '../../src/engine/trail-store.ts'
import { apart } from '../../src/sinks/trail/grouped-entries.ts'
import { attachTrail } from '../../src/sinks/trail/trail-client.ts'
import { allocateTrailFigures, attachTrailFigures } from '../../src/sinks/trail/trail-figures.ts'
import { TrailWriter } from '../../src/sinks/trail/trail-writer.ts'
import { useDatabases } from '../harness/postgres.ts'
import { createSigningKey, entry, intentOf, openWriter, verified } from '../harness/trail.ts'
import { until } from '../harness/until.ts'

// What becomes of the trail when the thread that writes it ends by itself.

const databases = useDatabases('trail-death')

const trail = {
  durability: 'process',
  key: null,
  keepMs: null,
  checkpointMs: 10_000,
} as const
type PlaceOf = (name: string) => TrailPlace
const inSqlite: PlaceOf = (name) => ({
  trail: { ...trail, database: null },
  stateDir: join(databases.folder, name),
})
const inPostgres: PlaceOf = (name) => ({
  trail: { ...trail, database: databases.postgres.createDatabase(name) },
  stateDir: join(databases.folder, `postgres-${name}`),
})

async function textsOf(store: TrailStore): Promise<readonly string[]> {
  const texts: string[] = []
  for (const { chain } of await store.chains())
    for (const { text } of await store.read(chain, 0, 100_000)) texts.push(...apart(text))
  return texts
}

const idsOf = (texts: readonly string[]) =>
  texts.flatMap((text) => /"kind":"intent","request_id":"([^"]+)"/.exec(text)?.[1] ?? [])

/** What no serving thread sends: a defect of the thread, which ends it. */
const poison = (port: MessagePort) => port.postMessage(null)

for (const [name, placeOf] of [
  ['SQLite', inSqlite],
  ['PostgreSQL', inPostgres],
] as const)
  describe(name, () => {
    test('a writer thread that dies is replaced: its chain goes on, what was acknowledged is there, nothing is double', async () => {
      const place = placeOf('replaced')
      const news: TrailNews[] = []
      const running = startTrail(place, (told) => news.push(told))
      const client = attachTrail(running.connect(), running.hashKey, () => {})
      const rogue = running.connect()
      const lines: MessagePort[] = []
      rogue.on('message', (port: MessagePort) => lines.push(port))
      const acknowledged: string[] = []
      const refused: string[] = []
      let writing = true
      const clients = Array.from({ length: 16 }, async (_, number) => {
        for (let i = 0; writing; i++) {
          const id = `${number}-${i}`
          const intended: Intended = await client.intend(intentOf(id))
          if (intended.kind === 'written') acknowledged.push(id)
          else refused.push(intended.detail)
          await new Promise((resolve) => setTimeout(resolve, intended.kind === 'written' ? 0 : 20))
        }
      })
      const until = async (met: () => boolean) => {
        for (let waited = 0; !met() && waited < 15_000; waited += 5)
          await new Promise((resolve) => setTimeout(resolve, 5))
        assert.ok(met())
      }
      const more = (count: number) => {
        const target = acknowledged.length + count
        return until(() => acknowledged.length >= target)
      }
      for (let deaths = 1; deaths <= 2; deaths++) {
        await more(500)
        poison(lines[deaths - 1] as MessagePort)
        await until(() => news.filter(({ event }) => event === 'trail_writer_died').length === deaths)
        assert.equal(running.figures.writable, 0)
        assert.match(
          String(((await client.intend(intentOf(`down-${deaths}`))) as { detail?: string }).detail),
          /has ended/,
        )
        await until(() => news.filter(({ event }) => event === 'trail_writer_replaced').length === deaths)
        await more(500)
        assert.equal(running.figures.writable, 1)
      }
      writing = false
      await Promise.all(clients)
      await client.flush()
      await running.stop()
      rogue.close()
      assert.ok(refused.length > 0)
      assert.equal(running.figures.restarts, 2)
      assert.equal(running.figures.lost, 0)
      const store = await openTrail(place, false)
      const ids = idsOf(await textsOf(store))
      assert.equal(new Set(ids).size, ids.length)
      const there = new Set(ids)
      assert.deepEqual(
        acknowledged.filter((id) => !there.has(id)),
        [],
      )
      const report = await verified(store, [keyOfTrail(place)])
      assert.deepEqual(report.problems, [])
      assert.deepEqual(
        report.chains.map(({ closed }) => closed),
        [true],
      )
      assert.ok(running.figures.entries >= report.entries)
      await store.close()
    })

    test('notes that were on their way to a writer that ended are written once, whether it had written them or not', async () => {
      const place = placeOf('again')
      const key = createSigningKey()
      const note = (id: string) => `{"kind":"outcome","request_id":"${id}","status":200}`
      const store = await openTrail(place, true)
      const before = await openWriter(store, key, 'gate-1')
      await before.writer.write({ intents: [entry('a')], notes: [note('a'), note('b')], lost: 0 })
      const figures = attachTrailFigures(allocateTrailFigures())
      figures.pending = 3
      const writer = resumed(store, key, figures)
      await writer.open()
      const batch = { intents: [], notes: [note('a'), note('b'), note('c')], lost: 0, again: true }
      assert.deepEqual(await writer.write(batch), { ok: true })
      const texts = await textsOf(store)
      assert.deepEqual(
        texts.filter((text) => text.includes('outcome')),
        ['a', 'b', 'c'].map(note),
      )
      // What the one that ended had kept back is gone, and the trail says so.
      assert.equal(texts.filter((text) => text === '{"kind":"gap","lost":3}').length, 1)
      assert.deepEqual([figures.lost, figures.unsaid, figures.pending], [3, 0, 0])
      assert.deepEqual((await verified(store, [key])).problems, [])
      await store.close()
    })

    test('a chain whose last checkpoint is not there as it was signed is not taken up', async () => {
      const place = placeOf('edited')
      const [key, another] = [createSigningKey(), createSigningKey()]
      const store = await openTrail(place, true)
      await (await openWriter(store, another, 'gate-1')).write(entry('a'))
      const figures = attachTrailFigures(allocateTrailFigures())
      const writer = resumed(store, key, figures)
      await writer.open()
      const written = await writer.write({ intents: [entry('b')], notes: [], lost: 0 })
      assert.match(written.ok ? '' : written.detail, /not there as it was signed/)
      assert.deepEqual([figures.writable, figures.refused], [0, 1])
      await store.close()
    })
  })

test('the ports of serving threads that ended are let go, and no new writer gets any', async () => {
  const running = startTrail(inSqlite('ports'), () => {})
  const gone = running.connect()
  const first = new Promise<MessagePort>((resolve) => gone.once('message', resolve))
  const line = await first
  const closed = new Promise((resolve) => line.once('close', resolve))
  line.close()
  gone.close()
  await closed
  const client = attachTrail(running.connect(), running.hashKey, () => {})
  assert.deepEqual(await client.intend(intentOf('1')), { kind: 'written' })
  await client.flush()
  await running.stop()
})

test('where the system gives no thread for a writer that ended, it is asked again', async () => {
  const news: TrailNews[] = []
  let starts = 0
  // Read where a thread is made: what is thrown there is thrown as the system's EAGAIN is.
  const place = Object.defineProperty({ ...inSqlite('no-thread') }, 'spot', {
    enumerable: true,
    get() {
      if (++starts === 2) throw Object.assign(new Error('no thread'), { code: 'ERR_WORKER_INIT_FAILED' })
      return null
    },
  })
  const running = startTrail(place, (told) => news.push(told))
  const rogue = running.connect()
  poison(await new Promise<MessagePort>((resolve) => rogue.once('message', resolve)))
  const client = attachTrail(running.connect(), running.hashKey, () => {})
  await until(() => news.some(({ event }) => event === 'trail_writer_replaced'), 'another writer')
  assert.deepEqual(
    news.flatMap(({ event, detail }) => (event === 'trail_writer_died' ? [detail] : [])).slice(1),
    ['ERR_WORKER_INIT_FAILED'],
  )
  assert.deepEqual(await client.intend(intentOf('1')), { kind: 'written' })
  assert.equal(running.figures.restarts, 1)
  await client.flush()
  await running.stop()
  rogue.close()
})

function resumed(
  store: TrailStore,
  key: ReturnType<typeof createSigningKey>,
  figures: ReturnType<typeof attachTrailFigures>,
): TrailWriter {
  return new TrailWriter({
    store: { ...store, close: async () => {} },
    key,
    chain: 'gate-1',
    resume: true,
    figures,
    checkpointMs: 10_000,
    nowMs: Date.now,
    tell: () => {},
    keep: () => {},
  })
}
