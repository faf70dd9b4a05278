import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compilePattern } from './pattern.ts'

test('D10: a catastrophic pattern answers a long input in bounded time', () => {
  const inputs = [
    'a'.repeat(50_000),
    `${'a'.repeat(50_000)}!`,
    ` ${'\t'.repeat(50_000)}x`,
    '1.'.repeat(25_000),
  ]
  for (const source of [
    '^(a+)+$',
    '^(a|a)*$',
    '(a*)*b',
    '^(\\s+|x)*$',
    '^([a-z0-9]+\\.?)+$',
    '(.*)(.*)(.*)=',
    '^\\d+\\.\\d+(?:\\.\\d+)*$',
  ]) {
    const compiled = compilePattern(source)
    assert.ok(compiled.ok, source)
    const started = performance.now()
    for (const input of inputs) compiled.value.test(input)
    assert.ok(performance.now() - started < 2000, source)
  }
})

test('a pattern that may take exponential time and cannot run linearly is refused', () => {
  for (const source of ['^(?=.*[a-z])(?=.*\\d)(a+)+$', '(a+)+\\1', '(\\bfoo+)+'])
    assert.ok(!compilePattern(source).ok, source)
  for (const source of ['(', '[', 'a{2', '\\p{Nope}']) assert.ok(!compilePattern(source).ok, source)
})

test('needless escapes that the `u` flag refuses stand for their character', () => {
  const cases: readonly (readonly [string, string, boolean])[] = [
    ['^[a-z\\_]+$', 'a_b', true],
    ['^\\@\\w+$', '@me', true],
    ['^a\\-b$', 'a-b', true],
    ['^[\\w\\-\\.]+$', 'a-b.c', true],
    ['^[\\w\\-\\.]+$', 'a b', false],
  ]
  for (const [source, input, expected] of cases) {
    const compiled = compilePattern(source)
    assert.ok(compiled.ok, source)
    assert.equal(compiled.value.test(input), expected, source)
  }
})

const sources = [
  '^(a+b?)+$',
  '(\\s|a)+x',
  '^(?:[^\\s@]+@)+[^\\s@]+$',
  '^(.a)*$',
  '(a|b|\\d+)+$',
  '^([\\w-]+/)*[\\w-]+$',
  '^\\S+(\\s\\S+)*$',
  '^(\\u0061|\\n)+$',
  '[.$]+(a+)+',
  '^(é|\\u{1F600})+$',
  '^([a-z]{2,4}){1,3}$',
  '^[a-z]+(-[a-z]+)*$',
]

test('the linear engine answers as ECMA-262 does', () => {
  const characters = fc.constantFrom(
    'a',
    'b',
    'x',
    '1',
    '-',
    '/',
    '@',
    '.',
    '$',
    ' ',
    '\n',
    '\r',
    '\u00a0',
    '\u2028',
    '\ufeff',
    'é',
    '😀',
    'É',
  )
  fc.assert(
    fc.property(fc.constantFrom(...sources), fc.array(characters, { maxLength: 8 }), (source, parts) => {
      const compiled = compilePattern(source)
      assert.ok(compiled.ok)
      const text = parts.join('')
      assert.equal(
        compiled.value.test(text),
        new RegExp(source, 'u').test(text),
        `${source} on ${JSON.stringify(text)}`,
      )
    }),
    { seed: 11, numRuns: 3000 },
  )
})

test('optional parts, alternatives and widths that multiply do not reach the backtracking engine (D10)', () => {
  const bombs = [
    '^(a?){30}a{30}$',
    `^${'a?'.repeat(30)}${'a'.repeat(30)}$`,
    `^${'(a|a)'.repeat(30)}$`,
    `^${'a{0,9}'.repeat(9)}$`,
  ]
  for (const source of bombs) {
    const matcher = compilePattern(source)
    if (!matcher.ok) continue
    const startedMs = performance.now()
    matcher.value.test(`${'a'.repeat(60)}!`)
    assert.ok(performance.now() - startedMs < 500, source)
  }
})
