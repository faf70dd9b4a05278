import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatIp, parseCidr } from '../../base/ip.ts'
import { parseFields } from '../parse/parse-fields.ts'
import { clientAddress } from './client-address.ts'

const proxies = ['10.0.0.0/8', '::1'].map((text) => {
  const cidr = parseCidr(text)
  assert.ok(cidr)
  return cidr
})

function seen(peer: string, ...forwarded: readonly string[]): string {
  const fields = parseFields(forwarded.flatMap((value) => ['X-Forwarded-For', value]))
  assert.ok(fields.allow)
  const client = clientAddress(peer, fields.value, proxies)
  return client.allow ? formatIp(client.value.address) : client.reason
}

test('forwarding fields of a peer that is no trusted proxy are ignored (B4, B5)', () => {
  assert.equal(seen('203.0.113.9', '1.1.1.1'), '203.0.113.9')
  assert.equal(seen('::ffff:203.0.113.9', '1.1.1.1'), '203.0.113.9')
})

test('behind trusted proxies the first untrusted address from the right is the client (B5)', () => {
  assert.equal(seen('10.0.0.1', '6.6.6.6, 198.51.100.7'), '198.51.100.7')
  assert.equal(seen('10.0.0.1', '6.6.6.6, 198.51.100.7, 10.2.2.2'), '198.51.100.7')
  assert.equal(seen('10.0.0.1', '6.6.6.6', '198.51.100.7'), '198.51.100.7')
  assert.equal(seen('::1', '2001:DB8::1'), '2001:db8::1')
  assert.equal(seen('10.0.0.1'), '10.0.0.1')
  assert.equal(seen('10.0.0.1', '10.3.3.3'), '10.3.3.3')
})

test('a hop may have a port, and an IPv6 address the brackets that set it off', () => {
  assert.equal(seen('10.0.0.1', '6.6.6.6, 198.51.100.7:4711, 10.2.2.2:443'), '198.51.100.7')
  assert.equal(seen('10.0.0.1', '[2001:db8::1]:4711'), '2001:db8::1')
  assert.equal(seen('10.0.0.1', '[2001:db8::1]'), '2001:db8::1')
  assert.equal(seen('10.0.0.1', '[::ffff:198.51.100.7]:80'), '198.51.100.7')
  for (const hop of [
    '198.51.100.7:',
    '198.51.100.7:http',
    '[198.51.100.7]',
    '[2001:db8::1]:',
    '[2001:db8::1',
    ':80',
  ])
    assert.equal(seen('10.0.0.1', hop), 'malformed_request', hop)
})

test('Forwarded (RFC 7239) is not read, of whomever it comes; that it was ignored is known', () => {
  for (const peer of ['10.0.0.1', '203.0.113.9']) {
    const fields = parseFields(['Forwarded', 'for=198.51.100.7'])
    assert.ok(fields.allow)
    const client = clientAddress(peer, fields.value, proxies)
    assert.ok(client.allow)
    assert.equal(formatIp(client.value.address), peer)
    assert.equal(client.value.forwardingIgnored, true)
  }
})

test('an unreadable or endless chain is refused, not guessed at', () => {
  assert.equal(seen('10.0.0.1', 'unknown'), 'malformed_request')
  assert.equal(seen('10.0.0.1', '1.1.1.1, '), 'malformed_request')
  assert.equal(seen('10.0.0.1', Array(33).fill('10.0.0.2').join(',')), 'malformed_request')
})
