import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Json, JsonObject } from '../base/json.ts'
import { createSchemaLowering } from './lower.ts'
import { SchemaResources } from './resources.ts'
import { compileValidator } from './validator.ts'

function lowering(components: JsonObject = {}, dialect: '3.0' | '3.1' = '3.1') {
  return createSchemaLowering({
    dialect,
    direction: 'request',
    definitionPrefix: '',
    resolver: {
      resolve: (ref) => {
        const schema = components[ref.slice('#/'.length)]
        return schema === undefined
          ? null
          : { schema, location: { file: 'f', pointer: ref.slice(1) }, dynamicAnchor: null }
      },
      resourceAround: () => new SchemaResources({}, 'file:///f').around(''),
      mapped: () => null,
      heirs: () => [],
    },
  })
}

function validatorOf(schema: Json, components: JsonObject = {}, dialect: '3.0' | '3.1' = '3.1') {
  const made = lowering(components, dialect)
  const lowered = made.lower(schema, { file: 'f', pointer: '' })
  assert.deepEqual(
    made.problems.filter(({ severity }) => severity === 'error'),
    [],
  )
  return compileValidator(lowered, made.definitions)
}

const object = (properties: JsonObject, more: JsonObject = {}): JsonObject => ({
  type: 'object',
  properties,
  ...more,
})
const text = { type: 'string' }
const components = {
  Named: object({ name: text }, { required: ['name'] }),
  Aged: object({ age: { type: 'integer' } }),
  Pair: { type: 'array', prefixItems: [text, { $ref: '#/Aged' }] },
  Tree: object({ value: text, children: { type: 'array', items: { $ref: '#/Tree' } } }),
}

const closed: readonly (readonly [string, Json, unknown, boolean, string?])[] = [
  ['plain object', object({ a: text }), { a: 'x' }, true],
  ['plain object, unknown', object({ a: text }), { a: 'x', b: 1 }, false, '/b'],
  ['nested', object({ a: object({ b: text }) }), { a: { b: 'x', c: 1 } }, false, '/a/c'],
  ['array item', { type: 'array', items: object({ a: text }) }, [{}, { z: 1 }], false, '/1/z'],
  ['written open', object({ a: text }, { additionalProperties: true }), { z: { y: 1 } }, true],
  [
    'open values are closed again',
    object({}, { additionalProperties: object({ a: text }) }),
    { k: { b: 1 } },
    false,
    '/k/b',
  ],
  [
    'patternProperties',
    object({}, { patternProperties: { '^x-': text }, additionalProperties: false }),
    { 'x-a': 'b' },
    true,
  ],
  ['allOf of references', { allOf: [{ $ref: '#/Named' }, { $ref: '#/Aged' }] }, { name: 'n', age: 3 }, true],
  [
    'allOf, unknown',
    { allOf: [{ $ref: '#/Named' }, { $ref: '#/Aged' }] },
    { name: 'n', age: 3, x: 1 },
    false,
    '/x',
  ],
  [
    'allOf beside properties',
    object({ z: text }, { allOf: [{ $ref: '#/Named' }] }),
    { name: 'n', z: 'z' },
    true,
  ],
  ['$ref alone', { $ref: '#/Named' }, { name: 'n', y: 1 }, false, '/y'],
  ['$ref with siblings', { $ref: '#/Named', properties: { z: text } }, { name: 'n', z: 'z' }, true],
  [
    '$ref with siblings, unknown',
    { $ref: '#/Named', properties: { z: text } },
    { name: 'n', q: 1 },
    false,
    '/q',
  ],
  [
    'oneOf, first',
    { oneOf: [{ $ref: '#/Named' }, object({ id: { type: 'integer' } }, { required: ['id'] })] },
    { name: 'n' },
    true,
  ],
  [
    'oneOf, member of the other branch only',
    { oneOf: [{ $ref: '#/Named' }, object({ id: { type: 'integer' } }, { required: ['id'] })] },
    { name: 'n', x: 1 },
    false,
    '/x',
  ],
  [
    'anyOf joins what matches',
    { anyOf: [{ $ref: '#/Named' }, { $ref: '#/Aged' }] },
    { name: 'n', age: 1 },
    true,
  ],
  ['recursion', { $ref: '#/Tree' }, { value: 'r', children: [{ children: [{ value: 'x' }] }] }, true],
  [
    'recursion, unknown below',
    { $ref: '#/Tree' },
    { children: [{ children: [{ nope: 1 }] }] },
    false,
    '/children/0/children/0/nope',
  ],
  [
    'if/then',
    object({ kind: text }, { if: object({ kind: { const: 'a' } }), then: object({ extra: text }) }),
    { kind: 'a', extra: 'x' },
    true,
  ],
  [
    'if/then not taken',
    object({ kind: text }, { if: object({ kind: { const: 'a' } }), then: object({ extra: text }) }),
    { kind: 'b', extra: 'x' },
    false,
    '/extra',
  ],
  [
    'an if that misses, and what stands beside it',
    object({ a: true }, { if: object({ b: { const: 1 } }), else: object({ b: true }) }),
    { a: 1, b: 2 },
    true,
  ],
  [
    'an if that misses makes nothing known',
    { if: object({ a: true }, { maxProperties: 1 }), else: object({ b: true }) },
    { a: 1, b: 2 },
    false,
    '/a',
  ],
  [
    'members of items that contains has looked at are not members of the whole',
    object({}, { allOf: [object({ list: { contains: object({ a: true, b: { const: 1 } }) } })] }),
    { list: [{ a: 1, b: 2 }, { b: 1 }], a: 1 },
    false,
    '/a',
  ],
  [
    'members of members that unevaluatedProperties has looked at are not members of the whole',
    { unevaluatedProperties: object({ x: true }) },
    { first: { x: 1 }, x: 5 },
    false,
    '/x',
  ],
  [
    'items of items that contains has looked at are not items of the whole',
    { contains: { type: 'array', prefixItems: [true, true] }, unevaluatedItems: false },
    [[1, 2], 5],
    false,
    '/1',
  ],
  [
    'unevaluatedItems through allOf',
    { allOf: [{ prefixItems: [text] }], unevaluatedItems: false },
    ['a'],
    true,
  ],
  [
    'unevaluatedItems through allOf, one more',
    { allOf: [{ prefixItems: [text] }], unevaluatedItems: false },
    ['a', 'b'],
    false,
    '/1',
  ],
  [
    'unevaluatedItems through a reference, and items are closed',
    { $ref: '#/Pair', unevaluatedItems: { $ref: '#/Aged' } },
    ['a', { age: 1 }, { name: 'n' }],
    false,
    '/2/name',
  ],
  [
    'unevaluatedItems leaves objects alone',
    { allOf: [{ $ref: '#/Named' }], unevaluatedItems: false },
    { name: 'n', x: 1 },
    false,
    '/x',
  ],
  [
    'names are matched by the linear engine',
    object({}, { patternProperties: { '^(a|a)*$': true } }),
    { [`${'a'.repeat(40)}b`]: 1 },
    false,
    `/${'a'.repeat(40)}b`,
  ],
  ['names with needless escapes', object({}, { patternProperties: { '^x\\-': text } }), { 'x-a': 'b' }, true],
  ['an object that declares nothing', { type: 'object' }, { a: 1 }, false, '/a'],
  ['a member named like a method', object({ a: text }), { toString: 1 }, false, '/toString'],
  ['required', object({ a: text }, { required: ['a'] }), {}, false, '/a'],
  ['multipleOf is exact', { type: 'number', multipleOf: 0.01 }, 1.13, true],
  ['multipleOf does not round', { type: 'integer', multipleOf: 5 }, 7, false, ''],
  ['multipleOf near miss', { type: 'number', multipleOf: 1 }, 1.00000000001, false, ''],
  ['characters are code points', { type: 'string', maxLength: 2 }, '😀😀', true],
]

test('D3: an object is closed at every position unless its schema says that it is open', () => {
  for (const [title, schema, instance, valid, pointer] of closed) {
    const validator = validatorOf(schema, components)
    assert.equal(validator.check(instance), valid, title)
    if (!valid) assert.equal(validator.faults(instance, 20)[0]?.pointer, pointer, title)
  }
})

test('a long array of objects that must not repeat is judged in bounded time', () => {
  const validator = validatorOf({
    type: 'array',
    uniqueItems: true,
    items: { type: 'array', items: { type: 'integer' } },
  })
  const items: unknown[] = Array.from({ length: 50_000 }, (_, index) => [index])
  const before = performance.now()
  assert.deepEqual(validator.faults([...items, 'x'], 20), [
    { pointer: '/50000', message: 'must be an array' },
  ])
  assert.ok(performance.now() - before < 2000)
  assert.deepEqual(validator.faults([...items, [7]], 20), [
    { pointer: '', message: 'must not repeat an item' },
  ])
})

test('the unknown field in array item 10 001 is found (D3)', () => {
  const items: object[] = Array.from({ length: 10_002 }, () => ({ a: 'x' }))
  items[10_001] = { a: 'x', b: 1 }
  const validator = validatorOf({ type: 'array', items: object({ a: text }) })
  assert.equal(validator.check(items), false)
  assert.deepEqual(validator.faults(items, 20), [{ pointer: '/10001/b', message: 'is not a known field' }])
})

test('the dialect of OpenAPI 3.0: nullable, boolean exclusive bounds, readOnly in requests', () => {
  const nullable = validatorOf({ type: 'string', nullable: true, enum: ['a'] }, {}, '3.0')
  assert.deepEqual(
    [null, 'a', 'b'].map((value) => nullable.check(value)),
    [true, true, false],
  )
  const above = validatorOf({ type: 'number', minimum: 3, exclusiveMinimum: true }, {}, '3.0')
  assert.deepEqual(
    [3, 3.1].map((value) => above.check(value)),
    [false, true],
  )
  const made = validatorOf(
    object({ id: { type: 'string', readOnly: true }, a: text }, { required: ['id', 'a'] }),
    {},
    '3.0',
  )
  assert.deepEqual(
    [{ a: 'x' }, { a: 'x', id: '1' }].map((value) => made.check(value)),
    [true, false],
  )
  const range = validatorOf({ type: 'integer', format: 'int32' }, {}, '3.0')
  assert.deepEqual(
    [2 ** 31 - 1, 2 ** 31].map((value) => range.check(value)),
    [true, false],
  )
})

const problems: readonly (readonly [Json, string, string])[] = [
  [{ type: 'string', maxlength: 3 }, 'schema-keyword-unknown', '/maxlength'],
  [{ type: 'strng' }, 'schema-invalid', '/type'],
  [{ type: 'string', minLength: '3' }, 'schema-invalid', '/minLength'],
  [object({ a: { type: 'string', required: true } }), 'schema-invalid', '/properties/a/required'],
  [{ type: 'string', pattern: '(?=(a+)+)(a+)+' }, 'pattern-unsupported', '/pattern'],
  [{ $recursiveRef: '#' }, 'schema-keyword-unsupported', '/$recursiveRef'],
  [object({ hasOwnProperty: text }), 'schema-name-unsupported', '/properties/hasOwnProperty'],
  [{ allOf: [] }, 'schema-invalid', '/allOf'],
  ['string', 'schema-invalid', ''],
]

test('a schema that cannot be enforced as written is a problem with its place, never a weaker schema', () => {
  for (const [schema, rule, pointer] of problems) {
    const made = lowering()
    made.lower(schema, { file: 'f', pointer: '' })
    const [problem] = made.problems.filter(({ severity }) => severity === 'error')
    assert.deepEqual([problem?.rule, problem?.location.pointer], [rule, pointer], JSON.stringify(schema))
  }
})

test('H8: a schema that nests without end is a problem, in bounded time', () => {
  let deep: JsonObject = text
  for (let i = 0; i < 5000; i++) deep = { not: deep }
  const made = lowering()
  made.lower(deep, { file: 'f', pointer: '' })
  assert.equal(made.problems[0]?.rule, 'schema-too-large')
})

const leaf = fc.constantFrom<Json>(
  text,
  { type: 'integer' },
  { type: 'boolean' },
  { enum: ['a', 1, null] },
  { type: 'integer', minimum: 2 },
  { type: ['string', 'null'], maxLength: 1 },
)
const names = fc.constantFrom('a', 'b', 'c')
const schemas = fc.letrec<{ schema: Json }>((tie) => ({
  schema: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf,
    fc.record({
      type: fc.constant('object'),
      properties: fc.dictionary(names, tie('schema'), { maxKeys: 3 }),
      required: fc.uniqueArray(names, { maxLength: 1 }),
    }),
    fc.record({
      type: fc.constant('object'),
      properties: fc.dictionary(names, tie('schema'), { maxKeys: 2 }),
      additionalProperties: tie('schema'),
    }),
    fc.record({ type: fc.constant('array'), items: tie('schema'), maxItems: fc.constantFrom(1, 2) }),
    fc.record({ allOf: fc.array(tie('schema'), { minLength: 1, maxLength: 2 }) }),
    fc.record({ anyOf: fc.array(tie('schema'), { minLength: 1, maxLength: 2 }) }),
    fc.record({ oneOf: fc.array(tie('schema'), { minLength: 1, maxLength: 2 }) }),
    fc.record({ not: leaf }),
  ),
})).schema
const instances = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom('a', 'bb', 1, 2, 3.5, true, null),
    fc
      .dictionary(fc.constantFrom('a', 'b', 'c', 'd'), tie('value'), { maxKeys: 3 })
      .map((made) => ({ ...made })),
    fc.array(tie('value'), { maxLength: 3 }),
  ),
})).value

test('the compiled validator and the interpreter agree, in both directions', () => {
  fc.assert(
    fc.property(schemas, fc.array(instances, { minLength: 4, maxLength: 4 }), (schema, values) => {
      const validator = validatorOf(schema)
      for (const value of values) {
        const faults = validator
          .faults(value, 20)
          .filter(({ message }) => message !== 'does not match its schema')
        assert.equal(validator.check(value), faults.length === 0, JSON.stringify({ schema, value, faults }))
      }
    }),
    { seed: 23, numRuns: 1500 },
  )
})
