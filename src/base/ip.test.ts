import assert from 'node:assert/strict'
import { test } from 'node:test'
import { contains, formatIp, networkOf, parseCidr, parseIp } from './ip.ts'

const canonical: readonly (readonly [string, string | null])[] = [
  ['127.0.0.1', '127.0.0.1'],
  ['::ffff:1.2.3.4', '1.2.3.4'],
  ['::FFFF:0102:0304', '1.2.3.4'],
  ['::1', '::1'],
  ['::', '::'],
  ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
  ['2001:db8::1%eth0', '2001:db8::1'],
  ['fe80::1.2.3.4', 'fe80::102:304'],
  ['010.0.0.1', null],
  ['1.2.3', null],
  ['1.2.3.256', null],
  ['1::2::3', null],
  ['1:2:3:4:5:6:7:8:9', null],
  ['1:2:3:4:5:6:7::8', null],
  [' 1.2.3.4', null],
  ['', null],
]

test('one client has one spelling (RFC 5952; F1: IPv4-mapped addresses are unwrapped)', () => {
  for (const [text, expected] of canonical) {
    const address = parseIp(text)
    assert.equal(address && formatIp(address), expected, text)
  }
})

test('a CIDR holds its network and nothing else; set host bits are refused', () => {
  const cases: readonly (readonly [string, string, boolean])[] = [
    ['10.0.0.0/8', '10.255.1.2', true],
    ['10.0.0.0/8', '11.0.0.0', false],
    ['10.0.0.0/8', '::ffff:10.1.1.1', true],
    ['2001:db8::/33', '2001:db8:7fff::1', true],
    ['2001:db8::/33', '2001:db8:8000::1', false],
    ['0.0.0.0/0', '::1', false],
    ['::ffff:10.0.0.0/104', '10.255.1.2', true],
    ['::ffff:10.0.0.0/104', '11.0.0.0', false],
    ['::ffff:10.0.0.1', '10.0.0.1', true],
    ['::1', '::1', true],
  ]
  for (const [network, text, expected] of cases) {
    const cidr = parseCidr(network)
    const address = parseIp(text)
    assert.ok(cidr && address)
    assert.equal(contains(cidr, address), expected, `${network} ${text}`)
  }
  const bad = ['10.0.0.1/8', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/8/8', 'x/8', '::/129']
  // As IPv6, which is how it is written, it would have all host bits set.
  for (const text of [...bad, '::ffff:10.0.0.0/8', '::ffff:0.0.0.0/0', '::ffff:10.0.0.0/129'])
    assert.equal(parseCidr(text), null, text)
})

test('IPv6 clients are counted by /64 (F1: rotating within a prefix buys nothing)', () => {
  const one = parseIp('2001:db8:1:2:aaaa::1')
  const other = parseIp('2001:db8:1:2:bbbb::2')
  assert.ok(one && other)
  assert.equal(networkOf(one, 64), '2001:db8:1:2::/64')
  assert.equal(networkOf(one, 64), networkOf(other, 64))
})
