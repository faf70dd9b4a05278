import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { keyNamed } from '../../test/harness/key-named.ts'
import type { Places, Placing } from '../engine/ports.ts'
import { allocatePlaces, attachPlaces, countPlaces, releasePlacesAfterDeath } from './memory-places.ts'

const cap = (name: string, concurrent: number) => ({
  name,
  by: [{ property: 'subject' as const }],
  concurrent,
  ipv6PrefixBits: 64,
})
const of = (name: string, concurrent: number, key = 'k'): Placing => ({
  cap: cap(name, concurrent),
  key: keyNamed(key),
})
const atMs = 1_800_000_000_000

test('places are taken under all caps or none, and what is left is told', () => {
  const memory = allocatePlaces(100, 1)
  const places = attachPlaces(memory, 0)
  const wide = of('wide', 3)
  const first = places.take([wide, of('narrow', 1)], atMs)
  assert.deepEqual(
    first.states.map(({ remaining }) => remaining),
    [2, 0],
  )
  const denied = places.take([wide, of('narrow', 1)], atMs)
  assert.deepEqual([denied.allowed, denied.held], [false, []])
  assert.deepEqual(
    denied.states.map(({ remaining, retryMs }) => [remaining, retryMs]),
    [
      [2, 0],
      [0, 1000],
    ],
  )
  assert.equal(countPlaces(memory), 2)
  places.leave(first.held)
  assert.equal(countPlaces(memory), 0)
})

test('a cap that a reload made narrower counts what is held, and nothing is left of it', () => {
  const places = attachPlaces(allocatePlaces(100, 1), 0)
  for (let nth = 0; nth < 3; nth++) assert.ok(places.take([of('a', 3)], atMs).allowed)
  assert.deepEqual(places.take([of('a', 2)], atMs).states[0]?.remaining, 0)
  assert.ok(places.take([of('a', 4)], atMs).allowed)
})

test('who comes before the time it was told is asked to stay away for twice as long (RFC 9110 10.2.3)', () => {
  const places = attachPlaces(allocatePlaces(100, 1), 0)
  places.take([of('a', 1)], atMs)
  const toldAt = (nowMs: number) => places.take([of('a', 1)], nowMs).states[0]?.backOffMs
  assert.equal(toldAt(atMs), 1000)
  assert.equal(toldAt(atMs + 1000), 1000, 'it waited as it was told')
  assert.equal(toldAt(atMs + 1999), 1000 - 999 + 999, 'on its way when the first was told')
})

test('without room for one key more it is denied without a cap being to blame', () => {
  const places = attachPlaces(allocatePlaces(14, 1), 0)
  const answers = Array.from({ length: 200 }, (_, nth) => places.take([of('a', 1, `${nth}`)], atMs))
  const denied = answers.filter(({ allowed }) => !allowed)
  assert.ok(denied.length >= 186)
  assert.ok(denied.every(({ states, held }) => states[0]?.retryMs === 0 && held.length === 0))
})

const workers = 3
const step = fc.oneof(
  fc.record({
    act: fc.constant('take' as const),
    worker: fc.nat(workers - 1),
    caps: fc.uniqueArray(fc.nat(2), { minLength: 1 }),
    key: fc.constantFrom('x', 'y'),
  }),
  fc.record({ act: fc.constant('end' as const), worker: fc.nat(workers - 1), nth: fc.nat(20) }),
  fc.record({ act: fc.constant('death' as const), worker: fc.nat(workers - 1) }),
)

test('over any interleaving of takes, ends and deaths a cap is never exceeded, never leaks, and denies only when full', () => {
  const caps = [cap('a', 1), cap('b', 2), cap('c', 5)]
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const memory = allocatePlaces(500, workers)
      const attached: Places[] = Array.from({ length: workers }, (_, worker) => attachPlaces(memory, worker))
      const alive: { names: string[]; held: readonly string[] }[][] = attached.map(() => [])
      const count = (name: string) =>
        alive.flat().reduce((sum, { names }) => sum + names.filter((one) => one === name).length, 0)
      for (const each of steps) {
        const mine = alive[each.worker] as (typeof alive)[number]
        const places = attached[each.worker] as Places
        if (each.act === 'take') {
          const placings = each.caps.map((nth) => ({
            cap: caps[nth] as (typeof caps)[number],
            key: keyNamed(each.key),
          }))
          const names = placings.map((placing) => `${placing.cap.name} ${each.key}`)
          const fits = placings.every((placing, nth) => count(names[nth] as string) < placing.cap.concurrent)
          const placed = places.take(placings, atMs)
          assert.equal(placed.allowed, fits)
          if (placed.allowed) mine.push({ names, held: placed.held })
        } else if (each.act === 'end') {
          const [ended] = mine.splice(each.nth, 1)
          if (ended) places.leave(ended.held)
        } else {
          mine.length = 0
          releasePlacesAfterDeath(memory, each.worker)
          attached[each.worker] = attachPlaces(memory, each.worker)
        }
        assert.equal(
          countPlaces(memory),
          alive.flat().reduce((sum, { held }) => sum + held.length, 0),
        )
      }
    }),
  )
})
