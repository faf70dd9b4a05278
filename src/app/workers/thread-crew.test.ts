import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { StartError } from '../start-error.ts'
import type { Policy } from './control.ts'
import { allocateSharedState } from './shared-state.ts'
import type { Thread, ThreadControl } from './thread.ts'
import { startThreads } from './thread-crew.ts'

/** A thread as far as the crew sees it, whose answers come when the test says so: a race of milliseconds is met for sure. */
class Actor implements Thread {
  readonly worker: number
  readonly acts: string[] = []
  readonly ended: Promise<string>
  die: (why: string) => void = () => {}
  /** Resolves what it is asked next. */
  readonly answers = new Map<string, Promise<void>>()
  #prepared: Policy | null = null

  constructor(worker: number) {
    this.worker = worker
    this.ended = new Promise((resolve) => {
      this.die = resolve
    })
  }

  async open(policy: Policy) {
    await this.#act('open', policy)
    return { https: null, http: null }
  }

  async prepare(policy: Policy) {
    await this.#act('prepare', policy)
    this.#prepared = policy
  }

  async commit() {
    const prepared = this.#prepared
    this.#prepared = null
    if (!prepared) {
      this.acts.push('commit of nothing')
      throw new Error('nothing is prepared')
    }
    await this.#act('commit', prepared)
  }

  async discard() {
    this.#prepared = null
    this.acts.push('discard')
  }

  async status() {
    return { unready: [], inFlight: 0 }
  }

  async stop() {}

  async end() {
    this.acts.push('end')
    this.die('it was ended')
  }

  async #act(name: string, { program }: Policy) {
    this.acts.push(`${name} ${program.digest}`)
    await Promise.race([this.answers.get(name), this.ended.then((why) => assert.fail(why))])
  }
}

const policy = (digest: string) => ({ program: { digest }, settings: {} }) as unknown as Policy

function gate() {
  let open: () => void = () => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open }
}

async function world() {
  const actors: Actor[] = []
  const told: string[] = []
  const replacing = gate()
  const shared = allocateSharedState(2)
  const control = { shared, tell: (event: string) => told.push(event), changed() {} }
  const started = startThreads(control as unknown as ThreadControl, (worker) => {
    const actor = new Actor(worker)
    // The one that takes the place of another opens when the test says so.
    if (actors.length >= 2) actor.answers.set('open', replacing.opened)
    actors.push(actor)
    return actor
  })
  const crew = await started.open(policy('old'))
  const [first, second] = actors as [Actor, Actor]
  const third = async (): Promise<Actor> => {
    while (actors.length < 3) await sleep(20)
    return actors[2] as Actor
  }
  return { crew, first, second, third, told, replacing }
}

test('a thread that is opened while a reload is put in force follows once', async () => {
  const { crew, first, second, third, told, replacing } = await world()
  second.die('of a defect')
  const replacement = await third()
  const prepared = await crew.prepare(policy('new'))
  const committing = gate()
  first.answers.set('commit', committing.opened)
  const committed = prepared.commit()
  // Both whoever replaced it and the reload, once the first has committed, now find that it is behind.
  const preparing = gate()
  replacement.answers.set('prepare', preparing.opened)
  replacing.open()
  await sleep(10)
  committing.open()
  await sleep(10)
  preparing.open()
  await committed
  await sleep(10)
  assert.deepEqual(replacement.acts, ['open old', 'prepare new', 'commit new'])
  assert.deepEqual(first.acts, ['open old', 'prepare new', 'commit new'])
  assert.deepEqual(told, ['worker_died', 'worker_replaced'])
  await crew.stop(0)
})

test('a thread that dies in the very tick in which it has opened serves nothing, and refuses no reload', async () => {
  const { crew, first, second, third, told, replacing } = await world()
  second.die('of a defect')
  const replacement = await third()
  // Its answer and its end arrive together, as those of a thread that runs out of memory as soon as it serves.
  replacing.open()
  await null
  await null
  replacement.die('out of memory')
  await sleep(10)
  assert.deepEqual(told, ['worker_died', 'worker_died', 'worker_failed'])
  await (await crew.prepare(policy('new'))).commit()
  assert.deepEqual(first.acts, ['open old', 'prepare new', 'commit new'])
  first.die('of a defect')
  await sleep(10)
  assert.deepEqual((await crew.status()).unready, ['no worker is running'])
  await crew.stop(0)
})

test('a reload waits for a thread that still follows the one before', async () => {
  const { crew, first, second, third, replacing } = await world()
  second.die('of a defect')
  const replacement = await third()
  const committed = (await crew.prepare(policy('new'))).commit()
  const preparing = gate()
  replacement.answers.set('prepare', preparing.opened)
  replacing.open()
  await sleep(10)
  const refused = Promise.reject(new Error('refused'))
  refused.catch(() => {})
  first.answers.set('prepare', refused)
  const reload = crew.prepare(policy('newer'))
  await sleep(10)
  preparing.open()
  await committed
  await assert.rejects(reload, /refused/)
  assert.deepEqual(replacement.acts, ['open old', 'prepare new', 'commit new', 'prepare newer', 'discard'])
  await crew.stop(0)
})

test('a thread that dies while a reload is prepared, and is replaced meanwhile, has refused nothing', async () => {
  const { crew, first, second, third, told, replacing } = await world()
  replacing.open()
  const preparing = gate()
  first.answers.set('prepare', preparing.opened)
  second.answers.set('prepare', preparing.opened)
  const reload = crew.prepare(policy('new'))
  await sleep(10)
  second.die('of a defect')
  const replacement = await third()
  await sleep(10)
  preparing.open()
  await (await reload).commit()
  assert.deepEqual(replacement.acts, ['open old', 'prepare new', 'commit new'])
  assert.deepEqual(told, ['worker_died', 'worker_replaced'])
  await crew.stop(0)
})

test('a policy that ends every thread that prepares it is refused, and the one in force stays', async () => {
  const { crew, first, second, third, replacing } = await world()
  replacing.open()
  const preparing = gate()
  for (const actor of [first, second]) actor.answers.set('prepare', preparing.opened)
  const reload = crew.prepare(policy('deadly'))
  await sleep(10)
  for (const actor of [first, second]) actor.die('out of memory')
  await assert.rejects(reload, /out of memory/)
  const replacement = await third()
  await sleep(10)
  assert.deepEqual(replacement.acts, ['open old'])
  await crew.stop(0)
})

test('a thread that took the place of one that had prepared a reload is not asked to commit it', async () => {
  const { crew, second, third, told, replacing } = await world()
  const prepared = await crew.prepare(policy('new'))
  second.die('of a defect')
  const replacement = await third()
  const committed = prepared.commit()
  await sleep(10)
  assert.deepEqual(replacement.acts, ['open old'])
  replacing.open()
  await committed
  await sleep(10)
  assert.deepEqual(replacement.acts, ['open old', 'prepare new', 'commit new'])
  assert.deepEqual(told, ['worker_died', 'worker_replaced'])
  await crew.stop(0)
})

test('a reload is in force when the thread that was being opened meanwhile has followed, and not before', async () => {
  const { crew, second, third, replacing } = await world()
  second.die('of a defect')
  const replacement = await third()
  let told = false
  const committed = (await crew.prepare(policy('new'))).commit().then(() => {
    told = true
  })
  await sleep(10)
  assert.equal(told, false, 'it serves by the old one as soon as it has opened')
  replacing.open()
  await committed
  assert.deepEqual(replacement.acts, ['open old', 'prepare new', 'commit new'])
  await crew.stop(0)
})

test('a thread that never comes to open holds up no reload once it has ended', async () => {
  const { crew, second, third, told } = await world()
  second.die('of a defect')
  const replacement = await third()
  const committed = (await crew.prepare(policy('new'))).commit()
  await sleep(10)
  replacement.die('it was ended')
  await committed
  assert.ok(told.includes('worker_failed'))
  await crew.stop(0)
})

test('where the system gives no thread for another that died, the others go on, and it is asked again', async (t) => {
  const started: Actor[] = []
  const told: string[] = []
  let refusals = 0
  const control = { shared: allocateSharedState(2), tell: (event: string) => told.push(event), changed() {} }
  const crew = await startThreads(control as unknown as ThreadControl, (worker) => {
    if (started.length === 2 && refusals++ === 0) throw new Error('EAGAIN')
    const actor = new Actor(worker)
    started.push(actor)
    return actor
  }).open(policy('old'))
  t.after(() => crew.stop(0))
  started[1]?.die('of a defect')
  while (started.length < 3) await sleep(20)
  await sleep(10)
  assert.deepEqual(told, ['worker_died', 'worker_failed', 'worker_replaced'])
  assert.deepEqual((await crew.status()).unready, [])
})

test('where there are fewer threads than workers at the start, it is refused, and those that there were are ended', () => {
  const started: Actor[] = []
  const control = { shared: allocateSharedState(3) } as unknown as ThreadControl
  const start = (worker: number) => {
    if (started.length === 2) throw new Error('EAGAIN')
    const actor = new Actor(worker)
    started.push(actor)
    return actor
  }
  assert.throws(() => startThreads(control, start), StartError)
  assert.deepEqual(
    started.map(({ acts }) => acts),
    [['end'], ['end']],
  )
})

test('a process whose threads have all died waits for those that take their places, until it is stopped', async () => {
  const { crew, first, second } = await world()
  const waits = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length
  const before = waits()
  first.die('of a defect')
  second.die('of the same')
  await new Promise((resolve) => setImmediate(resolve))
  assert.ok(waits() > before, 'nothing keeps it')
  await crew.stop(1)
  assert.equal(waits(), before)
})
