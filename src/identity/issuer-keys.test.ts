import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTestKey } from '../../test/harness/issuer.ts'
import { IssuerKeys } from './issuer-keys.ts'
import { readKeySet } from './read-key-set.ts'

test('A4: a key that its issuer narrows to one algorithm is narrowed at the next fetch (RFC 7517 4.4)', async () => {
  const { jwk } = await createTestKey('RS256', 'one')
  const { alg: _, ...open } = jwk
  let published: object = open
  const events: string[] = []
  const keys = new IssuerKeys(
    'https://login.example.com',
    ({ event }) => events.push(event),
    async () => {
      const keySet = readKeySet({ keys: [published] })
      assert.ok(typeof keySet !== 'string')
      return { keySet, maxAgeMs: null }
    },
  )
  await keys.start()
  const algorithms = async () => {
    const found = await keys.find('one', Date.now())
    return found.kind === 'keys' ? [...(found.keys[0]?.algorithms ?? [])] : []
  }
  assert.ok((await algorithms()).includes('RS256'))
  published = { ...open, alg: 'PS256' }
  await keys.find('another', Date.now())
  assert.deepEqual(await algorithms(), ['PS256'])
  assert.deepEqual(events, ['key_set_loaded', 'key_rotated'])
  keys.stop()
})
