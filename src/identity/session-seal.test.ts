import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { newSessionId, open, seal, sessionKeyOf, storeKeyOf } from './session-seal.ts'

test('what is sealed opens with its key, for what it belongs to, unchanged, and not otherwise', () => {
  const id = newSessionId()
  const key = sessionKeyOf(id)
  const sealed = seal(key, 'secret', 'scheme issuer client')
  assert.equal(open(key, sealed, 'scheme issuer client'), 'secret')
  assert.equal(open(key, sealed, 'scheme issuer other'), null)
  assert.equal(open(sessionKeyOf(newSessionId()), sealed, 'scheme issuer client'), null)
  assert.notEqual(seal(key, 'secret', 'scheme issuer client'), sealed)
  const octets = Buffer.from(sealed, 'base64url')
  fc.assert(
    fc.property(fc.nat(octets.length - 1), fc.integer({ min: 1, max: 255 }), (at, bits) => {
      const changed = Buffer.from(octets)
      changed[at] = (changed[at] as number) ^ bits
      assert.equal(open(key, changed.toString('base64url'), 'scheme issuer client'), null)
    }),
  )
  fc.assert(fc.property(fc.string(), (text) => open(key, text, 'scheme issuer client') === null))
})

test('from what the store knows a session by, neither its id nor its key follows', () => {
  const id = newSessionId()
  assert.match(id, /^[A-Za-z0-9_-]{43}$/)
  assert.notEqual(storeKeyOf(id), id)
  assert.notEqual(storeKeyOf(id), sessionKeyOf(id).toString('base64url'))
  assert.equal(new Set(Array.from({ length: 1000 }, newSessionId)).size, 1000)
})
