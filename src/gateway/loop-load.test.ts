import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { LoopLoad } from './loop-load.ts'

test('a request has waited since its turn of the loop began; a queue stands while every turn finds one', async () => {
  let nowMs = 0
  const load = new LoopLoad(
    () => 0.25,
    () => nowMs,
  )
  assert.deepEqual(load.lateness(), { waitedMs: 0, standing: false, fullness: 0.25 })
  for (let turn = 0; turn < 12; turn++) {
    load.arrived()
    assert.equal(load.lateness().waitedMs, 0, 'at the beginning of the turn')
    nowMs += 10
    assert.equal(load.lateness().waitedMs, 10, 'at its end')
    await nextTurn()
  }
  load.arrived()
  assert.equal(load.lateness().standing, true)
  await nextTurn()
  await nextTurn()
  await nextTurn()
  nowMs += 1000
  assert.equal(load.lateness().waitedMs, 0, 'a turn without a request ended it')
  load.arrived()
  assert.deepEqual(load.lateness(), { waitedMs: 0, standing: false, fullness: 0.25 })
})
