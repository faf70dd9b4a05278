import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stripUnknown } from '../../src/engine/validate/strip-unknown.ts'
import type { Validator } from '../../src/schema/validator.ts'
import { compileContract } from '../harness/contract.ts'
import { judgesOf, schemaDocument } from '../harness/schema-document.ts'

// Members that no `properties` names: readOnly ones are refused in requests, writeOnly ones in answers, and neither is
// demanded there. OpenAPI 3.0.4 and 3.1.1 4.8.24.

const text = { type: 'string' }
const flags = { request: 'readOnly', response: 'writeOnly' } as const
type Direction = keyof typeof flags

interface Row {
  readonly what: string
  /** @param hidden a schema of members that may not be sent in the direction looked at */
  readonly schema: (hidden: object) => object
  readonly valid: readonly unknown[]
  /** Valid in the other direction, where nothing is hidden. */
  readonly hidden: readonly unknown[]
  /** Valid in neither direction. */
  readonly invalid?: readonly unknown[]
}

const a = { a: text }
const rows: readonly Row[] = [
  {
    what: 'additionalProperties',
    schema: (hidden) => ({ type: 'object', properties: a, additionalProperties: hidden }),
    valid: [{}, { a: '' }],
    hidden: [{ b: '' }, { a: '', b: '' }],
  },
  {
    what: 'patternProperties',
    schema: (hidden) => ({ type: 'object', patternProperties: { '^x-': hidden, '^y-': text } }),
    valid: [{}, { 'y-a': '' }],
    hidden: [{ 'x-a': '' }],
    invalid: [{ z: '' }],
  },
  {
    what: 'patternProperties beside properties of that name',
    schema: (hidden) => ({ properties: { ab: text, b: text }, patternProperties: { '^a': hidden } }),
    valid: [{ b: '' }],
    hidden: [{ ab: '' }],
  },
  {
    what: 'unevaluatedProperties',
    schema: (hidden) => ({ allOf: [{ properties: a }], unevaluatedProperties: hidden }),
    valid: [{}, { a: '' }],
    hidden: [{ b: '' }],
  },
  {
    what: 'additionalProperties through a reference',
    schema: () => ({ type: 'object', additionalProperties: { $ref: '#/components/schemas/Hidden' } }),
    valid: [{}],
    hidden: [{ b: '' }],
  },
  {
    what: 'additionalProperties of a part',
    schema: (hidden) => ({
      allOf: [{ properties: a, additionalProperties: hidden }, { required: ['a', 'b'] }],
    }),
    valid: [{ a: '' }],
    hidden: [{ a: '', b: '' }],
    invalid: [{ b: '' }],
  },
  {
    what: 'a member of a member',
    schema: (hidden) => ({
      properties: { m: { type: 'object', additionalProperties: hidden, required: ['b'] } },
    }),
    valid: [{ m: {} }],
    hidden: [{ m: { b: '' } }],
  },
  {
    what: 'where several schemas describe a member',
    schema: (hidden) => ({
      allOf: [
        { properties: { m: { properties: a } } },
        { properties: { m: { patternProperties: { '^b': hidden } } } },
      ],
    }),
    valid: [{ m: { a: '' } }],
    hidden: [{ m: { b: '' } }],
    invalid: [{ m: { c: '' } }],
  },
  {
    what: 'required beside additionalProperties',
    schema: (hidden) => ({ properties: a, additionalProperties: hidden, required: ['a', 'b'] }),
    valid: [{ a: '' }],
    hidden: [{ a: '', b: '' }],
    invalid: [{}],
  },
  {
    what: 'required beside patternProperties',
    schema: (hidden) => ({ properties: a, patternProperties: { '^b': hidden }, required: ['a', 'b'] }),
    valid: [{ a: '' }],
    hidden: [{ a: '', b: '' }],
    invalid: [{}],
  },
  {
    what: 'required beside unevaluatedProperties',
    schema: (hidden) => ({ allOf: [{ properties: a }], unevaluatedProperties: hidden, required: ['a', 'b'] }),
    valid: [{ a: '' }],
    hidden: [{ a: '', b: '' }],
    invalid: [{}],
  },
  {
    what: 'required in a part, hidden outside it',
    schema: (hidden) => ({
      allOf: [{ required: ['a', 'b'] }],
      patternProperties: { '^a': text, '^b': hidden },
    }),
    valid: [{ a: '' }],
    hidden: [{ a: '', b: '' }],
    invalid: [{}],
  },
  {
    what: 'required outside, hidden in every branch',
    schema: (hidden) => ({
      required: ['b'],
      anyOf: [{ properties: { b: hidden, c: text } }, { patternProperties: { '^b': hidden }, properties: a }],
    }),
    valid: [{ a: '' }, { c: '' }],
    hidden: [{ b: '' }],
  },
  {
    what: 'dependentRequired',
    schema: (hidden) => ({
      properties: { a: text, c: text },
      additionalProperties: hidden,
      dependentRequired: { a: ['b', 'c'] },
    }),
    valid: [{ a: '', c: '' }],
    hidden: [{ a: '', b: '', c: '' }],
    invalid: [{ a: '' }],
  },
]

function judgesFor(row: Row, direction: Direction, openapi: string) {
  const hidden = { ...text, [flags[direction]]: true }
  const judges = judgesOf(schemaDocument(row.schema(hidden), { Hidden: hidden }, openapi))
  const other = direction === 'request' ? 'response' : 'request'
  return { here: judges[direction], there: judges[other] }
}

/** What the compiled validator says, and the interpreter, which has no fault to name where nothing is wrong. */
const verdicts = (judge: Validator, value: unknown) => [
  judge.check(value),
  judge.faults(value, 20)[0]?.message === 'does not match its schema',
]

for (const row of rows) {
  for (const direction of ['request', 'response'] as const) {
    for (const openapi of ['3.0.4', '3.1.1']) {
      test(`${flags[direction]} members are refused in a ${direction}: ${row.what} (OpenAPI ${openapi})`, () => {
        const { here, there } = judgesFor(row, direction, openapi)
        for (const value of row.valid) assert.deepEqual(verdicts(here, value), [true, true])
        for (const value of [...row.hidden, ...(row.invalid ?? [])])
          assert.deepEqual(verdicts(here, value), [false, false])
        assert.ok(row.hidden.every((value) => there.check(value)))
        assert.ok((row.invalid ?? []).every((value) => !there.check(value)))
      })
    }
  }
}

test('a member that a branch lets be sent is still demanded', () => {
  const schema = {
    properties: { kind: text },
    anyOf: [{ properties: { b: text } }, { properties: { c: text } }],
    unevaluatedProperties: { ...text, readOnly: true },
    required: ['b'],
  }
  const { request } = judgesOf(schemaDocument(schema))
  assert.deepEqual([request.check({ b: '' }), request.check({ c: '' })], [true, false])
})

test('a condition looks at members that may not be sent as at any other', () => {
  const schema = {
    properties: { a: text, c: text },
    if: { additionalProperties: { ...text, readOnly: true } },
    then: { required: ['c'] },
  }
  const { request } = judgesOf(schemaDocument(schema))
  assert.deepEqual([request.check({ a: '' }), request.check({ a: '', c: '' })], [false, true])
})

test('strip cuts writeOnly members that no properties names', () => {
  for (const keyword of ['additionalProperties', 'patternProperties', 'unevaluatedProperties']) {
    const hidden = { ...text, writeOnly: true }
    const rest = { [keyword]: keyword === 'patternProperties' ? { '^b': hidden } : hidden }
    const { response } = judgesOf(
      schemaDocument({ type: 'object', properties: a, ...rest, required: ['a', 'b'] }),
    )
    const stripped = stripUnknown(response, { a: 'x', b: 's3cret' }, Buffer.from('{"a":"x","b":"s3cret"}'))
    assert.equal(stripped && Buffer.from(stripped.bytes).toString(), '{"a":"x"}')
  }
})

test('parts that are repeated without measure, or nest too deep, are looked at in bounded work', () => {
  const parts = (levels: number, part: (below: object) => object) => {
    const schemas: Record<string, object> = {
      L0: { additionalProperties: { ...text, readOnly: true }, required: ['b'] },
    }
    for (let level = 1; level <= levels; level++)
      schemas[`L${level}`] = part({ $ref: `#/components/schemas/L${level - 1}` })
    return schemaDocument({ $ref: `#/components/schemas/L${levels}` }, schemas)
  }
  const twice = (part: object) => ({ anyOf: [part, { allOf: [part] }], required: ['b'] })
  const { request } = judgesOf(parts(6, twice))
  assert.deepEqual([request.check({}), request.check({ b: '' })], [true, false])
  assert.deepEqual(compileContract(parts(30, twice)).errors, [])
  const deep = compileContract(parts(3000, (part) => ({ allOf: [part], required: ['b'] })))
  assert.deepEqual(new Set(deep.errors.map(({ rule }) => rule)), new Set(['schema-too-large']))
})

test('readOnly and writeOnly of items, which no member is, are reported', () => {
  const id = { ...text, readOnly: true }
  for (const list of [
    { type: 'array', items: id },
    { type: 'array', prefixItems: [id], items: text },
    { type: 'array', prefixItems: [text], unevaluatedItems: id },
    { type: 'array', items: { $ref: '#/components/schemas/Id' } },
  ]) {
    const { errors, warnings } = compileContract(schemaDocument(list, { Id: id }))
    assert.deepEqual(errors, [])
    assert.deepEqual(
      warnings.filter(({ rule }) => rule === 'schema-keyword-ignored').map(({ message }) => message),
      ['readOnly of an item is not enforced: items are no members'],
      JSON.stringify(list),
    )
  }
  const secret = { type: 'array', items: { ...text, writeOnly: true } }
  const { warnings } = compileContract(schemaDocument(secret))
  assert.match(warnings.map(({ message }) => message).join('\n'), /writeOnly of an item is not enforced/)
})
