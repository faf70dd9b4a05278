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
  for (const source of [
    '(a+)+\\1',
    '^(?<x>a)+\\k<x>',
    '(?=a)a+b+',
    '^(?:(?!ab).)*$',
    '(?<!a)b',
    '^(?=(a))(b)\\1',
    '(?i:a)+b',
    '(?s:.)+.',
    '(?:a{30}){40}b*',
  ])
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

/** A set of characters, at home and abroad. */
const characters = fc.constantFrom(
  ...['a', 'b', 'A', '1', '_', '-', '/', '.', '$', '\\', ']', ' ', '\t', '\v', '\b', '\0', '\x01'],
  ...['\n', '\r', '\u2028', '\u00a0', '\ufeff', '\u180e', 'é', 'É', 'ſ', '\u212a', 'ж', '٣', '漢', '\u0301'],
  ...['😀', '𝒳', '\u{10ffff}', '\ud7ff', '\ue000'],
)
const texts = fc.array(characters, { maxLength: 9 }).map((parts) => parts.join(''))

const sets = ['\\d', '\\D', '\\w', '\\W', '\\s', '\\S', '\\p{L}', '\\P{Lu}', '\\p{Script=Greek}', '\\p{Nd}']
const escapes = [
  ...[
    '\\t',
    '\\n',
    '\\v',
    '\\f',
    '\\r',
    '\\0',
    '\\x61',
    '\\u0061',
    '\\u{61}',
    '\\u{1F600}',
    '\\uD83D\\uDE00',
  ],
  ...['\\$', '\\.', '\\\\', '\\/', '\\]', '\\^', '\\cA'],
]
const single = fc.constantFrom('a', 'b', 'A', '1', '_', '/', ' ', 'é', '漢', '😀', ...escapes)
const member = fc.oneof(
  single,
  fc.constantFrom(...sets, '\\b', '\\-', '.', '$', '[', '&&', '^'),
  fc.constantFrom('a-z', '0-9', '!-~', 'a-b-', '\\0-\\x1f', '\\u{10000}-\\u{10FFFF}', '+--', '--a'),
)
const classes = fc
  .tuple(fc.boolean(), fc.array(member, { maxLength: 3 }))
  .map(([negated, members]) => `[${negated ? '^' : ''}${members.join('')}]`)
const quantifiers = fc.constantFrom(
  '',
  '',
  '*',
  '+',
  '?',
  '*?',
  '+?',
  '??',
  '{2}',
  '{0}',
  '{1,}',
  '{0,2}',
  '{1,3}?',
)

/** Whole patterns, most of them sound. */
const patterns = fc.letrec<{ pattern: string; term: string }>((tie) => {
  const pieces = fc.array(tie('term'), { maxLength: 4 }).map((terms) => terms.join(''))
  const group = fc
    .tuple(fc.constantFrom('(', '(?:', '(?<n>'), tie('pattern'), quantifiers)
    .map(([open, inside, quantifier]) => `${open}${inside})${quantifier}`)
  const atom = fc
    .tuple(fc.oneof(single, classes, fc.constantFrom('.', ...sets)), quantifiers)
    .map(([one, quantifier]) => one + quantifier)
  return {
    term: fc.oneof(
      { maxDepth: 3 },
      atom,
      atom,
      fc.constantFrom('^', '$', '\\b', '\\B'),
      group,
      fc.tuple(fc.constantFrom('(?=', '(?!'), tie('pattern')).map(([open, inside]) => `${open}${inside})`),
    ),
    pattern: fc
      .tuple(fc.boolean(), fc.array(pieces, { minLength: 1, maxLength: 2 }))
      .map(([anchored, alternatives]) => (anchored ? '^' : '') + alternatives.join('|')),
  }
}).pattern

function compiledByPlatform(source: string): RegExp | null {
  try {
    return new RegExp(source, 'u')
  } catch {
    return null
  }
}

test('whichever engine runs a pattern, it means what ECMA-262 says with the `u` flag (differential)', () => {
  const seen = { platform: 0, linear: 0, refused: 0, unsound: 0, matches: 0, misses: 0 }
  fc.assert(
    fc.property(patterns, fc.array(texts, { minLength: 6, maxLength: 6 }), (source, inputs) => {
      const oracle = compiledByPlatform(source)
      if (!oracle) return void seen.unsound++
      const compiled = compilePattern(source)
      if (!compiled.ok) return void seen.refused++
      seen[compiled.value instanceof RegExp ? 'platform' : 'linear']++
      for (const text of inputs) {
        const expected = oracle.test(text)
        seen[expected ? 'matches' : 'misses']++
        assert.equal(compiled.value.test(text), expected, JSON.stringify({ source, text }))
      }
    }),
    { seed: 11, numRuns: 6000 },
  )
  const { platform, linear, matches, misses } = seen
  assert.ok(Math.min(platform, linear) > 1000 && Math.min(matches, misses) > 4000, JSON.stringify(seen))
})

const demanding = '^(?=.*[a-z])(?=.*\\d)(?!.*\\s)(?!a|b).{4,}$'

test('assertions behind the first ^ are judged each for itself, and linearly', () => {
  const compiled = compilePattern(demanding)
  assert.ok(compiled.ok)
  for (const [text, expected] of [
    ['xyz1', true],
    ['xyz', false],
    ['xyzx', false],
    ['xy 1', false],
    ['ayz1', false],
  ] as const)
    assert.equal(compiled.value.test(text), expected, text)
})

test('every character is in a set of the linear engine if it is in that set of the platform', () => {
  for (const set of [...sets, '\\p{Alphabetic}', '\\p{Emoji}', '[^\\s]', '[\\S]', '[^\\P{L}]', '.']) {
    const compiled = compilePattern(`^(?:${set}+)+$`)
    assert.ok(compiled.ok && !(compiled.value instanceof RegExp), set)
    const oracle = new RegExp(`^${set}$`, 'u')
    for (let point = 0; point <= 0x10ffff; point += point < 0x3000 ? 1 : 37) {
      if (point >= 0xd800 && point < 0xe000) continue
      const text = String.fromCodePoint(point)
      assert.equal(compiled.value.test(text), oracle.test(text), `${set} ${point.toString(16)}`)
    }
  }
})

test('what follows a repetition counts, so that no fixed length multiplies the text (D10)', () => {
  const text = 'a'.repeat(50_000)
  for (const source of [
    'a{20000}b',
    '^a*a{20000}b',
    '^[a-z]{0,20000}[a-z]{20000}b',
    'a{900}b',
    '^a*a{900}b',
  ]) {
    const compiled = compilePattern(source)
    if (!compiled.ok) continue
    const startedMs = performance.now()
    compiled.value.test(text)
    assert.ok(performance.now() - startedMs < 500, source)
  }
  for (const source of ['^.{1,5000}$', '^[\\s\\S]{0,65535}$', '^[a-z]{2}-\\d{1,9}$'])
    assert.ok(compilePattern(source).ok, source)
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
