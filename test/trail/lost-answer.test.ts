import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { MessageChannel, type MessagePort } from 'node:worker_threads'
import { keyOfTrail, openTrail, type TrailPlace } from '../../src/app/trail/open-trail.ts'
import { startTrail, type TrailThread } from '../../src/app/trail/start-trail.ts'
import type { TrailNews } from '../../src/app/trail/trail-thread.ts'
import { apart } from '../../src/sinks/trail/grouped-entries.ts'
import { attachTrail, type TrailClient } from '../../src/sinks/trail/trail-client.ts'
import { openPostgresTrail } from '../../src/stores/postgres-trail.ts'
import { type Cut, type CutPlace, type CuttingProxy, startCuttingProxy } from '../harness/cutting-proxy.ts'
import { useDatabases } from '../harness/postgres.ts'
import { intentOf, verified } from '../harness/trail.ts'
import { until } from '../harness/until.ts'

// A connection to PostgreSQL that breaks around a COMMIT: what is acknowledged is there, and nothing is there twice.

const databases = useDatabases('trail-lost-answer')
let made = 0

interface Writer {
  readonly running: TrailThread
  readonly news: TrailNews[]
  /** Of two serving threads. */
  readonly clients: readonly TrailClient[]
  /** Ends the thread that writes by a defect. */
  kill(): void
}

/** Writers on one database, as many gateways have it, and requests that are under way all the time. */
class World {
  readonly proxy: CuttingProxy
  readonly writers: readonly Writer[]
  readonly acknowledged: string[] = []
  readonly noted: string[] = []
  refused = 0
  readonly #place: TrailPlace
  readonly #direct: string
  readonly #requests: Promise<unknown>
  #writing = true

  static async begin(count: number): Promise<World> {
    const direct = databases.postgres.createDatabase(`lost${++made}`)
    const proxy = await startCuttingProxy(direct)
    const world = new World(direct, proxy, count)
    await world.more(50)
    return world
  }

  constructor(direct: string, proxy: CuttingProxy, count: number) {
    this.#direct = direct
    this.proxy = proxy
    const trail = { durability: 'process', key: null, keepMs: null, checkpointMs: 10_000 } as const
    this.#place = {
      trail: { ...trail, database: proxy.url },
      stateDir: join(databases.folder, `state-${made}`),
    }
    this.writers = Array.from({ length: count }, () => startWriter(this.#place))
    const clients = this.writers.flatMap((writer) => writer.clients)
    this.#requests = Promise.all(clients.flatMap((client) => [this.#request(client), this.#request(client)]))
  }

  async #request(client: TrailClient): Promise<void> {
    while (this.#writing) {
      const id = `request-${this.acknowledged.length + this.refused}-${Math.random()}`
      const intended = await client.intend(intentOf(id))
      if (intended.kind === 'written') {
        this.acknowledged.push(id)
        this.note(client, id)
      } else this.refused++
      await new Promise((resolve) => setTimeout(resolve, intended.kind === 'written' ? 5 : 20))
    }
  }

  note(client: TrailClient, id: string): void {
    this.noted.push(id)
    client.note(`{"kind":"outcome","request_id":"${id}","status":200}`)
  }

  more(count: number): Promise<void> {
    const target = this.acknowledged.length + count
    return until(() => this.acknowledged.length >= target, 'intents are written')
  }

  /** Stops everything and reads what there is. */
  async end(): Promise<Read> {
    this.#writing = false
    await this.#requests
    for (const { running, clients } of this.writers) {
      for (const client of clients) await client.flush()
      await running.stop()
    }
    await this.proxy.stop()
    const place = { ...this.#place, trail: { ...this.#place.trail, database: this.#direct } }
    const store = await openTrail(place, false)
    const texts: string[] = []
    for (const { chain } of await store.chains())
      for (const { text } of await store.read(chain, 0, 100_000)) texts.push(...apart(text))
    const report = await verified(store, [keyOfTrail(place)])
    await store.close()
    const ids = (kind: string) =>
      texts
        .map((text) => JSON.parse(text) as { readonly kind: string; readonly request_id: string })
        .flatMap((entry) => (entry.kind === kind ? [entry.request_id] : []))
    const lost = texts.flatMap((text) => Number(/"kind":"gap","lost":(\d+)/.exec(text)?.[1] ?? []))
    return {
      intents: ids('intent'),
      outcomes: ids('outcome'),
      lost: lost.reduce((a, b) => a + b, 0),
      problems: report.problems,
    }
  }
}

interface Read {
  readonly intents: readonly string[]
  readonly outcomes: readonly string[]
  readonly lost: number
  readonly problems: readonly unknown[]
}

function startWriter(place: TrailPlace): Writer {
  const news: TrailNews[] = []
  const running = startTrail(place, (told) => news.push(told))
  const connect = () => attachTrail(running.connect(), running.hashKey, () => {})
  const clients = [connect(), connect()]
  const rogue = running.connect()
  let line: MessagePort | null = null
  rogue.unref()
  rogue.on('message', (port: MessagePort) => {
    line = port
    port.unref()
  })
  return { running, news, clients, kill: () => line?.postMessage(null) }
}

function assertWhole(world: World, { intents, outcomes, problems }: Read): void {
  assert.deepEqual(problems, [])
  const there = new Set(intents)
  assert.equal(there.size, intents.length, 'an intent is there twice')
  assert.deepEqual(
    world.acknowledged.filter((id) => !there.has(id)),
    [],
    'an intent that was acknowledged is not there',
  )
  assert.equal(new Set(outcomes).size, outcomes.length, 'an outcome is there twice')
}

const marked = (id: string) => (sent: string) => sent.includes(id)
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

const cases: readonly Omit<Cut, 'of'>[] = [
  { at: 'shutdown' },
  { at: 'shutdown', outage: true },
  { at: 'before COMMIT' },
  { at: 'before COMMIT', reset: true, outage: true },
  { at: 'after COMMIT' },
  { at: 'after COMMIT', outage: true },
  { at: 'after COMMIT', reset: true, outage: true },
  { at: 'late COMMIT' },
  { at: 'late COMMIT', reset: true, outage: true },
  { at: 'silence' },
  { at: 'held COMMIT' },
]
const nameOf = ({ at, reset, outage }: Omit<Cut, 'of'>) =>
  `${at}${reset ? ', by a reset' : ''}${outage ? ', and the server is away for a while' : ''}`

for (const count of [1, 2])
  describe(`${count} writing`, { concurrency: 4 }, () => {
    for (const what of ['intent', 'outcome'] as const)
      for (const cut of cases)
        test(`an ${what} whose transaction breaks: ${nameOf(cut)}`, async () => {
          const world = await World.begin(count)
          const { proxy, writers } = world
          const [client] = writers[0]?.clients ?? []
          assert.ok(client)
          proxy.cut({ ...cut, of: marked('the-marked-one') })
          const intended = what === 'intent' ? client.intend(intentOf('the-marked-one')) : null
          if (what === 'outcome') world.note(client, 'the-marked-one')
          await until(() => proxy.cuts === 1, 'the connection is cut')
          await pause(cut.at === 'held COMMIT' ? 5500 : cut.outage || cut.at === 'late COMMIT' ? 1200 : 0)
          await proxy.release()
          if ((await intended)?.kind === 'written') world.acknowledged.push('the-marked-one')
          if (cut.outage) assert.ok(world.refused > 0)
          await world.more(50 * count)
          const read = await world.end()
          assertWhole(world, read)
          for (const { running, news } of writers) {
            assert.deepEqual(
              news.filter(({ event }) => event === 'trail_writer_died'),
              [],
            )
            assert.equal(running.figures.lost, 0)
          }
          assert.deepEqual(read.outcomes.toSorted(), world.noted.toSorted(), 'outcomes')
          assert.equal(read.lost, 0)
        })

    for (const [at, outage] of [
      ['silence', true],
      ['silence', false],
      ['held COMMIT', false],
    ] as const satisfies readonly (readonly [CutPlace, boolean])[])
      test(`a writer that dies while its COMMIT is on its way: ${nameOf({ at, outage })}`, async () => {
        const world = await World.begin(count)
        const { proxy, writers } = world
        const [writer] = writers
        assert.ok(writer)
        proxy.cut({ at, outage, of: marked('the-marked-one') })
        world.note(writer.clients[0] as TrailClient, 'the-marked-one')
        await until(() => proxy.cuts === 1, 'the connection is cut')
        writer.kill()
        await until(
          () => writer.news.some(({ event }) => event === 'trail_writer_replaced'),
          'there is another writer',
        )
        await pause(300)
        await proxy.release()
        await world.more(50 * count)
        const read = await world.end()
        assertWhole(world, read)
        const there = new Set(read.outcomes)
        assert.ok(world.noted.filter((id) => !there.has(id)).length <= read.lost, 'an outcome is lost unsaid')
        assert.ok(there.has('the-marked-one'), 'what was on its way is lost')
      })
  })

test('what the writer before answered late is not taken for the answer of the one in its place', async () => {
  const lane = new MessageChannel()
  const client = attachTrail(lane.port1, new Uint8Array(32), () => {})
  const [before, now] = [new MessageChannel(), new MessageChannel()]
  const heard = (port: MessagePort) => new Promise((resolve) => port.once('message', resolve))
  lane.port2.postMessage(before.port1, [before.port1])
  const asked = heard(before.port2)
  const first = client.intend(intentOf('first'))
  await asked
  lane.port2.postMessage(now.port1, [now.port1])
  assert.equal((await first).kind, 'fault')
  const askedNow = heard(now.port2)
  let answered = false
  const second = client.intend(intentOf('second')).finally(() => {
    answered = true
  })
  await askedNow
  before.port2.postMessage({ ok: true })
  await pause(50)
  assert.equal(answered, false, 'an intent is acknowledged that nobody wrote')
  now.port2.postMessage({ ok: false, detail: 'the disk is full' })
  assert.equal((await second).kind, 'fault')
  for (const { port2 } of [lane, before, now]) port2.close()
})

for (const [durability, setting] of [
  ['power', 'on'],
  ['process', 'off'],
] as const)
  test(`durability ${durability} is so where the role says otherwise`, async () => {
    const url = databases.postgres.createDatabase(`setting_${durability}`)
    const store = await openPostgresTrail(url, durability)
    assert.deepEqual(await store.chains(), [])
    const sql = (words: string) => {
      const { status, stdout, stderr } = spawnSync('psql', ['-qAt', '-c', words, url], { encoding: 'utf8' })
      assert.equal(status, 0, stderr)
      return stdout.trim()
    }
    sql(`ALTER DATABASE setting_${durability} SET synchronous_commit = ${setting === 'on' ? 'off' : 'on'};
      CREATE TABLE told (setting text);
      CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO told VALUES (current_setting('synchronous_commit')); RETURN NEW; END $$;
      CREATE TRIGGER tell BEFORE INSERT ON portcullis_trail FOR EACH ROW EXECUTE FUNCTION tell()`)
    await store.close()
    const again = await openPostgresTrail(url, durability)
    await again.append('c', [{ sequence: 1, timeMs: 1, hash: 'h', text: '{}' }], true)
    await again.close()
    assert.equal(sql('SELECT setting FROM told'), setting)
  })
