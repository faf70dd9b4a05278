import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Breaker, type CallResult, closedBreaker, enter, settle } from './breaker.ts'

const rules = { failures: 3, ratio: 0.5, windowMs: 10_000, openMs: 5000, probes: 2 }

function after(results: readonly CallResult[], from: Breaker = closedBreaker(0), nowMs = 1): Breaker {
  return results.reduce((breaker, result) => settle(breaker, rules, 'call', result, nowMs), from)
}
const open = after(['failed', 'failed', 'failed'])

test('a breaker opens when so many calls of its window failed, and such a share of them', () => {
  assert.equal(after(['failed', 'failed']).kind, 'closed')
  assert.equal(open.kind, 'open')
  assert.equal(
    after(['answered', 'answered', 'answered', 'answered', 'failed', 'failed', 'failed']).kind,
    'closed',
  )
  assert.equal(after(['answered', 'answered', 'answered', 'failed', 'failed', 'failed']).kind, 'open')
})

test('failures of an earlier window are forgotten', () => {
  assert.equal(after(['failed'], after(['failed', 'failed']), 10_001).kind, 'closed')
})

test('a call that the client broke off says nothing about the upstream', () => {
  const before = after(['failed', 'failed'])
  assert.equal(after(['abandoned', 'abandoned'], before), before)
})

test('an open breaker refuses at once and says when to come again', () => {
  assert.deepEqual(enter(open, rules, 1001), { pass: 'refused', next: open, retryMs: 4000 })
  assert.equal(settle(open, rules, 'call', 'answered', 2000), open)
})

test('after its time so many probes pass at once, and no more', () => {
  const first = enter(open, rules, 5001)
  assert.equal(first.pass, 'probe')
  const second = enter(first.next, rules, 5001)
  assert.equal(second.pass, 'probe')
  assert.equal(enter(second.next, rules, 5001).pass, 'refused')
  const left = settle(second.next, rules, 'probe', 'abandoned', 5002)
  assert.equal(enter(left, rules, 5003).pass, 'probe')
})

test('E3 probes that tell nothing, e.g. for a body that comes slowly, do not keep it shut: after its time come others', () => {
  const first = enter(open, rules, 5001)
  const { next: full } = enter(first.next, rules, 6000)
  assert.deepEqual(enter(full, rules, 10_000), { pass: 'refused', next: full, retryMs: 1 })
  const again = enter(full, rules, 10_001)
  assert.equal(again.pass, 'probe')
  const more = enter(again.next, rules, 10_001)
  assert.equal(more.pass, 'probe')
  assert.equal(enter(more.next, rules, 15_000).pass, 'refused')
  assert.deepEqual(settle(more.next, rules, 'probe', 'answered', 10_002), closedBreaker(10_002))
})

test('a probe that is answered closes it, one that fails opens it again', () => {
  const { next } = enter(open, rules, 5001)
  assert.deepEqual(settle(next, rules, 'probe', 'answered', 5010), closedBreaker(5010))
  assert.deepEqual(settle(next, rules, 'probe', 'failed', 5010), { kind: 'open', untilMs: 10_010 })
})

test('a half-open breaker does not listen to calls from before it opened', () => {
  const { next } = enter(open, rules, 5001)
  assert.equal(settle(next, rules, 'call', 'failed', 5002), next)
  assert.equal(settle(next, rules, 'call', 'answered', 5002), next)
})
