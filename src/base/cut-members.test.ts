import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Cuts, cutMembers } from './cut-members.ts'
import { pointerStep } from './fault-pointer.ts'

const cut = (text: string, cuts: Cuts) => Buffer.from(cutMembers(Buffer.from(text), cuts)).toString()
const names = (...cuts: string[]): Cuts => new Map(cuts.map((name) => [name, null]))

const cases: readonly (readonly [text: string, cuts: Cuts, rest: string])[] = [
  ['{"a":1,"b":2}', names('a'), '{"b":2}'],
  ['{"a":1,"b":2}', names('b'), '{"a":1}'],
  ['{"a":1,"b":2,"c":3}', names('b'), '{"a":1,"c":3}'],
  ['{"a":1,"b":2,"c":3}', names('a', 'b'), '{"c":3}'],
  ['{"a":1,"b":2,"c":3}', names('b', 'c'), '{"a":1}'],
  ['{"a":1,"b":2}', names('a', 'b'), '{}'],
  ['{ "a" : 1 ,\n "b" : [1, {"x": "}"}] , "c":"é\\"," }', names('b'), '{ "a" : 1 , "c":"é\\"," }'],
  [
    '{"a":{"x":1,"y":2},"b":2}',
    new Map<string, Cuts | null>([
      ['a', names('x')],
      ['b', null],
    ]),
    '{"a":{"y":2}}',
  ],
  ['[{"a":1},{"a":2,"b":3}]', new Map([['1', names('a')]]), '[{"a":1},{"b":3}]'],
  ['{"\\u0061":1,"b~/":2}', names('a', 'b~0~1'), '{}'],
  ['{"a":"","b":null,"c":-1.5e3}', names('b', 'c'), '{"a":""}'],
]
for (const [text, cuts, rest] of cases)
  test(`${text} becomes ${rest}`, () => assert.equal(cut(text, cuts), rest))

/** Removes every member called `x…` the slow way, noting its place. */
function without(value: unknown): { readonly rest: unknown; readonly cuts: Cuts } {
  const cuts: Cuts = new Map()
  if (typeof value !== 'object' || value === null) return { rest: value, cuts }
  const entries = Object.entries(value).flatMap(([name, member]) => {
    if (!Array.isArray(value) && name.startsWith('x')) {
      cuts.set(pointerStep(name), null)
      return []
    }
    const inner = without(member)
    if (inner.cuts.size > 0) cuts.set(pointerStep(name), inner.cuts)
    return [[name, inner.rest] as const]
  })
  return { rest: Array.isArray(value) ? entries.map(([, item]) => item) : Object.fromEntries(entries), cuts }
}

test('for any JSON: what is left reads as the value without what was cut', () => {
  const name = fc.oneof(fc.constantFrom('x', 'xy', 'x"', 'a', 'b', ''), fc.string({ maxLength: 4 }))
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 5 },
      fc.jsonValue({ maxDepth: 0 }),
      fc.array(tie('tree'), { maxLength: 4 }),
      fc.dictionary(name, tie('tree'), { maxKeys: 6 }),
    ),
  }))
  fc.assert(
    fc.property(tree, fc.constantFrom(undefined, 1, '\t'), (value, blanks) => {
      const { rest, cuts } = without(value)
      if (cuts.size === 0) return
      const left = cut(JSON.stringify(value, null, blanks), cuts)
      assert.equal(JSON.stringify(JSON.parse(left)), JSON.stringify(rest))
    }),
    { seed: 4, numRuns: 2000 },
  )
})
