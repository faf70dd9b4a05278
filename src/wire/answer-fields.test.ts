import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseList } from 'structured-headers'
import { openJournal } from '../engine/outcome.ts'
import { answerFields } from './answer-fields.ts'

test('what is owed for millions of years leaves the field readable (RFC 9651 3.3.1)', () => {
  const trace = { traceId: '0'.repeat(32), spanId: '0'.repeat(16) }
  const peer = { address: '192.0.2.1', encrypted: false }
  const journal = openJournal({ id: 'offline', trace, peer, method: 'GET' })
  const by = [{ property: 'address' }] as const
  const limit = {
    name: 'dear',
    by,
    rate: 1,
    windowSeconds: 2_592_000,
    burst: 1_000_000_000,
    ipv6PrefixBits: 64,
  }
  const state = { remaining: 0, resetMs: limit.windowSeconds * 1000 * limit.burst, retryMs: 1, backOffMs: 1 }
  journal.quotas.push({ limit, state })
  const fields = answerFields(journal, { encrypted: false }, false)
  const [[name, parameters] = []] = parseList(fields[fields.indexOf('RateLimit') + 1] ?? '')
  assert.deepEqual([name, parameters?.get('r'), parameters?.get('t')], ['dear', 0, 10 ** 15 - 1])
})
