import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseIp } from '../../base/ip.ts'
import type { LimitPlan } from '../../program/program.ts'
import { anonymous, type Principal } from '../principal.ts'
import { drawsFor, judgeTaken } from './limit.ts'

const limit = (by: LimitPlan['by']): LimitPlan => ({
  name: `per-${by}`,
  by,
  rate: 10,
  windowSeconds: 60,
  burst: 5,
})
const all = [limit('subject'), limit('client'), limit('address'), limit('operation')]

function keys(address: string, principal: Principal | null, operationId: string | null = 'op') {
  const parsed = parseIp(address)
  assert.ok(parsed)
  return drawsFor(all, { address: parsed, principal, operationId }).map(({ key }) => key)
}

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

test('a denial names the spent limits to the operator and the wait to the client (RFC 6585 4)', () => {
  const draws = drawsFor(all.slice(0, 2), {
    address: { family: 4, groups: [1, 1] },
    principal: null,
    operationId: null,
  })
  const state = { remaining: 0, resetMs: 60_000 }
  const denied = judgeTaken(draws, {
    allowed: false,
    states: [
      { ...state, retryMs: 0 },
      { ...state, retryMs: 1200 },
    ],
  })
  assert.ok(!denied.allow && denied.reason === 'quota_exceeded')
  assert.equal(denied.detail, 'spent: per-client')
  assert.deepEqual(denied.client, { retryAfterSeconds: 2 })
})
