import assert from 'node:assert/strict'
import { test } from 'node:test'
import { anonymous } from '../../engine/principal.ts'
import type { IntentEntry, OutcomeEntry } from '../../engine/record/trail-entry.ts'
import { textOfEntry } from './entry-text.ts'
import { apart, gathered } from './grouped-entries.ts'

const hashKey = new Uint8Array(32)
/** What would end an entry early, could it stand there as it is. */
const hostile = '","of":[{"kind":"intent",{"kind":"outcome",]}'
const intent = (requestId: string): IntentEntry => ({
  kind: 'intent',
  requestId,
  traceId: '0'.repeat(32),
  operation: hostile,
  method: 'PUT',
  object: [
    { name: 'kind', value: 'intent', hashed: false },
    { name: hostile, value: hostile, hashed: false },
    { name: 'kind', value: 'outcome', hashed: false },
  ],
  caller: { ...anonymous, subject: hostile, schemes: [hostile] },
  address: '::1',
  programDigest: '0'.repeat(64),
})
const outcome = (requestId: string): OutcomeEntry => ({
  kind: 'outcome',
  requestId,
  status: 200,
  denial: null,
  intentMissing: false,
})

test('what is gathered comes apart as it was, and each entry is JSON', () => {
  const ids = Array.from({ length: 450 }, (_, i) => `${hostile}${i}`)
  const intents = ids.map((id) => textOfEntry(intent(id), hashKey))
  const outcomes = ids.map((id) => textOfEntry(outcome(id), hashKey))
  const gap = '{"kind":"gap","lost":1}'
  const entries = gathered([gap, ...ids.flatMap((_, i) => [intents[i] as string, outcomes[i] as string])])
  assert.equal(entries.length, 8 + 1 + 3)
  for (const entry of entries) JSON.parse(entry)
  assert.deepEqual(entries.flatMap(apart), [...intents, gap, ...outcomes])
})

test('what is alone of its kind stands as it is', () => {
  const texts = [textOfEntry(intent('a'), hashKey), textOfEntry(outcome('b'), hashKey)]
  assert.deepEqual(gathered(texts), texts)
  assert.deepEqual(texts.flatMap(apart), texts)
})
