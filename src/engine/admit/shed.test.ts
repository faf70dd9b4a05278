import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Priority, priorities } from '../../program/program.ts'
import type { Lateness } from '../ports.ts'
import { overloaded, shed } from './shed.ts'

const passing = (load: Lateness): readonly Priority[] =>
  priorities.filter((priority) => shed(load, priority, '80000000').allow)

test('nobody is turned away while the thread keeps up, and a burst may wait a tenth of a second', () => {
  assert.deepEqual(passing({ waitedMs: 0, standing: false, limitMs: 5, serveMs: 5, fullness: 0 }), priorities)
  assert.deepEqual(
    passing({ waitedMs: 99, standing: false, limitMs: 5, serveMs: 5, fullness: 0 }),
    priorities,
  )
  assert.deepEqual(passing({ waitedMs: 101, standing: false, limitMs: 5, serveMs: 5, fullness: 0 }), [
    'critical',
  ])
})

test('in a standing queue the lowest priority gives way first', () => {
  const late = (waitedMs: number) =>
    passing({ waitedMs, standing: true, limitMs: 5, serveMs: 5, fullness: 0 })
  assert.deepEqual(late(1), ['normal', 'high', 'critical'])
  assert.deepEqual(late(6), ['high', 'critical'])
  assert.deepEqual(late(51), ['critical'])
  assert.deepEqual(late(501), [])
})

test('in a standing queue those of normal priority are served for as long as turns stay short', () => {
  const late = (waitedMs: number) =>
    passing({ waitedMs, standing: true, limitMs: 5, serveMs: 0.5, fullness: 0 })
  assert.deepEqual(late(0.4), ['normal', 'high', 'critical'])
  assert.deepEqual(late(0.6), ['high', 'critical'])
  assert.deepEqual(late(49), ['high', 'critical'])
})

test('the last room is kept for those who matter most', () => {
  const full = (fullness: number) =>
    passing({ waitedMs: 0, standing: false, limitMs: 5, serveMs: 5, fullness })
  assert.deepEqual(full(0.5), ['normal', 'high', 'critical'])
  assert.deepEqual(full(0.8), ['high', 'critical'])
  assert.deepEqual(full(0.9), ['critical'])
  assert.deepEqual(full(1), [])
})

test('who is turned away is told when to come again, and not all at once (RFC 9110 10.2.3)', () => {
  const told = (id: string, retryMs?: number) => overloaded('admit', '', id, retryMs).client.retryAfterSeconds
  const ids = Array.from({ length: 200 }, (_, nth) => `proxy-${nth}`)
  const seconds = (retryMs?: number) => [...new Set(ids.map((id) => told(id, retryMs)))].sort()
  assert.deepEqual(seconds(), [1, 2, 3, 4, 5])
  assert.deepEqual(seconds(4200), [5, 6, 7, 8, 9])
  assert.deepEqual(seconds(0), [1, 2, 3, 4])
})
