import assert from 'node:assert/strict'
import { test } from 'node:test'
import { normalizeTarget } from './normalize-target.ts'

const canonical: readonly (readonly [string, string])[] = [
  ['/', '/'],
  ['/orders', '/orders'],
  ['/orders/', '/orders/'],
  ['/%61dmin', '/admin'],
  ['/a%7eb', '/a~b'],
  ['/caf%c3%a9', '/caf%C3%A9'],
  ['/a%20b', '/a%20b'],
  ["/a!$&'()*+,=:@b", "/a!$&'()*+,=:@b"],
]

test('a path has one canonical spelling, matched and forwarded alike (RFC 3986 6.2.2; C4, C5)', () => {
  for (const [raw, expected] of canonical) {
    const target = normalizeTarget(raw)
    assert.ok(target.allow, raw)
    assert.equal(target.value.path, expected)
    assert.equal(`/${target.value.segments.join('/')}`, expected)
    const again = normalizeTarget(target.value.path)
    assert.ok(again.allow && again.value.path === expected, 'canonical form is a fixed point')
  }
})

const refused: readonly (readonly [string, string])[] = [
  ['/public/../admin', 'path_ambiguous'],
  ['/public/%2e%2e/admin', 'path_ambiguous'],
  ['/public/%2E./admin', 'path_ambiguous'],
  ['/./a', 'path_ambiguous'],
  ['/a/.', 'path_ambiguous'],
  ['//admin', 'path_ambiguous'],
  ['/a//b', 'path_ambiguous'],
  ['/a\\b', 'path_ambiguous'],
  ['/a%0d%0ab', 'path_ambiguous'],
  ['/a%7f', 'path_ambiguous'],
  ['/%c0%af', 'path_ambiguous'],
  ['/%ff', 'path_ambiguous'],
  ['/a%2', 'malformed_request'],
  ['/a%zz', 'malformed_request'],
  ['/a"b', 'malformed_request'],
  ['/a#b', 'malformed_request'],
  ['/a b', 'malformed_request'],
  ['/a\u00e9', 'malformed_request'],
  ['/a?x=%', 'malformed_request'],
  ['/a?x=1#y', 'malformed_request'],
  ['/a?x=1;y=2', 'malformed_request'],
  ['/a?%ff=1', 'malformed_request'],
]

test('a target that could be read in two ways is refused (C1, C2, C3, C6)', () => {
  for (const [raw, reason] of refused) {
    const target = normalizeTarget(raw)
    assert.ok(!target.allow, raw)
    assert.equal(target.reason, reason, raw)
  }
})

test('encoded delimiters and semicolons are listed with their segment, for the router to judge (C3)', () => {
  const target = normalizeTarget('/a/b%2fc%25/%5cd')
  assert.ok(target.allow)
  assert.deepEqual(target.value.encodedDelimiters, [
    { segment: 1, octet: '%2F' },
    { segment: 1, octet: '%25' },
    { segment: 2, octet: '%5C' },
  ])
  const semicolon = normalizeTarget('/a/b;c')
  assert.deepEqual(semicolon.allow && semicolon.value.encodedDelimiters, [{ segment: 1, octet: ';' }])
  for (const octet of ['%00', '%23', '%25', '%2F', '%3B', '%3F', '%5C']) {
    const listed = normalizeTarget(`/x${octet.toLowerCase()}`)
    assert.deepEqual(listed.allow && listed.value.encodedDelimiters, [{ segment: 0, octet }], octet)
  }
})

test('a query is split into pairs; a missing `=` is told from an empty value', () => {
  const target = normalizeTarget('/a?x=1&y=&z&filter%5Bq%5D=%2B')
  assert.ok(target.allow)
  assert.equal(target.value.search, '?x=1&y=&z&filter%5Bq%5D=%2B')
  assert.deepEqual(target.value.query, [
    { name: 'x', value: '1' },
    { name: 'y', value: '' },
    { name: 'z', value: null },
    { name: 'filter[q]', value: '%2B' },
  ])
})

test('the number of query pairs is bounded', () => {
  const target = normalizeTarget(`/a?${'x=1&'.repeat(257)}`)
  assert.ok(!target.allow)
})
