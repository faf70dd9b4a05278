import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { test } from 'node:test'
import { RefusedTokens } from './refused-tokens.ts'

const digest = (text: string) => hash('sha256', text, 'latin1')

test('a token is refused under the keys it was wrong under, and under no others', () => {
  const refused = new RefusedTokens()
  assert.equal(refused.has(digest('a'), 0), false)
  refused.add(digest('a'), 0)
  assert.equal(refused.has(digest('a'), 0), true)
  assert.equal(refused.has(digest('a'), 1), false)
  assert.equal(refused.has(digest('b'), 0), false)
  refused.add(digest('a'), 1)
  assert.equal(refused.has(digest('a'), 1), true)
  assert.equal(refused.has(digest('a'), 0), false)
})

test('the newest stay, and none is taken for another', () => {
  const refused = new RefusedTokens()
  const flood = Array.from({ length: 40_000 }, (_, i) => digest(`token ${i}`))
  for (const token of flood) refused.add(token, 7)
  const kept = flood.filter((token) => refused.has(token, 7))
  assert.ok(kept.length > 15_000 && kept.length <= 16_384, `${kept.length} are known`)
  const newest = flood.slice(-5000).filter((token) => refused.has(token, 7))
  assert.ok(newest.length > 4900, `${newest.length} of the 5000 newest are known`)
  assert.ok(!flood.some((_, i) => refused.has(digest(`other ${i}`), 7)))
})

test('digests that differ in a single octet of those that are kept are told apart', () => {
  const refused = new RefusedTokens()
  const one = digest('one')
  refused.add(one, 0)
  for (let i = 0; i < 16; i++) {
    const other = one.slice(0, i) + String.fromCharCode(one.charCodeAt(i) ^ 0x80) + one.slice(i + 1)
    assert.equal(refused.has(other, 0), false)
  }
})
