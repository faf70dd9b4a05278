import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { LoopLoad } from './loop-load.ts'

const never = (error: unknown) => assert.fail(String(error))

/** A loop whose turns take as long as is said, each with a request at its beginning. */
function world() {
  let nowMs = 0
  let sleptMs = 0
  const load = new LoopLoad(
    125,
    () => 0.25,
    () => nowMs,
    () => sleptMs,
  )
  return {
    load,
    async turns(count: number, ms: number, refused = 0) {
      for (let i = 0; i < count; i++) {
        load.arrived()
        for (let j = 0; j < refused; j++) load.turnAway(() => {}, never)
        nowMs += ms
        await nextTurn()
      }
    },
    pass(ms: number) {
      nowMs += ms
    },
    sleep(ms: number) {
      nowMs += ms
      sleptMs += ms
    },
  }
}

test('a request has waited since its turn of the loop began', async () => {
  const { load, turns, pass } = world()
  load.arrived()
  assert.deepEqual(load.lateness(), { waitedMs: 0, standing: false, limitMs: 5, serveMs: 5, fullness: 0.25 })
  pass(7)
  load.arrived()
  assert.equal(load.lateness().waitedMs, 7)
  await nextTurn()
  assert.equal(load.lateness().waitedMs, 0, 'the next turn has begun')
  await nextTurn()
  await nextTurn()
  pass(1000)
  load.arrived()
  assert.equal(load.lateness().waitedMs, 0, 'the loop slept')
  await turns(1, 0)
})

test('a queue stands when every turn was long for a tenth of a second, and until none was for as long', async () => {
  const { load, turns } = world()
  await turns(10, 10)
  assert.equal(load.lateness().standing, false, 'a burst')
  await turns(2, 10)
  assert.equal(load.lateness().standing, true)
  await turns(1, 0)
  await turns(1, 10)
  assert.equal(load.lateness().standing, true, 'one short turn does not end it')
  await turns(51, 2)
  assert.equal(load.lateness().standing, false)
})

test('one short turn in a tenth of a second is enough for a queue that comes and goes', async () => {
  const { load, turns } = world()
  for (let i = 0; i < 10; i++) {
    await turns(8, 10)
    await turns(1, 1)
  }
  assert.equal(load.lateness().standing, false)
})

test('a queue in which somebody was turned away a tenth of a second ago stands', async () => {
  const { load, turns } = world()
  await turns(12, 10)
  await turns(200, 1, 1)
  assert.equal(load.lateness().standing, true)
  await turns(102, 1)
  assert.equal(load.lateness().standing, false)
})

for (const [what, ms, refused] of [
  ['is turned away', 1, 1],
  ['takes long', 10, 0],
] as const)
  test(`in a thread that sleeps, who ${what} keeps no queue standing, however often it asks`, async () => {
    const { load, turns, sleep } = world()
    await turns(12, 10)
    for (let i = 0; i < 4; i++) {
      await turns(1, ms, refused)
      await nextTurn()
      await nextTurn()
      sleep(40)
    }
    await turns(1, ms, refused)
    assert.equal(load.lateness().standing, false)
    await nextTurn()
  })

test('who asks after it waited for something else has not waited for the thread', async () => {
  const { load, turns, pass } = world()
  await turns(1, 1)
  await nextTurn()
  await nextTurn()
  pass(150)
  assert.equal(load.lateness().waitedMs, 0)
  pass(7)
  assert.equal(load.lateness().waitedMs, 7, 'in this turn')
  await nextTurn()
})

test('while a queue stands, less is served in a turn after a long one, and more after one with nothing to do', async () => {
  const { load, turns, pass } = world()
  const limit = () => load.lateness().serveMs
  await turns(12, 10)
  const afterLong = limit()
  assert.ok(afterLong < 5)
  await turns(1, 4.5, 1)
  assert.ok(limit() < afterLong, 'a turn of more than a thirtieth of what may be waited')
  const reached = limit()
  await turns(1, 4, 1)
  assert.equal(limit(), reached, 'such a turn is as it is to be')
  await nextTurn()
  assert.ok(limit() > reached, 'nobody came')
  await turns(1000, 4.5, 1)
  assert.ok(limit() > 0.65 && limit() < 0.85, 'a sixth of a turn')
  await turns(1000, 24, 1)
  assert.ok(
    limit() > 3.5 && limit() < 4.5,
    'where turning away takes the time, serving less makes turns no shorter',
  )
  await turns(1000, 4.5, 1)
  for (let i = 0; i < 70; i++) {
    await turns(1, 0.1, 1)
    await nextTurn()
  }
  assert.equal(limit(), 5)
  await nextTurn()
  pass(101)
  await turns(1, 0)
  assert.deepEqual([load.lateness().standing, limit()], [false, 5])
})

test('who is turned away is told at the end of the turn, or with thirty-two others', async () => {
  const { load, turns } = world()
  const told: number[] = []
  const turnAway = (from: number, to: number) => {
    for (let i = from; i < to; i++) load.turnAway(() => told.push(i), never)
  }
  turnAway(0, 31)
  assert.equal(told.length, 0)
  turnAway(31, 33)
  assert.equal(told.length, 32)
  await nextTurn()
  assert.deepEqual(
    told,
    Array.from({ length: 33 }, (_, i) => i),
  )
  await turns(1, 0)
})

test('one who cannot be told does not keep the others from it', async () => {
  const { load } = world()
  const seen: unknown[] = []
  load.turnAway(
    () => {
      throw new Error('gone')
    },
    (error) => seen.push((error as Error).message),
  )
  load.turnAway(() => seen.push('told'), never)
  await nextTurn()
  assert.deepEqual(seen, ['gone', 'told'])
  await nextTurn()
})
