import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isCanonicalBase64url } from './canonical-base64url.ts'

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

test('of all endings of a text, exactly those are canonical that its octets are spelled with (RFC 4648 3.5)', () => {
  for (const begin of ['', 'Ab3_'])
    for (const one of ['', ...alphabet])
      for (const other of ['', ...alphabet])
        for (const last of ['', ...'AQgwEBx_-048']) {
          const text = `${begin}${one}${other}${last}`
          const respelled = Buffer.from(text, 'base64url').toString('base64url')
          assert.equal(isCanonicalBase64url(text), respelled === text, text)
        }
})
