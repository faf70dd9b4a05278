import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { LoopLoad } from './loop-load.ts'

/** A loop whose turns take as long as is said, each with a request at its beginning. */
function world() {
  let nowMs = 0
  const load = new LoopLoad(
    125,
    () => 0.25,
    () => nowMs,
  )
  return {
    load,
    async turns(count: number, ms: number) {
      for (let i = 0; i < count; i++) {
        load.arrived()
        nowMs += ms
        await nextTurn()
      }
    },
    pass(ms: number) {
      nowMs += ms
    },
  }
}

test('a request has waited since its turn of the loop began', async () => {
  const { load, turns, pass } = world()
  load.arrived()
  assert.deepEqual(load.lateness(), { waitedMs: 0, standing: false, limitMs: 5, fullness: 0.25 })
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

test('a queue stands when no turn was short for a tenth of a second, and until all were for as long', async () => {
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
