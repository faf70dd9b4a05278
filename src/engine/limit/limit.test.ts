import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseIp } from '../../base/ip.ts'
import type { Json } from '../../base/json.ts'
import type { LimitKey, LimitPlan, LimitProperty } from '../../program/program.ts'
import { anonymous, type Principal } from '../principal.ts'
import { drawsFor, judgeTaken } from './limit.ts'
import { linkLimit } from './limit-key.ts'
import { spellKey } from './spell-key.ts'

const limit = (...by: readonly LimitKey[]): LimitPlan => ({
  name: `per-${by.map((key) => Object.values(key)).join('-')}`,
  by,
  rate: 10,
  windowSeconds: 60,
  burst: 5,
  ipv6PrefixBits: 64,
})
const property = (name: LimitProperty): LimitKey => ({ property: name })
const all = (['subject', 'client', 'address', 'operation'] as const).map((name) => limit(property(name)))
const issuer = 'https://issuer.example'
const known: Principal = {
  ...anonymous,
  subject: 's',
  issuer,
  client: 'c',
  claims: { sub: 's', tenant: 't' },
}

function keys(address: string, principal: Principal | null, operationId: string | null = 'op', limits = all) {
  const parsed = parseIp(address)
  assert.ok(parsed)
  const told: string[] = []
  const who = { address: parsed, principal, operationId }
  const draws = drawsFor(limits.map(linkLimit), who, 1, (detail) => told.push(detail))
  return [...draws.map(({ key: { namespace, name } }) => `${namespace} ${name}`), ...told]
}

const keysBy = (principal: Principal | null, ...by: readonly LimitKey[]) =>
  keys('192.0.2.1', principal, 'op', [limit(...by)])

test('each limit counts by its own property; a subject is one of its issuer', () => {
  const principal = { ...anonymous, subject: 's', issuer: 'i', client: 'c' }
  assert.deepEqual(keys('192.0.2.1', principal), [
    'subject i s',
    'client i c',
    'address 192.0.2.1/32',
    'operation op',
  ])
})

test('F4: without the property a limit falls back to the address, never to no limit or a shared bucket', () => {
  const address = 'address 192.0.2.1/32'
  assert.deepEqual(keys('192.0.2.1', anonymous, null), [address, address, address, address])
  assert.deepEqual(keys('192.0.2.1', null)[0], address)
  assert.equal(keys('192.0.2.1', { ...anonymous, issuer: 'i', client: 'c' })[0], 'client i c')
})

test('F1: IPv6 clients are counted by /64', () => {
  assert.equal(keys('2001:db8::1', null)[2], keys('2001:db8::2:0:0:1', null)[2])
})

test('IPv4-mapped addresses are the IPv4 client they stand for, and another prefix can be counted (F1)', () => {
  assert.deepEqual(keys('::ffff:192.0.2.1', null)[2], 'address 192.0.2.1/32')
  const wide = [{ ...limit(property('address')), ipv6PrefixBits: 48 }]
  assert.equal(keys('2001:db8:0:1::1', null, 'op', wide)[0], keys('2001:db8:0:2::1', null, 'op', wide)[0])
})

test('an expression names the caller, by the type of its value too', () => {
  assert.deepEqual(keysBy(known, { expression: 'token.tenant' }), ['text t'])
  assert.deepEqual(keysBy({ ...known, claims: { tenant: 1 } }, { expression: 'token.tenant' }), ['value 1'])
  assert.deepEqual(keysBy(known, { expression: 'subject + "@" + issuer' }), [`text s@${issuer}`])
  const key = { id: 'k', name: 'n', owner: 'team', scopes: [], operations: [] }
  assert.deepEqual(keysBy({ ...known, key }, { expression: 'key.owner' }), ['text team'])
})

test('F4: an expression that cannot be evaluated falls back to the address, and the operator learns why', () => {
  const fallen = (principal: Principal | null, expression: string) => keysBy(principal, { expression })
  const address = 'address 192.0.2.1/32'
  const name = 'per-token.tenant'
  assert.deepEqual(fallen(anonymous, 'token.tenant'), [address, `${name}: no such key: tenant`])
  assert.deepEqual(fallen(null, 'token.tenant'), [address, `${name}: no such key: tenant`])
  const saying = (tenant: Json) => fallen({ ...known, claims: { tenant } }, 'token.tenant')
  assert.deepEqual(saying(''), [address, `${name}: yields an empty text`])
  assert.deepEqual(saying(['t']), [address, `${name}: yields neither a text nor a number nor a boolean`])
  assert.deepEqual(saying(null), saying({}))
  assert.deepEqual(saying('x'.repeat(1025)), [address, `${name}: yields more than 1024 characters`])
})

test('what is counted by together names one bucket, each missing part replaced by the address (F4)', () => {
  const both = [property('client'), property('operation')]
  const parts = (...texts: readonly string[]) =>
    `all ${texts.map((text) => `${text.length}:${text}`).join(' ')}`
  assert.deepEqual(keysBy(known, ...both), [parts(`29:client ${issuer} c`, '9:operation op')])
  assert.deepEqual(keysBy(null, ...both), [parts('7:address 192.0.2.1/32', '9:operation op')])
  const pair = [property('subject'), { expression: 'token.tenant' }]
  const one = { ...known, subject: 'a', claims: { tenant: 'b text c' } }
  const other = { ...known, subject: 'a text b', claims: { tenant: 'c' } }
  assert.notDeepEqual(keysBy(one, ...pair), keysBy(other, ...pair), 'no part can pretend to be two')
})

test('no issuer can pretend to go on as a subject, in one text too', () => {
  const spelt = (namespace: string, name: string) => spellKey({ namespace, name })
  assert.notEqual(spelt('subject CN=A', 'B c'), spelt('subject CN=A B', 'c'))
  assert.notEqual(spelt('a', '3:a b'), spelt('a 3:a', 'b'))
})

test('a denial names the spent limits to the operator and the wait to the client (RFC 6585 4)', () => {
  const draws = drawsFor(
    all.slice(0, 2).map(linkLimit),
    {
      address: { family: 4, groups: [1, 1] },
      principal: null,
      operationId: null,
    },
    1,
    () => {},
  )
  const state = { remaining: 0, resetMs: 60_000 }
  const denied = judgeTaken(
    draws,
    {
      allowed: false,
      states: [
        { ...state, retryMs: 0, backOffMs: 0 },
        { ...state, retryMs: 1200, backOffMs: 1200 },
      ],
    },
    '80000000c19347e2a1f7c5d0e3b69a44',
  )
  assert.ok(!denied.allow && denied.reason === 'quota_exceeded')
  assert.equal(denied.detail, 'spent: per-client')
  assert.deepEqual(denied.client, { retryAfterSeconds: 2, violatedPolicies: ['per-client'] })
})
