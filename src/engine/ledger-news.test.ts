import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Act, KeyRecord, TokenRevocation } from './ledger.ts'
import { actorOf, newsOfKey, newsOfRevocation } from './ledger-news.ts'

const key: KeyRecord = {
  id: 'key_1',
  hash: 'h',
  scheme: 'partner',
  name: 'secret name',
  owner: 'secret owner',
  scopes: [],
  operations: [],
  addresses: [],
  createdMs: 1,
  expiresMs: null,
  revokedMs: null,
  replacedBy: null,
}
const revocation: TokenRevocation = {
  id: 'rev_1',
  issuer: 'https://issuer.example',
  kind: 'subject',
  value: 'secret subject',
  issuedBeforeMs: null,
  createdMs: 1,
  restoredMs: null,
}

test('a key is told of when it is new, rotated, revoked or changed, and not when it is the same', () => {
  assert.deepEqual(newsOfKey(undefined, key), [{ event: 'api_key_created', key_id: 'key_1', time_ms: 1 }])
  assert.deepEqual(newsOfKey(key, key), [])
  assert.deepEqual(newsOfKey(key, { ...key, expiresMs: 9, replacedBy: 'key_2' }), [
    { event: 'api_key_rotated', key_id: 'key_1', successor: 'key_2' },
  ])
  assert.deepEqual(newsOfKey(key, { ...key, revokedMs: 5 }), [
    { event: 'api_key_revoked', key_id: 'key_1', time_ms: 5 },
  ])
  assert.deepEqual(newsOfKey(key, { ...key, name: 'other' }), [
    { event: 'api_key_changed', key_id: 'key_1', time_ms: null },
  ])
  assert.equal(newsOfKey(undefined, { ...key, revokedMs: 5, replacedBy: 'key_2' }).length, 3)
})

test('a revocation is told of once, and when it is taken back', () => {
  const [revoked] = newsOfRevocation(undefined, revocation)
  assert.equal(revoked?.event, 'tokens_revoked')
  assert.ok(!JSON.stringify(revoked).includes('secret'))
  assert.deepEqual(newsOfRevocation(revocation, revocation), [])
  assert.equal(newsOfRevocation(revocation, { ...revocation, restoredMs: 7 })[0]?.event, 'tokens_restored')
  assert.deepEqual(newsOfRevocation(undefined, { ...revocation, restoredMs: 7 }), [])
})

test('who did it is the last act on that record by a command that does such a thing, of a new key the first, and nobody where there is none', () => {
  const act = (command: string, user: string, ...records: readonly string[]): Act => ({
    command,
    user,
    sudoUser: null,
    host: 'bastion',
    records,
  })
  const acts = [
    act('keys create', 'anna', 'key_1'),
    act('keys revoke', 'ben', 'key_2'),
    act('keys rotate', 'cleo', 'key_1', 'key_3'),
    act('keys revoke', 'dora', 'key_1'),
  ]
  const user = (before: KeyRecord | undefined, after: KeyRecord) =>
    newsOfKey(before, after).map((news) => actorOf(news, acts).os_user)
  assert.deepEqual(user(undefined, { ...key, replacedBy: 'key_3', revokedMs: 5 }), ['anna', 'cleo', 'dora'])
  assert.deepEqual(user(undefined, { ...key, id: 'key_3' }), ['cleo'])
  assert.deepEqual(user(key, { ...key, name: 'other' }), [undefined])
  assert.deepEqual(user(undefined, { ...key, id: 'key_9' }), [undefined])
  const [revoked] = newsOfRevocation(undefined, revocation)
  assert.ok(revoked)
  assert.deepEqual(actorOf(revoked, [{ ...act('tokens revoke', 'eve', 'rev_1'), sudoUser: 'finn' }]), {
    command: 'tokens revoke',
    os_user: 'eve',
    sudo_user: 'finn',
    host: 'bastion',
  })
})
