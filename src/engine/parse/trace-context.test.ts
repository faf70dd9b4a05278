import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readTraceContext } from './trace-context.ts'

const traceId = '0af7651916cd43dd8448eb211c80319c'
const parentId = 'b7ad6b7169203331'
const sound = `00-${traceId}-${parentId}-01`

test('a traceparent is read, and its flag (W3C Trace Context 3.2)', () => {
  assert.deepEqual(readTraceContext(sound, null), { traceId, parentId, sampled: true, state: null })
  assert.equal(readTraceContext(`00-${traceId}-${parentId}-00`, null)?.sampled, false)
  assert.equal(readTraceContext(`00-${traceId}-${parentId}-02`, null)?.sampled, false)
  assert.equal(readTraceContext(`00-${traceId}-${parentId}-03`, null)?.sampled, true)
})

test('a later version is read by what is known of it (W3C Trace Context 4.3)', () => {
  assert.equal(readTraceContext(`01-${traceId}-${parentId}-01`, null)?.traceId, traceId)
  assert.equal(readTraceContext(`cc-${traceId}-${parentId}-01-what-the-future-holds`, null)?.traceId, traceId)
})

test('what is no traceparent starts a new trace, and its tracestate counts for nothing (4.3)', () => {
  for (const wrong of [
    null,
    '',
    `ff-${traceId}-${parentId}-01`,
    `00-${'0'.repeat(32)}-${parentId}-01`,
    `00-${traceId}-${'0'.repeat(16)}-01`,
    `00-${traceId}-${parentId}-01-more`,
    `00-${traceId}-${parentId}-01.`,
    `cc-${traceId}-${parentId}-01.what`,
    `00-${traceId.toUpperCase()}-${parentId}-01`,
    `00-${traceId}-${parentId}-1`,
    `00-${traceId}-${parentId}`,
    ` ${sound}`,
    `${sound}, ${sound}`,
  ])
    assert.equal(readTraceContext(wrong, 'a=1'), null, String(wrong))
})

test('a tracestate goes on whole, or not at all (W3C Trace Context 3.3)', () => {
  const stateOf = (written: string) => readTraceContext(sound, written)?.state
  assert.equal(stateOf('congo=t61rcWkgMzE,rojo=00f067aa0ba902b7'), 'congo=t61rcWkgMzE,rojo=00f067aa0ba902b7')
  assert.equal(stateOf('congo=1 \t, ,rojo=2, tenant@sys=x y!'), 'congo=1,rojo=2,tenant@sys=x y!')
  for (const wrong of [
    '',
    ',',
    'a',
    'a=',
    'A=1',
    'a=1,a=2',
    'a=1=2',
    'a=\u00e9',
    '1a=1',
    't@=1',
    't@123456789012345=1',
    `a=${'x'.repeat(257)}`,
    Array.from({ length: 33 }, (_, i) => `k${i}=1`).join(),
    `a=${'x'.repeat(250)},b=${'x'.repeat(250)},c=${'x'.repeat(20)}`,
  ])
    assert.equal(stateOf(wrong), null, wrong)
  assert.equal(stateOf(Array.from({ length: 32 }, (_, i) => `k${i}=1`).join())?.split(',').length, 32)
})
