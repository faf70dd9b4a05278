import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compileContract } from '../harness/contract.ts'
import { judgesOf, schemaDocument } from '../harness/schema-document.ts'

// The Schema Object of OpenAPI 3.0.4, and what OpenAPI adds to JSON Schema in 3.1.1: nullable, boolean exclusive bounds,
// readOnly and writeOnly, discriminator, formats.

const text = { type: 'string' }
const named = { Named: { type: 'object', properties: { name: text } }, Nullable: { ...text, nullable: true } }
const Named = { $ref: '#/components/schemas/Named' }

type Row = readonly [what: string, schema: object, valid: readonly unknown[], invalid: readonly unknown[]]

const old: readonly Row[] = [
  ['nullable', { ...text, nullable: true }, ['a', null], [1]],
  ['nullable: false', { ...text, nullable: false }, ['a'], [null]],
  ['not nullable', text, ['a'], [null]],
  ['nullable beside enum', { ...text, nullable: true, enum: ['a'] }, ['a', null], ['b']],
  [
    'nullable beside an enum that has null',
    { ...text, nullable: true, enum: ['a', null] },
    ['a', null],
    ['b'],
  ],
  ['an enum with null that is not nullable', { ...text, enum: ['a', null] }, ['a'], [null]],
  ['nullable beside $ref is ignored', { ...Named, nullable: true }, [{ name: 'a' }], [null]],
  [
    'nullable without type does not reach through allOf',
    { nullable: true, allOf: [Named] },
    [{}],
    [null, { x: 1 }],
  ],
  [
    'nullable with type does not reach through allOf',
    { type: 'object', nullable: true, allOf: [Named] },
    [{}],
    [null],
  ],
  ['a nullable schema by reference', { $ref: '#/components/schemas/Nullable' }, ['a', null], [1]],
  [
    'a nullable branch',
    { oneOf: [Named, { $ref: '#/components/schemas/Nullable' }] },
    [{}, null, 'a'],
    [{ x: 1 }, 1],
  ],
  [
    'a nullable object is closed',
    { type: 'object', nullable: true, properties: { a: text } },
    [null, {}],
    [{ b: 1 }],
  ],
  ['exclusiveMinimum: true', { type: 'number', minimum: 3, exclusiveMinimum: true }, [3.1], [3, 2]],
  ['exclusiveMinimum: false', { type: 'number', minimum: 3, exclusiveMinimum: false }, [3], [2]],
  ['exclusiveMaximum: true', { type: 'number', maximum: 3, exclusiveMaximum: true }, [2.9], [3, 4]],
  [
    'both bounds',
    { type: 'integer', minimum: 1, maximum: 3, exclusiveMinimum: true, exclusiveMaximum: true },
    [2],
    [1, 3],
  ],
  ['constraints beside $ref are ignored', { ...Named, minProperties: 1 }, [{}], []],
]

for (const [what, schema, valid, invalid] of old) {
  test(`OpenAPI 3.0: ${what}`, () => {
    const { request } = judgesOf(schemaDocument(schema, named, '3.0.4'))
    for (const value of valid) assert.equal(request.check(value), true, JSON.stringify(value))
    for (const value of invalid) assert.equal(request.check(value), false, JSON.stringify(value))
  })
}

const foreign: readonly (readonly [openapi: string, schema: object, problem: RegExp])[] = [
  [
    '3.0.4',
    { type: 'number', exclusiveMinimum: true },
    /schema-invalid: exclusiveMinimum must be true, beside minimum/,
  ],
  ['3.0.4', { type: 'number', exclusiveMinimum: 3 }, /schema-invalid: exclusiveMinimum/],
  ['3.0.4', { type: ['string', 'null'] }, /schema-dialect: OpenAPI 3\.0 knows one type/],
  ['3.0.4', { const: 'a' }, /schema-dialect: const is no keyword of OpenAPI 3\.0/],
  ['3.0.4', { nullable: true, allOf: [Named] }, /schema-dialect: nullable without type/],
  ['3.0.4', { ...Named, maxProperties: 1 }, /ref-siblings-ignored: .*maxProperties/],
  ['3.0.4', { ...text, nullable: 'yes' }, /schema-invalid: nullable must be true or false/],
  [
    '3.1.1',
    { type: 'number', minimum: 3, exclusiveMinimum: true },
    /schema-invalid: exclusiveMinimum must be a number/,
  ],
  ['3.1.1', { ...text, nullable: true }, /schema-dialect: nullable means nothing since OpenAPI 3\.1/],
  ['3.1.1', { ...text, readOnly: 'true' }, /schema-invalid: readOnly must be true or false/],
]

test('OpenAPI 3.0.4 4.7.24: nullable without type means nothing, and is reported where null is refused for it', () => {
  const optional = { ...text, nullable: true }
  const integer = { type: 'integer' }
  const rows: readonly (readonly [schema: object, takesNull: boolean])[] = [
    [{ enum: ['a', 1] }, false],
    [{ enum: ['a', null] }, true],
    [{ oneOf: [text, integer] }, false],
    [{ oneOf: [optional, integer] }, true],
    [{ oneOf: [optional, { ...integer, nullable: true }] }, false],
    [{ anyOf: [optional, { $ref: '#/components/schemas/Nullable' }] }, true],
    [{ allOf: [optional, { minLength: 1 }] }, true],
    [{ allOf: [{ $ref: '#/components/schemas/Named' }] }, false],
    [{ not: text }, true],
    [{ not: optional }, false],
    [{ description: 'anything' }, true],
  ]
  for (const [schema, takesNull] of rows) {
    const document = schemaDocument({ ...schema, nullable: true }, named, '3.0.4')
    const where = JSON.stringify(schema)
    assert.equal(judgesOf(document).request.check(null), takesNull, where)
    const { warnings } = compileContract(document)
    const said = warnings.some(({ message }) => message.startsWith('nullable without type'))
    assert.equal(said, !takesNull, where)
  }
})

test('words of another version of OpenAPI are reported', () => {
  for (const [openapi, schema, problem] of foreign) {
    const { errors, warnings } = compileContract(schemaDocument(schema, named, openapi))
    const found = [...errors, ...warnings].map(({ rule, message }) => `${rule}: ${message}`)
    assert.match(found.join('\n'), problem, JSON.stringify(schema))
  }
})

const object = (properties: object) => ({ type: 'object', properties })
const id = { type: 'integer', readOnly: true }
const password = { ...text, writeOnly: true }
const account = {
  type: 'object',
  properties: { id, name: text, password },
  required: ['id', 'name', 'password'],
}
const accounts = {
  Account: account,
  Id: id,
  ById: { type: 'object', properties: { id: { $ref: '#/components/schemas/Id' } }, required: ['id'] },
}
const Account = { $ref: '#/components/schemas/Account' }

type Direction = readonly [what: string, schema: object, sent: object, answered: object]

/** What may be sent must not be answered, and the other way round. */
const directed: readonly Direction[] = [
  ['beside required', account, { name: 'a', password: 'p' }, { id: 1, name: 'a' }],
  ['through a reference', Account, { name: 'a', password: 'p' }, { id: 1, name: 'a' }],
  ['through allOf', { allOf: [Account] }, { name: 'a', password: 'p' }, { id: 1, name: 'a' }],
  [
    'required elsewhere than declared',
    { allOf: [{ ...account, required: [] }, { required: ['id', 'name', 'password'] }] },
    { name: 'a', password: 'p' },
    { id: 1, name: 'a' },
  ],
  [
    'required beside a reference',
    { type: 'object', required: ['id', 'password'], properties: { more: text }, allOf: [Account] },
    { name: 'a', password: 'p', more: 'm' },
    { id: 1, name: 'a', more: 'm' },
  ],
  [
    'in every branch, required outside',
    {
      required: ['id', 'password'],
      oneOf: [
        Account,
        { ...account, properties: { id, password, age: { type: 'integer' } }, required: ['age'] },
      ],
    },
    { age: 3, password: 'p' },
    { age: 3, id: 1 },
  ],
]

for (const [what, schema, sent, answered] of directed) {
  for (const openapi of ['3.0.4', '3.1.1']) {
    test(`readOnly and writeOnly by direction, ${what} (OpenAPI ${openapi})`, () => {
      const { request, response } = judgesOf(schemaDocument(schema, accounts, openapi))
      assert.deepEqual([request.check(sent), response.check(answered)], [true, true])
      assert.deepEqual([request.check(answered), response.check(sent)], [false, false])
      assert.deepEqual(
        [request.check({ ...sent, id: 1 }), response.check({ ...answered, password: 'p' })],
        [false, false],
      )
    })
  }
}

test('a fault says that a readOnly member is not known, as of any other that may not be sent', () => {
  const { request, response } = judgesOf(schemaDocument(Account, accounts))
  assert.deepEqual(request.faults({ id: 1, name: 'a', password: 'p' }, 20), [
    { pointer: '/id', message: 'is not a known field' },
  ])
  assert.deepEqual(response.faults({ name: 'a' }, 20), [{ pointer: '/id', message: 'is required' }])
})

test('readOnly of a referenced schema, and of a part of allOf, makes a member readOnly', () => {
  for (const member of [
    { $ref: '#/components/schemas/Id' },
    { allOf: [{ type: 'integer' }, { readOnly: true }] },
  ]) {
    const schema = { type: 'object', properties: { id: member, a: text }, required: ['id'] }
    const { request, response } = judgesOf(schemaDocument(schema, accounts))
    assert.deepEqual([request.check({ a: 'x' }), request.check({ id: 1 })], [true, false])
    assert.deepEqual([response.check({ a: 'x' }), response.check({ id: 1 })], [false, true])
  }
})

test('a branch that does not hide a member still demands it', () => {
  const open = {
    type: 'object',
    properties: { id: { type: 'integer' }, kind: text },
    required: ['id', 'kind'],
  }
  const { request } = judgesOf(schemaDocument({ oneOf: [Account, open] }, accounts))
  assert.deepEqual(
    [{ name: 'a', password: 'p' }, { id: 1, kind: 'k' }, { kind: 'k' }].map((value) => request.check(value)),
    [true, true, false],
  )
})

test('dependentRequired demands nothing that cannot be sent', () => {
  const schema = {
    type: 'object',
    properties: { id, password, name: text, nick: text },
    dependentRequired: { name: ['id', 'password', 'nick'] },
  }
  for (const it of [
    schema,
    { allOf: [{ ...schema, dependentRequired: {} }, { dependentRequired: schema.dependentRequired }] },
  ]) {
    const { request, response } = judgesOf(schemaDocument(it))
    const named = { name: 'a', nick: 'b' }
    assert.deepEqual(
      [{ ...named, password: 'p' }, named, { name: 'a', password: 'p' }].map((value) => request.check(value)),
      [true, false, false],
    )
    assert.deepEqual(
      [{ ...named, id: 1 }, named, { name: 'a', id: 1 }].map((value) => response.check(value)),
      [true, false, false],
    )
  }
})

test('oneOf of what demands a member that cannot be sent and what does not: either may be meant', () => {
  const properties = { id, name: text, nick: text }
  const either = { type: 'object', properties, oneOf: [{ required: ['id'] }, { required: ['name'] }] }
  const apart = {
    oneOf: [
      { type: 'object', properties, required: ['id', 'nick'] },
      { type: 'object', properties, required: ['name'] },
    ],
  }
  for (const openapi of ['3.0.4', '3.1.1']) {
    const one = judgesOf(schemaDocument(either, {}, openapi))
    assert.deepEqual(
      [{ name: 'a' }, {}, { nick: 'b' }, { id: 1 }].map((value) => one.request.check(value)),
      [true, true, true, false],
    )
    assert.deepEqual(
      [{ name: 'a' }, { id: 1 }, { id: 1, name: 'a' }, {}].map((value) => one.response.check(value)),
      [true, true, false, false],
    )
    const two = judgesOf(schemaDocument(apart, {}, openapi))
    assert.deepEqual(
      [{ name: 'a' }, { nick: 'b' }, { name: 'a', nick: 'b' }, {}].map((value) => two.request.check(value)),
      [true, true, true, false],
    )
  }
})

test('oneOf whose branches all demand the same that cannot be sent still means one of them', () => {
  const branch = (name: string) => ({ ...object({ id, [name]: text }), required: ['id'] })
  const { request } = judgesOf(schemaDocument({ oneOf: [branch('a'), branch('b')] }))
  assert.deepEqual(
    [{ a: 'x' }, { b: 'x' }, {}].map((value) => request.check(value)),
    [false, false, false],
  )
  const kinds = ['a', 'b'].map((kind) => ({
    ...object({ id, kind: { const: kind } }),
    required: ['id', 'kind'],
  }))
  const told = judgesOf(schemaDocument({ oneOf: kinds })).request
  assert.deepEqual(
    [{ kind: 'a' }, { kind: 'b' }, { kind: 'c' }].map((value) => told.check(value)),
    [true, true, false],
  )
})

test('branches that demand more than one another of what cannot be sent count where no smaller demand is met', () => {
  const secret = { ...text, readOnly: true }
  const schema = {
    ...object({ id, secret, name: text }),
    oneOf: [
      { required: ['id', 'name'] },
      { required: ['id', 'secret'] },
      { required: ['id'], maxProperties: 0 },
    ],
  }
  const { request } = judgesOf(schemaDocument(schema))
  assert.deepEqual(
    [{}, { name: 'a' }].map((value) => request.check(value)),
    [true, true],
  )
})

/** OpenAPI Format Registry, and the formats of JSON Schema: a value that is one, and one that is not. */
const formats: readonly (readonly [format: string, type: string, valid: unknown, invalid: unknown])[] = [
  ['int32', 'integer', 2 ** 31 - 1, 2 ** 31],
  ['date', 'string', '2024-02-29', '2023-02-29'],
  ['date-time', 'string', '2024-02-29T00:00:00Z', '2024-02-29 00:00'],
  ['time', 'string', '12:00:00Z', '12:00'],
  ['duration', 'string', 'P1DT2H', '1 day'],
  ['email', 'string', 'a@b.example', 'a@'],
  ['idn-email', 'string', 'ä@b.example', 'ä'],
  ['hostname', 'string', 'a.example', '-a.example'],
  ['idn-hostname', 'string', 'ä.example', '〮.example'],
  ['ipv4', 'string', '192.0.2.1', '192.0.2.256'],
  ['ipv6', 'string', '2001:db8::1', '2001:db8:::1'],
  ['uri', 'string', 'https://a.example/', '/a'],
  ['uri-reference', 'string', '/a', '\\a'],
  ['iri', 'string', 'https://ä.example/', '/ä'],
  ['iri-reference', 'string', '/ä', '\\ä'],
  ['uri-template', 'string', '/a/{b}', '/a/{b'],
  ['uuid', 'string', '123e4567-e89b-12d3-a456-426614174000', '123e4567'],
  ['json-pointer', 'string', '/a/~0b', '/a/~b'],
  ['relative-json-pointer', 'string', '1/a', '/a'],
  ['regex', 'string', '^a+$', '^(a'],
  ['byte', 'string', 'YWI=', 'YWI'],
]

test('formats that are stated to be enforced are', () => {
  for (const [format, type, valid, invalid] of formats) {
    for (const openapi of ['3.0.4', '3.1.1']) {
      const { request } = judgesOf(schemaDocument({ type, format }, {}, openapi))
      assert.deepEqual([request.check(valid), request.check(invalid)], [true, false], `${format} ${openapi}`)
    }
  }
})
