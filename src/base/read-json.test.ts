import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readJson } from './read-json.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
const read = (text: string) => readJson(bytes(text), { maxDepth: 8 })

test('what JSON.stringify writes is read as it was meant', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 4, noUnicodeString: false } as fc.JsonSharedConstraints), (text) => {
      const prototypes = /"(?:__proto__|constructor|prototype)"/.test(text)
      const reading = read(text)
      assert.equal(reading.ok, !prototypes, text)
      if (reading.ok) assert.deepEqual(reading.value, JSON.parse(text))
    }),
    { seed: 7, numRuns: 500 },
  )
})

const refused: readonly (readonly [string, string, string])[] = [
  ['{"a":1,"a":1}', '/a', 'must not stand twice'],
  ['{"a":1,"\\u0061":2}', '/a', 'must not stand twice'],
  ['{"x":[{"k":"a:b\\"{"},{"b":{"c":1,"d":2,"c":3}}]}', '/x/1/b/c', 'must not stand twice'],
  ['{"":1,"":2}', '/', 'must not stand twice'],
  ['{"a/b":1,"a/b":2}', '/a~1b', 'must not stand twice'],
  ['{"x":{"__proto__":{"admin":true}}}', '/x/__proto__', 'is not an acceptable name'],
  ['{"\\u005f_proto__":1}', '/__proto__', 'is not an acceptable name'],
  ['[{"constructor":1}]', '/0/constructor', 'is not an acceptable name'],
  ['{"a":[1,1e999]}', '/a/1', 'must be a finite number'],
  ['[[[[[[[[[1]]]]]]]]]', '', 'must not nest deeper than 8'],
  ['{"a":1} x', '', 'must be JSON'],
  ["{'a':1}", '', 'must be JSON'],
  ['', '', 'must be JSON'],
  ['\ufeff{}', '', 'must be JSON'],
  ['NaN', '', 'must be JSON'],
]

test('what two parsers could read differently is refused, with its place (D5, D6, D11)', () => {
  for (const [text, pointer, message] of refused) {
    assert.deepEqual(read(text), { ok: false, fault: { pointer, message } }, text)
  }
})

test('octets that are not UTF-8 are refused (RFC 8259 8.1)', () => {
  const overlong = Uint8Array.of(0x22, 0xc0, 0xaf, 0x22)
  assert.deepEqual(readJson(overlong, { maxDepth: 8 }), {
    ok: false,
    fault: { pointer: '', message: 'must be UTF-8' },
  })
})

test('a million brackets end in bounded time and stack', () => {
  assert.equal(read('['.repeat(1_000_000)).ok, false)
})

test('a view into a larger buffer is read by its own bounds', () => {
  const whole = bytes('xx{"a":1}yy')
  assert.deepEqual(readJson(whole.subarray(2, 9), { maxDepth: 8 }), { ok: true, value: { a: 1 } })
})

test('a whole number whose digits are lost in reading is refused where it stands (D11)', () => {
  const read = (text: string) => readJson(Buffer.from(text), { maxDepth: 8 })
  assert.deepEqual(read('{"a":[1,9007199254740993]}'), {
    ok: false,
    fault: { pointer: '/a/1', message: 'must be a number that a double holds exactly' },
  })
  for (const text of ['9007199254740992', '1e20', '[0.12345678901234567]', '{"a":"9007199254740993"}'])
    assert.equal(read(text).ok, true, text)
})
