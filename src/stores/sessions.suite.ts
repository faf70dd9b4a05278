import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SessionStore } from '../engine/session-store.ts'

const none = { kind: 'none' }
const done = { kind: 'done' }
const refused = { kind: 'refused' }
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
let made = 0
const fresh = (word: string) => `${word}-${process.pid}-${made++}`

/** What every store of sessions must do. @param open gives the store under test */
export function sessionStoreSuite(name: string, open: () => SessionStore): void {
  const entry = (more: object = {}) => ({
    sealed: 'sealed-text',
    idleMs: 60_000,
    endsMs: Date.now() + 60_000,
    indexes: [] as readonly string[],
    ...more,
  })

  test(`${name}: what was created is found by its key and no other`, async () => {
    const store = open()
    const key = fresh('key')
    assert.deepEqual(await store.create(key, entry(), Date.now()), done)
    assert.deepEqual(await store.find(key, 1000, Date.now()), { kind: 'found', sealed: 'sealed-text' })
    assert.deepEqual(await store.find(fresh('key'), 1000, Date.now()), none)
  })

  test(`${name}: a session that is not used ends, use prolongs it`, async () => {
    const store = open()
    const [used, unused] = [fresh('used'), fresh('unused')]
    for (const key of [used, unused]) await store.create(key, entry({ idleMs: 1000 }), Date.now())
    await pause(600)
    assert.equal((await store.find(used, 1000, Date.now())).kind, 'found')
    await pause(600)
    assert.equal((await store.find(used, 0, Date.now())).kind, 'found')
    assert.deepEqual(await store.find(unused, 1000, Date.now()), none)
    await pause(600)
    assert.deepEqual(
      await store.find(used, 1000, Date.now()),
      none,
      'a look without prolonging prolongs nothing',
    )
  })

  test(`${name}: at the end of its lifetime a session is gone, whatever its use`, async () => {
    const store = open()
    const key = fresh('key')
    await store.create(key, entry({ endsMs: Date.now() + 800 }), Date.now())
    assert.equal((await store.find(key, 60_000, Date.now())).kind, 'found')
    await pause(850)
    assert.deepEqual(await store.find(key, 60_000, Date.now()), none)
  })

  test(`${name}: what is replaced keeps its end; what is gone is not brought back`, async () => {
    const store = open()
    const key = fresh('key')
    const endsMs = Date.now() + 60_000
    await store.create(key, entry({ idleMs: 800, endsMs }), Date.now())
    assert.deepEqual(await store.replace(key, { sealed: 'renewed', endsMs }, Date.now()), done)
    assert.deepEqual(await store.find(key, 0, Date.now()), { kind: 'found', sealed: 'renewed' })
    await pause(850)
    assert.deepEqual(await store.find(key, 0, Date.now()), none)
    assert.deepEqual(await store.replace(key, { sealed: 'again', endsMs }, Date.now()), refused)
    assert.deepEqual(await store.find(key, 0, Date.now()), none)
  })

  test(`${name}: removed is removed, by key or by index`, async () => {
    const store = open()
    const [one, two, other] = [fresh('one'), fresh('two'), fresh('other')]
    const [ada, bob] = [fresh('ada'), fresh('bob')]
    await store.create(one, entry({ indexes: [fresh('sid'), ada] }), Date.now())
    await store.create(two, entry({ indexes: [ada] }), Date.now())
    await store.create(other, entry({ indexes: [bob] }), Date.now())
    assert.deepEqual(await store.remove(one), done)
    assert.deepEqual(await store.remove(one), done)
    assert.deepEqual(await store.find(one, 0, Date.now()), none)
    assert.deepEqual(await store.removeAll(ada), done)
    assert.deepEqual(await store.removeAll(fresh('nobody')), done)
    assert.deepEqual(await store.find(two, 0, Date.now()), none)
    assert.equal((await store.find(other, 0, Date.now())).kind, 'found')
  })

  test(`${name}: a name is claimed by one at a time, until it is released or its time is over`, async () => {
    const store = open()
    const name = fresh('claim')
    const claim = (ms: number) => store.claim(name, Date.now() + ms, Date.now())
    const both = await Promise.all([claim(60_000), claim(60_000)])
    assert.deepEqual(both.map(({ kind }) => kind).sort(), ['done', 'refused'])
    await store.release(name)
    assert.deepEqual(await claim(800), done)
    assert.deepEqual(await claim(800), refused)
    await pause(850)
    assert.deepEqual(await claim(60_000), done)
  })
}
