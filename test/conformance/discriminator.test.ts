import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compileContract } from '../harness/contract.ts'
import { judgesOf, schemaDocument } from '../harness/schema-document.ts'

// Discriminator Object, OpenAPI 3.0.4 4.7.25 and 3.1.1 4.8.25, in the closed world.

const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` })
const text = { type: 'string' }
const pet = (discriminator?: object) => ({
  type: 'object',
  required: ['petType', 'name'],
  properties: { petType: text, name: text },
  ...(discriminator && { discriminator }),
})
const cat = { type: 'object', required: ['hunts'], properties: { hunts: { enum: ['lazy', 'keen'] } } }
const dog = { type: 'object', required: ['pack'], properties: { pack: { type: 'integer', minimum: 0 } } }
const heirs = (discriminator?: object) => ({
  Pet: pet(discriminator),
  Cat: { allOf: [ref('Pet'), cat] },
  Dog: { allOf: [ref('Pet'), dog] },
})
const Tom = { petType: 'Cat', name: 'Tom', hunts: 'keen' }
const Rex = { petType: 'Dog', name: 'Rex', pack: 3 }
const versions = ['3.0.4', '3.1.1', '3.2.0']

test('oneOf with discriminator and mapping: each heir with its own members, and no others', () => {
  const mapping = { cat: '#/components/schemas/Cat', dog: 'Dog' }
  for (const openapi of versions) {
    for (const discriminator of [{ propertyName: 'petType' }, { propertyName: 'petType', mapping }]) {
      const schema = { oneOf: [ref('Cat'), ref('Dog')], discriminator }
      const { request } = judgesOf(schemaDocument(schema, heirs(), openapi))
      for (const value of [Tom, Rex, { ...Tom, petType: 'cat' }]) assert.ok(request.check(value), openapi)
      for (const value of [
        { ...Tom, pack: 1 },
        { ...Rex, x: 1 },
        { petType: 'Cat', name: 'Tom' },
        { name: 'Tom' },
      ])
        assert.equal(request.check(value), false, JSON.stringify(value))
    }
  }
})

test('a discriminator in the base beside oneOf of its heirs', () => {
  const schema = { oneOf: [ref('Cat'), ref('Dog')] }
  const { request } = judgesOf(schemaDocument(schema, heirs({ propertyName: 'petType' })))
  assert.deepEqual(
    [Tom, Rex, { ...Tom, x: 1 }, { ...Tom, pack: 1 }].map((value) => request.check(value)),
    [true, true, false, false],
  )
})

test('where the base is expected an object is what its discriminator says, and no more than that', () => {
  for (const openapi of versions) {
    const document = schemaDocument(
      { type: 'array', items: ref('Pet') },
      heirs({ propertyName: 'petType' }),
      openapi,
    )
    const { request, response } = judgesOf(document)
    for (const value of [
      [Tom],
      [Rex, Tom],
      [{ petType: 'Pet', name: 'a' }],
      [{ petType: 'Fish', name: 'a' }],
    ]) {
      assert.ok(request.check(value), JSON.stringify(value))
      assert.ok(response.check(value))
    }
    const faults: readonly (readonly [value: object, pointer: string])[] = [
      [{ ...Tom, pack: 1 }, '/0/pack'],
      [{ ...Tom, hunts: 'never' }, '/0/hunts'],
      [{ ...Rex, petType: 'Cat' }, '/0/hunts'],
      [{ petType: 'Cat', name: 'Tom' }, '/0/hunts'],
      [{ ...Tom, petType: 'Pet' }, '/0/hunts'],
      [{ ...Tom, petType: 'Fish' }, '/0/hunts'],
      [{ name: 'Tom', hunts: 'keen' }, '/0/petType'],
    ]
    for (const [value, pointer] of faults) {
      assert.equal(request.check([value]), false, JSON.stringify(value))
      assert.equal(request.faults([value], 20)[0]?.pointer, pointer, JSON.stringify(value))
    }
  }
})

test('3.2: an object that says none of the heirs is what defaultMapping names, unless it says it is the base', () => {
  const discriminator = { propertyName: 'petType', defaultMapping: 'Cat', mapping: { base: 'Pet' } }
  const { required: _, ...Pet } = pet(discriminator)
  const { request } = judgesOf(schemaDocument(ref('Pet'), { ...heirs(), Pet }, '3.2.0'))
  for (const value of [
    { name: 'Tom', hunts: 'keen' },
    { ...Tom, petType: 'Fish' },
    Tom,
    Rex,
    { petType: 'Pet', name: 'a' },
    { petType: 'base', name: 'a' },
  ])
    assert.ok(request.check(value), JSON.stringify(value))
  for (const [value, pointer] of [
    [{ name: 'Tom' }, '/hunts'],
    [{ name: 'Tom', hunts: 'keen', pack: 1 }, '/pack'],
    [{ petType: 'Fish', name: 'a' }, '/hunts'],
    [{ petType: 'Pet', name: 'a', hunts: 'keen' }, '/hunts'],
    [{ ...Rex, hunts: 'keen' }, '/hunts'],
  ] as const) {
    assert.equal(request.check(value), false, JSON.stringify(value))
    assert.equal(request.faults(value, 20)[0]?.pointer, pointer, JSON.stringify(value))
  }
})

test('values of the mapping name heirs too, and heirs of heirs count', () => {
  const discriminator = {
    propertyName: 'petType',
    mapping: { tom: 'Cat', meow: '#/components/schemas/Siamese' },
  }
  const Siamese = { allOf: [ref('Cat'), { type: 'object', properties: { voice: text } }] }
  const { request } = judgesOf(schemaDocument(ref('Pet'), { ...heirs(discriminator), Siamese }))
  const siam = { ...Tom, voice: 'loud' }
  assert.deepEqual(
    [
      { ...Tom, petType: 'tom' },
      { ...siam, petType: 'meow' },
      { ...siam, petType: 'Siamese' },
      { ...siam, petType: 'tom' },
      siam,
    ].map((value) => request.check(value)),
    [true, true, true, false, false],
  )
})

test('without a discriminator the base is no more than itself', () => {
  const { request } = judgesOf(schemaDocument(ref('Pet'), heirs()))
  assert.deepEqual(
    [Tom, { petType: 'Cat', name: 'Tom' }].map((value) => request.check(value)),
    [false, true],
  )
})

test('a base that is extended in place is no more than what stands there', () => {
  const schema = { allOf: [ref('Pet'), { type: 'object', properties: { shop: text } }] }
  const { request } = judgesOf(schemaDocument(schema, heirs({ propertyName: 'petType' })))
  assert.deepEqual(
    [
      { petType: 'Cat', name: 'Tom', shop: 's' },
      { ...Tom, shop: 's' },
    ].map((value) => request.check(value)),
    [true, false],
  )
})

test('readOnly members of heirs are not demanded in requests', () => {
  const schemas = heirs({ propertyName: 'petType' })
  const Cat = {
    allOf: [
      ref('Pet'),
      {
        ...cat,
        required: ['hunts', 'id'],
        properties: { ...cat.properties, id: { type: 'integer', readOnly: true } },
      },
    ],
  }
  const { request, response } = judgesOf(schemaDocument(ref('Pet'), { ...schemas, Cat }))
  assert.deepEqual([request.check(Tom), request.check({ ...Tom, id: 1 })], [true, false])
  assert.deepEqual([response.check(Tom), response.check({ ...Tom, id: 1 })], [false, true])
})

const faulty: readonly (readonly [what: string, discriminator: unknown, problem: RegExp])[] = [
  [
    'a name that no schema has',
    { propertyName: 'petType', mapping: { c: 'Catt' } },
    /ref-unresolved: Catt is no schema.* did you mean Cat\?/,
  ],
  [
    'a reference that leads nowhere',
    { propertyName: 'petType', mapping: { c: '#/components/schemas/Catt' } },
    /ref-unresolved/,
  ],
  [
    'a remote reference',
    { propertyName: 'petType', mapping: { c: 'https://a.example/cat.json' } },
    /ref-remote/,
  ],
  [
    'a default that leads nowhere',
    { propertyName: 'petType', defaultMapping: 'Fish' },
    /ref-unresolved: Fish/,
  ],
  [
    'a default that extends nothing',
    { propertyName: 'petType', defaultMapping: 'Stone' },
    /schema-invalid: it leads to no schema that extends this one/,
  ],
  ['a default that is no name', { propertyName: 'petType', defaultMapping: 1 }, /schema-invalid: defaultM/],
  ['no propertyName', { mapping: {} }, /schema-invalid: propertyName/],
  ['no mapping of names', { propertyName: 'petType', mapping: ['Cat'] }, /schema-invalid: mapping/],
  ['a text', 'petType', /schema-invalid: discriminator/],
]

for (const [what, discriminator, problem] of faulty) {
  test(`a discriminator with ${what} is a problem`, () => {
    const schemas = { ...heirs(), Stone: { type: 'object' }, Pet: { ...pet(), discriminator } }
    const { errors } = compileContract(schemaDocument(ref('Pet'), schemas))
    assert.match(errors.map(({ rule, message, fix }) => `${rule}: ${message} ${fix}`).join('\n'), problem)
  })
}

test('a base that lists its heirs, which extend it, applies to itself: a problem', () => {
  const schemas = {
    ...heirs(),
    Pet: { oneOf: [ref('Cat'), ref('Dog')], discriminator: { propertyName: 'petType' } },
  }
  const { errors } = compileContract(schemaDocument(ref('Pet'), schemas))
  assert.deepEqual([...new Set(errors.map(({ rule }) => rule))], ['schema-circular'])
})

test('a wrapper around a reference to a base means its heirs, as the reference does', () => {
  const base = ref('Pet')
  const wrappers = [
    { allOf: [base] },
    { oneOf: [base, { type: 'integer' }] },
    { anyOf: [base, text], description: 'a pet' },
    { anyOf: [{ allOf: [base] }, { enum: [1, null] }] },
    { oneOf: [{ anyOf: [{ allOf: [{ allOf: [base] }] }] }, text] },
    { allOf: [base, { description: 'a pet' }, { required: ['name'] }] },
    { allOf: [ref('Maybe')] },
    { oneOf: [ref('Maybe'), text] },
  ]
  for (const openapi of versions)
    for (const schema of wrappers) {
      const { request } = judgesOf(
        schemaDocument(
          schema,
          {
            ...heirs({ propertyName: 'petType' }),
            Own: { allOf: [base] },
            Maybe: { anyOf: [{ allOf: [base] }, { type: 'integer' }] },
          },
          openapi,
        ),
      )
      for (const value of [Tom, Rex, { petType: 'x', name: 'y' }])
        assert.ok(request.check(value), JSON.stringify(schema))
      for (const value of [
        { ...Tom, pack: 1 },
        { ...Rex, x: 1 },
        { petType: 'Cat', name: 'Tom' },
      ])
        assert.equal(request.check(value), false, JSON.stringify(schema))
    }
})

test('in OpenAPI 3.1 a wrapper may say null by a list of types, and describe the reference', () => {
  for (const schema of [
    { oneOf: [{ ...ref('Pet'), description: 'a pet' }, { type: 'null' }] },
    { anyOf: [{ type: ['null', 'string'] }, { anyOf: [ref('Pet')] }] },
    { anyOf: [ref('Pet'), { const: null }] },
  ]) {
    const { request } = judgesOf(schemaDocument(schema, heirs({ propertyName: 'petType' })))
    for (const value of [Tom, Rex, null]) assert.ok(request.check(value), JSON.stringify(schema))
    for (const value of [{ ...Tom, pack: 1 }, 3]) assert.equal(request.check(value), false)
  }
})

test('a heir that wraps its base is no more than itself', () => {
  const schemas = {
    ...heirs({ propertyName: 'petType' }),
    Own: { allOf: [ref('Pet'), { description: 'own' }] },
  }
  const { request } = judgesOf(schemaDocument({ anyOf: [ref('Own'), text] }, schemas))
  assert.deepEqual(
    [{ petType: 'Own', name: 'a' }, Tom].map((value) => request.check(value)),
    [true, false],
  )
})
