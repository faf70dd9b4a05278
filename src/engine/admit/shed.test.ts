import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Priority, priorities } from '../../program/program.ts'
import { hasRoom, mayWaitMs } from './patience.ts'
import { overloaded, shed } from './shed.ts'

const waiting = (waitedMs: number, standing: boolean): readonly Priority[] =>
  priorities.filter((priority) => waitedMs <= mayWaitMs(priority, standing, 5))

test('a burst may wait a tenth of a second', () => {
  assert.deepEqual(waiting(0, false), priorities)
  assert.deepEqual(waiting(99, false), priorities)
  assert.deepEqual(waiting(101, false), ['critical'])
})

test('in a standing queue each rank may wait longer than the one below', () => {
  assert.deepEqual(waiting(3, true), ['normal', 'high', 'critical'])
  assert.deepEqual(waiting(6, true), ['high', 'critical'])
  assert.deepEqual(waiting(51, true), ['critical'])
  assert.deepEqual(waiting(501, true), [])
})

test('the last room is kept for those who matter most', () => {
  const full = (fullness: number) => priorities.filter((priority) => hasRoom(priority, fullness))
  assert.deepEqual(full(0), priorities)
  assert.deepEqual(full(0.5), ['normal', 'high', 'critical'])
  assert.deepEqual(full(0.8), ['high', 'critical'])
  assert.deepEqual(full(0.9), ['critical'])
  assert.deepEqual(full(1), [])
})

test('only who has a turn goes on; all others are turned away (RFC 9110 15.6.4)', () => {
  assert.equal(shed('taken', '80000000').allow, true)
  for (const turn of ['late', 'full', 'gone'] as const) {
    const found = shed(turn, '80000000')
    assert.ok(!found.allow && found.reason === 'overloaded')
  }
})

test('who is turned away is told when to come again, and not all at once (RFC 9110 10.2.3)', () => {
  const told = (id: string, retryMs?: number) => overloaded('admit', '', id, retryMs).client.retryAfterSeconds
  assert.deepEqual([told('00000000'), told('80000000'), told('ffffffff'), told('proxy')], [1, 3, 5, 1])
  assert.equal(told('00000000', 4200), 5)
  assert.equal(told('00000000', 0), 1)
})
