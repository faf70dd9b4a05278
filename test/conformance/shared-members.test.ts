import assert from 'node:assert/strict'
import { test } from 'node:test'
import { judgesOf, schemaDocument } from '../harness/schema-document.ts'

// The closed world at every depth: what several schemas say of one and the same member counts together, as what they say
// of one object does (JSON Schema 2020-12 Core 11.3).

const text = { type: 'string' }
const object = (properties: object, more: object = {}) => ({ type: 'object', properties, ...more })
const meta = (properties: object, more: object = {}) => object({ meta: object(properties, more) })
const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` })
const a = meta({ a: text })
const b = meta({ b: text })
const kind = (value: string, more: object) => ({
  ...more,
  properties: { ...(more as ReturnType<typeof object>).properties, kind: { const: value } },
  required: ['kind'],
})
const list = (items: object) => object({ list: { type: 'array', ...items } })
const schemas = {
  A: a,
  Tree: { allOf: [object({ kid: ref('Tree'), a: text }), object({ kid: object({ b: text }) })] },
  Pet: object({ type: text, tag: object({ a: text }) }, { discriminator: { propertyName: 'type' } }),
  Cat: { allOf: [ref('Pet'), object({ tag: object({ b: text }), claws: text })] },
}

interface Row {
  readonly what: string
  readonly schema: object
  readonly valid: readonly object[]
  readonly faults: readonly (readonly [value: object, ...pointers: string[]])[]
}

const both = { meta: { a: 'x', b: 'y' } }
const rows: readonly Row[] = [
  {
    what: 'allOf',
    schema: { allOf: [a, b] },
    valid: [both, { meta: { a: 'x' } }, { meta: {} }, {}],
    faults: [
      [{ meta: { a: 'x', c: 1 } }, '/meta/c'],
      [{ meta: { a: 1, b: 'y' } }, '/meta/a'],
      [{ meta: { c: 1, d: 2 }, e: 3 }, '/meta/c', '/meta/d', '/e'],
    ],
  },
  {
    what: 'members beside a reference and allOf',
    schema: { ...b, ...ref('A'), allOf: [meta({ c: text })] },
    valid: [{ meta: { a: 'x', b: 'y', c: 'z' } }],
    faults: [[{ meta: { a: 'x', d: 1 } }, '/meta/d']],
  },
  {
    what: 'one that is open for the member',
    schema: { allOf: [a, meta({}, { additionalProperties: true })] },
    valid: [{ meta: { a: 'x', z: { y: 1 } } }],
    faults: [[{ meta: { a: 1 } }, '/meta/a']],
  },
  {
    what: 'one that says nothing of what is in the member',
    schema: { allOf: [a, object({ meta: {} }), object({ meta: { description: 'more' } })] },
    valid: [{ meta: { a: 'x' } }],
    faults: [[{ meta: { b: 'x' } }, '/meta/b']],
  },
  {
    what: 'three levels down',
    schema: {
      allOf: [
        meta({ in: object({ in: object({ a: text }) }) }),
        meta({ in: object({ in: object({ b: text }) }) }),
      ],
    },
    valid: [{ meta: { in: { in: { a: 'x', b: 'y' } } } }],
    faults: [[{ meta: { in: { in: { a: 'x', c: 1 } } } }, '/meta/in/in/c']],
  },
  {
    what: 'anyOf: branches that hold',
    schema: { anyOf: [kind('a', a), kind('b', b)], properties: { meta: object({ id: text }) } },
    valid: [
      { kind: 'a', meta: { a: 'x', id: 'i' } },
      { kind: 'b', meta: { b: 'x', id: 'i' } },
    ],
    faults: [[{ kind: 'a', meta: { b: 'x' } }, '/meta/b']],
  },
  {
    what: 'oneOf: the branch that holds',
    schema: { oneOf: [kind('a', a), kind('b', b)] },
    valid: [
      { kind: 'a', meta: { a: 'x' } },
      { kind: 'b', meta: { b: 'x' } },
    ],
    faults: [[{ kind: 'b', meta: { a: 'x' } }, '/meta/a']],
  },
  {
    what: 'then and else',
    schema: { ...object({ kind: text, meta: object({ id: text }) }), if: kind('a', {}), then: a, else: b },
    valid: [
      { kind: 'a', meta: { id: 'i', a: 'x' } },
      { kind: 'c', meta: { id: 'i', b: 'x' } },
    ],
    faults: [
      [{ kind: 'a', meta: { b: 'x' } }, '/meta/b'],
      [{ kind: 'c', meta: { a: 'x' } }, '/meta/a'],
    ],
  },
  {
    what: 'dependentSchemas',
    schema: { ...object({ on: text, meta: object({ id: text }) }), dependentSchemas: { on: a } },
    valid: [{ on: '', meta: { a: 'x', id: 'i' } }, { meta: { id: 'i' } }],
    faults: [[{ meta: { a: 'x' } }, '/meta/a']],
  },
  {
    what: 'a condition, where it holds',
    schema: { ...object({ meta: object({ id: text }) }), if: { ...a, required: ['meta'] } },
    valid: [{ meta: { a: 'x', id: 'i' } }, { meta: { id: 'i' } }, {}],
    faults: [
      [{ meta: { a: 1 } }, '/meta/a'],
      [{ meta: { b: 1 } }, '/meta/b'],
    ],
  },
  {
    what: 'a condition alone, which then says what may be there',
    schema: { type: 'object', if: a },
    valid: [{ meta: { a: 'x' } }],
    faults: [[{ meta: { a: 'x', c: 1 } }, '/meta/c']],
  },
  {
    what: 'a condition about what is open',
    schema: { ...object({}, { additionalProperties: true }), if: a, then: {} },
    valid: [{ meta: { a: 'x', c: 1 } }, { meta: 1 }],
    faults: [],
  },
  {
    what: 'properties and patternProperties',
    schema: object(
      { meta: object({ a: text }) },
      { patternProperties: { '^m': object({ b: text }), a$: {} } },
    ),
    valid: [both, { more: { b: 'y' } }],
    faults: [
      [{ meta: { c: 1 } }, '/meta/c'],
      [{ more: { a: 'x' } }, '/more/a'],
    ],
  },
  {
    what: 'additionalProperties and properties of another',
    schema: { allOf: [object({}, { additionalProperties: object({ a: text }) }), b] },
    valid: [both, { other: { a: 'x' } }],
    faults: [
      [{ other: { b: 'y' } }, '/other/b'],
      [{ meta: { c: 1 } }, '/meta/c'],
    ],
  },
  {
    what: 'items and prefixItems',
    schema: {
      allOf: [
        list({ items: object({ a: text }) }),
        list({ prefixItems: [object({ b: text })], items: true }),
      ],
    },
    valid: [{ list: [{ a: 'x', b: 'y' }, { a: 'x' }] }],
    faults: [
      [{ list: [{ c: 1 }] }, '/list/0/c'],
      [{ list: [{}, { b: 'y' }] }, '/list/1/b'],
    ],
  },
  {
    what: 'a list that is an instance of its own',
    schema: { allOf: [{ type: 'array', items: object({ a: text }) }, { items: object({ b: text }) }] },
    valid: [[{ a: 'x', b: 'y' }], []],
    faults: [[[{ a: 'x' }, { c: 1 }], '/1/c']],
  },
  {
    what: 'a schema that contains itself',
    schema: ref('Tree'),
    valid: [{ a: 'x', kid: { a: 'x', b: 'y', kid: { b: 'z' } } }],
    faults: [
      [{ b: 'x' }, '/b'],
      [{ kid: { kid: { b: 'x', c: 1 } } }, '/kid/kid/c'],
    ],
  },
  {
    what: 'a base in a member, whose heirs are told by their discriminator',
    schema: { allOf: [object({ pet: ref('Pet') }), object({ pet: object({ owner: text }) })] },
    valid: [
      { pet: { type: 'Cat', owner: 'o', claws: 'c', tag: { a: 'x', b: 'y' } } },
      { pet: { type: 'Pet', owner: 'o', tag: { a: 'x' } } },
    ],
    faults: [
      [{ pet: { type: 'Pet', claws: 'c' } }, '/pet/claws'],
      [{ pet: { type: 'Pet', tag: { b: 'y' } } }, '/pet/tag/b'],
      [{ pet: { type: 'Cat', tag: { c: 'y' } } }, '/pet/tag/c'],
    ],
  },
  {
    what: 'a listed object',
    schema: { allOf: [{ enum: [both, { id: 'i' }] }, a, object({ id: text })] },
    valid: [both, { id: 'i' }],
    faults: [[{ meta: { a: 'x' } }, '']],
  },
]

for (const { what, schema, valid, faults } of rows) {
  test(`a member that is described by several schemas is closed against all of them: ${what}`, () => {
    const { request, response } = judgesOf(schemaDocument(schema, schemas))
    for (const judge of [request, response]) {
      for (const value of valid) assert.deepEqual([judge.check(value), value], [true, value])
      for (const [value, ...pointers] of faults) {
        assert.equal(judge.check(value), false, JSON.stringify(value))
        assert.deepEqual(
          judge.faults(value, 20).map(({ pointer }) => pointer),
          pointers,
        )
      }
    }
  })
}

test('D3: a branch that lets anything be in a member does not open what another that holds as well describes', () => {
  const { request } = judgesOf(schemaDocument({ anyOf: [a, object({ meta: true })] }))
  assert.ok(request.check({ meta: { a: 'x' } }))
  assert.equal(request.check({ meta: { a: 'x', c: 1 } }), false)
  assert.ok(request.check({ meta: { a: 1, c: 1 } }))
})

test('CWE-407: the work grows with the body alone where all levels are described twice', () => {
  const branches = { anyOf: [object({ b: text }), ref('Twice')] }
  const Twice = { anyOf: [object({ kid: ref('Twice'), a: text }), object({ kid: branches })] }
  const { request } = judgesOf(schemaDocument(ref('Twice'), { Twice }))
  let value: object = { c: 1 }
  for (let depth = 0; depth < 60; depth++) value = { kid: value }
  const before = performance.now()
  assert.equal(request.check(value), false)
  assert.equal(request.faults(value, 20)[0]?.pointer, `${'/kid'.repeat(60)}/c`)
  assert.ok(performance.now() - before < 500)
})
