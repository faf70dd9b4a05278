import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pool } from 'undici'
import { type Call, type Turn, Upstream } from './upstream.ts'

test('who comes in the very moment in which a breaker opens again is in the line that it leaves', (t) => {
  const nowMs = t.mock.method(performance, 'now', () => 0)
  const pool = { stats: { connected: 0, free: 0 } } as unknown as Pool
  const breaker = { failures: 1, ratio: 1, windowMs: 1000, openMs: 100, probes: 1 }
  const upstream = new Upstream('default', pool, { connections: 1, queue: 0, breaker }, 5, () => {})
  const told: string[] = []
  let turn: Turn | null = null
  const call: Call = {
    priority: 'normal',
    requestId: 'a',
    send(given) {
      told.push('sent')
      turn = given
    },
    refuse: ({ reason }) => told.push(reason),
  }
  const finish = (result: 'answered' | 'failed') => {
    turn?.settle(result)
    turn?.done()
    turn = null
  }
  upstream.enter(call)
  finish('failed')
  // The clock moves on between one look and the next.
  let times = 0
  nowMs.mock.mockImplementation(() => (times++ === 0 ? 99.9 : 100))
  upstream.enter(call)
  finish('answered')
  assert.equal(upstream.figures.running, 0)
  upstream.enter(call)
  assert.equal(upstream.figures.running, 1)
  assert.equal(told[0], 'sent')
})
