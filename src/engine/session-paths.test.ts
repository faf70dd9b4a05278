import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readReturnTo } from './session-paths.ts'

const origin = 'https://shop.example.com'

test('a login goes back to a path, a query or a fragment of the own origin', () => {
  for (const text of [
    '/',
    '/app',
    '/app?a=b&c=%2F',
    '/app#part',
    '/a//b',
    '/%2e%2e/x',
    '/@evil.example',
    '/:80',
  ])
    assert.equal(readReturnTo(text), text)
})

test('whatever is let through, a browser reads it as the own origin (CWE-601)', () => {
  const nasty = fc.stringMatching(/^[/\\@:?#.a\t\n\r %0-9-]{0,12}$/)
  const inAnyWay = fc.oneof(
    fc.string(),
    nasty,
    nasty.map((text) => `/${text}`),
    fc.webUrl(),
    fc.webPath(),
  )
  fc.assert(
    fc.property(inAnyWay, (text) => {
      const read = readReturnTo(text)
      if (read !== null) assert.equal(new URL(read, `${origin}/.portcullis/s/callback`).origin, origin)
    }),
    { numRuns: 5000 },
  )
})
