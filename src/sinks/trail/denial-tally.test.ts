import assert from 'node:assert/strict'
import { test } from 'node:test'
import { anonymous } from '../../engine/principal.ts'
import type { DenialEntry } from '../../engine/record/trail-entry.ts'
import { DenialSieve, minuteMs } from './denial-sieve.ts'
import { DenialTally } from './denial-tally.ts'

const atMs = 1_700_000_040_000
const graceMs = 10_000
const denied = (address: string, reason = 'credential_missing', subject: string | null = null) =>
  ({ address, caller: { ...anonymous, subject }, denial: { reason } }) as unknown as DenialEntry

interface Entry {
  readonly kind?: string
  readonly from: string
  readonly address?: string
  readonly subject?: string
  readonly reasons: { readonly [reason: string]: number }
}
const read = (texts: readonly string[]) => texts.map((text) => JSON.parse(text) as Entry)
const sum = (entries: readonly Entry[]) =>
  entries.flatMap(({ reasons }) => Object.values(reasons)).reduce((a, b) => a + b, 0)

test('an address has one entry a minute, however many threads it was denied by', () => {
  const tally = new DenialTally()
  for (let thread = 0; thread < 4; thread++) {
    const sieve = new DenialSieve(atMs)
    for (let turn = 0; turn < 3; turn++) {
      sieve.take(denied('192.0.2.1'), false)
      sieve.take(denied('192.0.2.1', 'route_unknown'), false)
      tally.add(sieve.drain(atMs + turn))
    }
  }
  assert.deepEqual(tally.over(atMs + minuteMs), [], 'what threads counted in it may be on its way')
  assert.deepEqual(read(tally.over(atMs + minuteMs + graceMs)), [
    {
      kind: 'denials',
      from: '2023-11-14T22:14:00.000Z',
      address: '192.0.2.1',
      reasons: { credential_missing: 12, route_unknown: 12 },
    },
  ])
  assert.deepEqual(tally.over(atMs + 9 * minuteMs), [])
})

test('what is counted after the end of a minute is of the next', () => {
  const [tally, sieve] = [new DenialTally(), new DenialSieve(atMs)]
  sieve.take(denied('192.0.2.1'), false)
  tally.add(sieve.drain(atMs + minuteMs))
  sieve.take(denied('192.0.2.1'), false)
  tally.add(sieve.drain(atMs + minuteMs + 5000))
  const entries = read(tally.over(atMs, true))
  assert.deepEqual(
    entries.map(({ from, reasons }) => [from.slice(14, 16), reasons.credential_missing]),
    [
      ['14', 1],
      ['15', 1],
    ],
  )
})

test('a flood from many addresses leaves 257 entries a minute and 20 000 a day, and each denial is counted', () => {
  const tally = new DenialTally()
  let [entries, counted, minute] = [0, 0, 0]
  const flood = () => {
    for (let thread = 0; thread < 3; thread++) {
      const sieve = new DenialSieve(atMs + minute * minuteMs)
      for (let i = 0; i < 400; i++) sieve.take(denied(`10.${thread}.${i >> 8}.${i & 255}`), false)
      tally.add(sieve.drain(atMs + minute * minuteMs + 1))
    }
    const written = read(tally.over(atMs + ++minute * minuteMs + graceMs))
    assert.equal(sum(written), 1200)
    entries += written.length
    counted += sum(written)
    return written
  }
  assert.equal(flood().length, 257)
  while (minute < 90) flood()
  assert.deepEqual(entries, 20_000 + 90)
  assert.equal(counted, 90 * 1200)
  assert.deepEqual(
    flood().map(({ address }) => address),
    [undefined],
    'one entry for all',
  )
  const nextDay = minute
  minute = nextDay + 1440
  assert.equal(flood().length, 257)
})

test('of a known caller the first 60 of a minute stand there one by one, and more are counted', () => {
  const [tally, sieve] = [new DenialTally(), new DenialSieve(atMs)]
  const take = () => sieve.take(denied('192.0.2.1', 'not_authorized', 'alice'), true)
  assert.equal(Array.from({ length: 100 }, take).filter((single) => single).length, 60)
  tally.add(sieve.drain(atMs + minuteMs))
  const [entry, ...others] = read(tally.over(atMs, true))
  assert.deepEqual(
    [entry?.subject, entry?.address, entry?.reasons],
    ['alice', undefined, { not_authorized: 40 }],
  )
  assert.equal(others.length, 0)
  assert.equal(take(), true, 'a new minute')
})
