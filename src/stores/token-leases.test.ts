import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keyNamed } from '../../test/harness/key-named.ts'
import { sharedLimit } from '../../test/harness/store-counters.ts'
import { TokenLeases } from './token-leases.ts'

const atMs = 1_800_000_000_000
const asked = {
  limit: sharedLimit('lent', 100, 100, { mode: 'leased', lease: 10 }),
  key: keyNamed('k'),
  cost: 1,
}

/** Leases that hold nine of ten tokens, borrowed at `atMs`. */
function borrowed() {
  const back: number[] = []
  const leases = new TokenLeases((tokens) => back.push(...tokens.map(({ count }) => count)))
  leases.settle(leases.claim(asked, atMs), { owedMs: 0, taken: 10, backOffMs: 0 }, atMs)
  return { leases, back }
}

test('a request that came before its lease was borrowed, and waited for its identity, spends of it', (t) => {
  const { leases, back } = borrowed()
  t.after(() => leases.returnAll())
  for (const behindMs of [1, 100, 5000]) {
    const claim = leases.claim(asked, atMs - behindMs)
    assert.deepEqual([claim.asks, claim.leased], [false, 1])
  }
  assert.deepEqual(back, [])
})

test('who came before and borrows anew does not make a lease older than it is', (t) => {
  const { leases, back } = borrowed()
  t.after(() => leases.returnAll())
  const much = leases.claim({ ...asked, cost: 10 }, atMs - 4000)
  leases.settle(much, { owedMs: 0, taken: 11, backOffMs: 0 }, atMs - 4000)
  assert.equal(leases.claim(asked, atMs + 4999).asks, false)
  assert.deepEqual(back, [])
})

test('what was lent before the clock was set back goes back', (t) => {
  const { leases, back } = borrowed()
  t.after(() => leases.returnAll())
  assert.equal(leases.claim(asked, atMs - 60_000).asks, true)
  assert.deepEqual(back, [9])
})

test('tokens on loan under a limit that a reload changed go back, those that still come in too', (t) => {
  const { leases, back } = borrowed()
  t.after(() => leases.returnAll())
  const onItsWay = leases.claim({ ...asked, cost: 10 }, atMs)
  const changed = leases.claim({ ...asked, limit: { ...asked.limit, rate: 50 } }, atMs)
  assert.deepEqual([changed.asks, changed.leased], [true, 0])
  leases.settle(onItsWay, { owedMs: 0, taken: 11, backOffMs: 0 }, atMs)
  assert.deepEqual(back, [10])
})
