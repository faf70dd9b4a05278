import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Breaker, type CallResult, closedBreaker, enter, type Pass, settle } from './breaker.ts'

const rules = { failures: 3, ratio: 0.5, windowMs: 10_000, openMs: 5000, probes: 2 }

function after(results: readonly CallResult[], from: Breaker = closedBreaker(0), nowMs = 1): Breaker {
  return results.reduce((breaker, result) => settle(breaker, rules, call, result, nowMs), from)
}
const call = { closedMs: 0 }
const open = after(['failed', 'failed', 'failed'])

/** A probe that enters then: its pass, and the breaker after. */
function probe(breaker: Breaker, nowMs: number): { readonly pass: Pass; readonly next: Breaker } {
  const { pass, next } = enter(breaker, rules, nowMs)
  assert.ok(typeof pass === 'object' && 'probeUntilMs' in pass, 'it is a probe')
  return { pass, next }
}

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
  assert.equal(settle(open, rules, call, 'answered', 2000), open)
})

test('after its time so many probes pass at once, and no more', () => {
  const first = probe(open, 5001)
  const second = probe(first.next, 5001)
  assert.equal(enter(second.next, rules, 5001).pass, 'refused')
  const left = settle(second.next, rules, first.pass, 'abandoned', 5002)
  const third = probe(left, 5003)
  assert.equal(enter(third.next, rules, 5003).pass, 'refused')
})

test('E3 probes that tell nothing, e.g. for a body that comes slowly, do not keep it shut: after its time come others', () => {
  const first = probe(open, 5001)
  const { next: full } = probe(first.next, 6000)
  assert.deepEqual(enter(full, rules, 10_000), { pass: 'refused', next: full, retryMs: 1 })
  const more = probe(probe(full, 10_001).next, 10_001)
  assert.equal(enter(more.next, rules, 15_000).pass, 'refused')
  assert.deepEqual(settle(more.next, rules, first.pass, 'answered', 10_002), closedBreaker(10_002))
})

test('E3 a probe of an earlier half-open time that is broken off lets no other through in this one', () => {
  const early = probe(open, 5001)
  const { next: both } = probe(early.next, 5001)
  const { next: full } = probe(probe(both, 10_001).next, 10_001)
  const left = settle(full, rules, early.pass, 'abandoned', 10_002)
  assert.equal(enter(left, rules, 10_002).pass, 'refused')
})

test('a probe that is answered closes it, one that fails opens it again', () => {
  const { pass, next } = probe(open, 5001)
  assert.deepEqual(settle(next, rules, pass, 'answered', 5010), closedBreaker(5010))
  assert.deepEqual(settle(next, rules, pass, 'failed', 5010), { kind: 'open', untilMs: 10_010 })
})

test('a half-open breaker does not listen to calls from before it opened', () => {
  const { next } = probe(open, 5001)
  assert.equal(settle(next, rules, call, 'failed', 5002), next)
  assert.equal(settle(next, rules, call, 'answered', 5002), next)
})

test('one that closed again does not listen to calls from before it opened, which may fail later for their timeout', () => {
  const { pass, next } = probe(open, 5001)
  const closed = settle(next, rules, pass, 'answered', 5010)
  assert.equal(after(['failed', 'failed', 'failed'], closed, 5011), closed)
  const { pass: since } = enter(closed, rules, 5012)
  assert.ok(since !== 'refused')
  const results = Array.from({ length: rules.failures }, () => 'failed' as const)
  const opened = results.reduce<Breaker>(
    (breaker, result) => settle(breaker, rules, since, result, 20_000),
    closed,
  )
  assert.equal(opened.kind, 'open')
})

test('a probe of an earlier half-open time that fails only now does not open it before the latest is heard', () => {
  const early = probe(open, 5001)
  const { next: both } = probe(early.next, 5001)
  const { pass, next } = probe(both, 10_001)
  const left = settle(next, rules, early.pass, 'failed', 10_002)
  assert.deepEqual(settle(left, rules, pass, 'answered', 10_003), closedBreaker(10_003))
})
