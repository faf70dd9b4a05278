import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keyNamed } from '../../../test/harness/key-named.ts'
import { parseIp } from '../../base/ip.ts'
import type { CapPlan } from '../../program/program.ts'
import { openJournal } from '../outcome.ts'
import type { Placed, Places, Placing } from '../ports.ts'
import { linkLimit } from './limit-key.ts'
import { endPlaces, judgePlaced, leavePlaces, takePlaces } from './places.ts'

const requestId = '80000000c19347e2a1f7c5d0e3b69a44'
const cap = (name: string): CapPlan => ({
  name,
  by: [{ property: 'subject' }],
  concurrent: 2,
  ipv6PrefixBits: 64,
})
const address = parseIp('192.0.2.1') as NonNullable<ReturnType<typeof parseIp>>
const openOne = () =>
  openJournal({
    id: requestId,
    trace: { traceId: '0'.repeat(32), spanId: '0'.repeat(16) },
    peer: { address: '192.0.2.1', encrypted: true },
    method: 'GET',
  })

function recording(): Places & { readonly left: string[]; readonly asked: Placing[] } {
  const left: string[] = []
  const asked: Placing[] = []
  return {
    left,
    asked,
    take(placings): Placed {
      asked.push(...placings)
      const states = placings.map(() => ({ remaining: 1, retryMs: 0, backOffMs: 0 }))
      return { allowed: true, states, held: placings.map(({ cap: { name } }) => name) }
    },
    leave: (held) => void left.push(...held),
  }
}

test('a denial names the full caps to the operator and to the client, with the longest wait (RFC 6585 4)', () => {
  const placings = ['a', 'b', 'c'].map((name) => ({ cap: cap(name), key: keyNamed('k') }))
  const denied = judgePlaced(
    placings,
    {
      allowed: false,
      states: [
        { remaining: 1, retryMs: 0, backOffMs: 0 },
        { remaining: 0, retryMs: 1000, backOffMs: 1000 },
        { remaining: 0, retryMs: 1000, backOffMs: 4000 },
      ],
    },
    requestId,
  )
  assert.ok(!denied.allow && denied.reason === 'quota_exceeded')
  assert.equal(denied.stage, 'limit')
  assert.equal(denied.detail, 'full: b, c')
  assert.deepEqual(denied.client.violatedPolicies, ['b', 'c'])
  assert.ok(denied.client.retryAfterSeconds >= 4 && denied.client.retryAfterSeconds <= 6)
})

test('a key that cannot be counted is turned away, and no cap is blamed for it (RFC 9110 15.6.4)', () => {
  const states = [{ remaining: 2, retryMs: 0, backOffMs: 0 }]
  const denied = judgePlaced([{ cap: cap('a'), key: keyNamed('k') }], { allowed: false, states }, requestId)
  assert.ok(!denied.allow && denied.reason === 'overloaded')
})

test('F4: who lacks what a cap counts by is counted by its address', () => {
  const places = recording()
  takePlaces([linkLimit(cap('a'))], places, openOne(), address, 0)
  assert.deepEqual(places.asked[0]?.key, { namespace: 'address', name: '192.0.2.1/32' })
})

test('places are given back once, however often and in whatever order the ends come', () => {
  const [places, journal] = [recording(), openOne()]
  takePlaces([linkLimit(cap('door'))], places, journal, address, 0)
  takePlaces([linkLimit(cap('user'))], places, journal, address, 0)
  leavePlaces(journal, places)
  endPlaces(journal, places)
  endPlaces(journal, places)
  assert.deepEqual(places.left, ['door', 'user'])
})

test('a stage that is still under way when the exchange ends keeps no place', () => {
  const [places, journal] = [recording(), openOne()]
  endPlaces(journal, places)
  takePlaces([linkLimit(cap('late'))], places, journal, address, 0)
  assert.deepEqual(places.left, ['late'])
})

test('where no cap is configured nothing is asked', () => {
  const [places, journal] = [recording(), openOne()]
  assert.ok(takePlaces([], places, journal, address, 0).allow)
  assert.deepEqual([places.asked, journal.places], [[], null])
})
