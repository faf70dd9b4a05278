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
  for (const text of [
    '9007199254740992',
    '1e20',
    '100000000000000000000',
    '18446744073709551616',
    '1.50',
    '1.0e1',
    '-0.0',
    '[0.12345678901234567]',
    '[0.1234567890123456789]',
    '0.1',
    '0.10000000000000001',
    '0.1000000000000000055511151231257827',
    '1e-300',
    '0e-999',
    '{"a":"9007199254740993"}',
    '1.7976931348623157e308',
  ])
    assert.equal(read(text).ok, true, text)
  for (const text of [
    '-9007199254740993',
    '9007199254740993.0',
    '9.007199254740993e15',
    '9007199254740993e0',
    '1.00000000000000000001',
    '100.00000000000000000000001',
    '0.30000000000000000000000001',
    '1e-400',
    '-1e-400',
    '123456789012345678901',
  ])
    assert.equal(read(text).ok, false, text)
})

test('items and members are counted, and halves of surrogate pairs are no text (RFC 7493 2.1)', () => {
  const message = (text: string) => {
    const reading = read(text)
    return reading.ok ? null : `${reading.fault.pointer} ${reading.fault.message}`
  }
  assert.equal(message(`{"a":[${'0,'.repeat(99_999)}0]}`), null)
  assert.equal(message(`{"a":[${'0,'.repeat(100_000)}0]}`), '/a must have at most 100000 items')
  const members = (count: number) => Array.from({ length: count }, (_, i) => `"m${i}":0`).join()
  assert.equal(message(`{${members(10_000)}}`), null)
  assert.equal(message(`[{${members(10_001)}}]`), '/0 must have at most 10000 members')
  assert.equal(message('"\\ud83d\\ude00"'), null)
  assert.equal(message('{"a":"\\ud83d"}'), '/a must be Unicode text')
  assert.equal(message('["\\uDE00\\uD83D"]'), '/0 must be Unicode text')
  assert.match(message('{"\\ud83d":1}') ?? '', /is not an acceptable name$/)
  assert.equal(message('"\\\\ud83d"'), null)
})

/** Another parser: it keeps the first of two members, and the digits of a number. */
function readOtherwise(text: string): unknown {
  const tokens = text.match(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g) ?? []
  let at = 0
  const next = (): string => tokens[at++] as string
  const value = (): unknown => {
    const token = next()
    if (token === '{') {
      const members = new Map<string, unknown>()
      while (tokens[at] !== '}') {
        if (tokens[at] === ',') at++
        const name = JSON.parse(next()) as string
        at++
        const member = value()
        if (!members.has(name)) members.set(name, member)
      }
      at++
      return Object.fromEntries(members)
    }
    if (token === '[') {
      const items: unknown[] = []
      while (tokens[at] !== ']') {
        if (tokens[at] === ',') at++
        else items.push(value())
      }
      at++
      return items
    }
    return /^[-\d]/.test(token) ? exact(token) : JSON.parse(token)
  }
  return value()
}

/** The number that was written; null where a double holds another. */
function exact(spelling: string): number | null {
  const value = Number(spelling)
  return /^-?\d{1,25}$/.test(spelling) && BigInt(spelling) !== BigInt(value) ? null : value
}

test('whatever octets come, nothing is thrown, and what is accepted is read alike by another parser (fuzz)', () => {
  const piece = fc.constantFrom(
    ...[
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      ' ',
      '\n',
      'true',
      'null',
      '0',
      '-1.5',
      '1e3',
      '9007199254740993',
      '12345678901234567890',
    ],
    ...[
      '"a"',
      '"b"',
      '"\\u0061"',
      '"\\n"',
      '"é"',
      '"\\ud83d\\ude00"',
      '"\\ud83d"',
      '"__proto__"',
      '"',
      '\\',
      '\ufeff',
      '\0',
    ],
  )
  const loose = fc.array(piece, { maxLength: 14 }).map((pieces) => pieces.join(''))
  const sound = fc.letrec<{ value: string }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      piece.filter((one) => /^["\w-].*["\w]$|^\d$/.test(one)),
      fc.array(tie('value'), { maxLength: 3 }).map((items) => `[${items.join()}]`),
      fc
        .array(fc.tuple(fc.constantFrom('"a"', '"b"', '"\\u0061"', '"c"'), tie('value')), { maxLength: 3 })
        .map((members) => `{${members.map((member) => member.join(' :')).join(', ')}}`),
    ),
  })).value
  const cut = fc
    .tuple(sound, fc.nat(30), piece)
    .map(([text, at, more]) => text.slice(0, at) + more + text.slice(at))
  const octets = fc.oneof(
    fc.oneof(sound, sound, sound, loose, cut).map((text) => bytes(text)),
    fc.uint8Array({ maxLength: 12 }),
  )
  let accepted = 0
  let refused = 0
  fc.assert(
    fc.property(octets, (body) => {
      const reading = readJson(body, { maxDepth: 8 })
      if (!reading.ok) return void refused++
      accepted++
      assert.deepEqual(reading.value, readOtherwise(new TextDecoder().decode(body)))
    }),
    { seed: 7, numRuns: 6000 },
  )
  assert.ok(accepted > 1000 && refused > 1000, `${accepted} ${refused}`)
})
