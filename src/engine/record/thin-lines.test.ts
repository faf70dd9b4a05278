import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { harmlessEvents, type Thinning } from '../../program/thinning.ts'
import type { Denial } from '../decision.ts'
import { openJournal } from '../outcome.ts'
import type { Ending } from './ending.ts'
import { events } from './record-events.ts'
import { samplesTrace } from './samples-trace.ts'
import { isWritten, shareOfLine } from './thin-lines.ts'

const denial = { stage: 'authenticate', reason: 'credential_missing' } as Denial

function ending(
  { traceId = randomBytes(16).toString('hex'), ...changes }: { readonly traceId?: string } & Partial<Ending>,
  ...noted: readonly ((journal: Ending['journal']) => void)[]
): Ending {
  const journal = openJournal({
    id: 'x',
    trace: { traceId, spanId: '1'.repeat(16) },
    peer: { address: '192.0.2.1', encrypted: true },
    method: 'GET',
  })
  for (const note of noted) note(journal)
  return { journal, denial: null, status: 200, durationMs: 1, responseBytes: 0, ...changes }
}

const amiss: readonly Ending[] = [
  ending({ denial, status: 401 }),
  ending({ denial, status: null }),
  ending({ status: null }),
  ending({ status: 500 }),
  ending({ status: 599 }),
  ending({}, (journal) => journal.reported.push(denial)),
  ending({}, (journal) => (journal.trailFault = 'full')),
  ending({}, (journal) => (journal.answerUnseen = 'too_large')),
  ending({}, (journal) => (journal.answerStripped = 1)),
  ending({}, (journal) => journal.limitFallbacks.push('no such claim')),
]

const thinnings: fc.Arbitrary<Thinning> = fc.record({
  silent: fc.subarray([...harmlessEvents]),
  requests: fc.double({ min: 0, max: 1, noNaN: true }),
  slowMs: fc.option(fc.integer({ min: 0, max: 10_000 })),
})

test('no thinning leaves out, or samples, a line that tells of something amiss', () => {
  fc.assert(
    fc.property(thinnings, (thinning) => {
      for (const one of amiss) assert.equal(shareOfLine(thinning, one), 1)
      for (const event of Object.keys(events))
        if (!(harmlessEvents as readonly string[]).includes(event)) assert.ok(isWritten(thinning, event))
    }),
  )
})

test('what may be left out are events of severity info that tell of no act on keys, tokens, program, trail or process', () => {
  for (const event of harmlessEvents) {
    assert.equal(events[event].severity, 'info')
    assert.doesNotMatch(
      event,
      /denied|api_key|tokens|reload|trail|stop|listening|ready|rotated|defect|dropped/,
    )
  }
})

test('a share of the passed requests is written, told on the line, and the same that traces take', () => {
  const thinning: Thinning = { silent: [], requests: 0.1, slowMs: 500 }
  const shares = Array.from({ length: 20_000 }, () => {
    const one = ending({})
    const share = shareOfLine(thinning, one)
    assert.equal(share, samplesTrace(one.journal.traceId, 0.1) ? 0.1 : 0)
    return share
  })
  const restored = shares.reduce<number>((sum, share) => sum + (share > 0 ? 1 / share : 0), 0)
  // Five standard deviations of 20 000 draws of a tenth.
  assert.ok(Math.abs(restored - 20_000) < 5 * 10 * Math.sqrt(20_000 * 0.1 * 0.9), String(restored))
  const traceId = 'f'.repeat(32)
  assert.equal(shareOfLine(thinning, ending({ traceId, durationMs: 499.9 })), 0)
  assert.equal(shareOfLine(thinning, ending({ traceId, durationMs: 500 })), 1)
  assert.equal(shareOfLine({ ...thinning, requests: 0 }, ending({ traceId: '0'.repeat(32) })), 0)
})
