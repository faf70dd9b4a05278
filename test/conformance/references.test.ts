import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compileContract } from '../harness/contract.ts'
import { judgesOf, schemaDocument } from '../harness/schema-document.ts'

// JSON Schema 2020-12 Core 8.2 in OpenAPI documents: $id, $anchor, $dynamicRef. The official suite has the single cases.

const text = { type: 'string' }
const problems = (document: object, files = {}): readonly string[] =>
  compileContract(document, files).errors.map(({ rule, message }) => `${rule}: ${message}`)
const verdicts = (document: object, values: readonly unknown[], files = {}): readonly boolean[] => {
  const { request } = judgesOf(document, files)
  return values.map((value) => request.check(value))
}

test('an absolute $id is only a name: references to it lead to the schema that has it', () => {
  const schemas = {
    Order: {
      $id: 'https://schemas.example/order',
      type: 'object',
      properties: { line: { $ref: 'line' }, self: { $ref: '#' } },
    },
    Line: { $id: 'https://schemas.example/line', type: 'object', properties: { sku: text } },
  }
  const document = schemaDocument({ $ref: 'https://schemas.example/order' }, schemas)
  assert.deepEqual(
    verdicts(document, [{ line: { sku: 'a' } }, { self: { line: {} } }, { line: { sku: 1 } }]),
    [true, true, false],
  )
  assert.deepEqual(verdicts(document, [{ line: { unknown: 1 } }, { unknown: 1 }]), [false, false])
})

test('an $anchor is found in its own resource and by the name of another', () => {
  const schemas = {
    A: { $id: 'a', $defs: { x: { $anchor: 'x', type: 'integer' } }, $ref: '#x' },
    B: {
      $id: 'b',
      $defs: { x: { $anchor: 'x', type: 'boolean' } },
      prefixItems: [{ $ref: '#x' }, { $ref: 'a#x' }],
    },
  }
  assert.deepEqual(
    verdicts(schemaDocument({ $ref: '#/components/schemas/B' }, schemas), [
      [true, 1],
      [1, true],
    ]),
    [true, false],
  )
  assert.deepEqual(verdicts(schemaDocument({ $ref: 'a' }, schemas), [1, true]), [true, false])
})

const lists = {
  List: {
    $id: 'list',
    type: 'object',
    properties: { items: { type: 'array', items: { $dynamicRef: '#item' } } },
    $defs: { any: { $dynamicAnchor: 'item', not: true } },
  },
  Numbers: { $id: 'numbers', $ref: 'list', $defs: { item: { $dynamicAnchor: 'item', type: 'integer' } } },
  People: {
    $id: 'people',
    $ref: 'list',
    $defs: { item: { $dynamicAnchor: 'item', type: 'object', properties: { name: text } } },
  },
}

test('one generic schema takes what each of its users binds by $dynamicAnchor', () => {
  const both = {
    type: 'object',
    properties: { numbers: { $ref: 'numbers' }, people: { $ref: 'people' }, again: { $ref: 'numbers' } },
  }
  assert.deepEqual(
    verdicts(schemaDocument(both, lists), [
      { numbers: { items: [1] }, people: { items: [{ name: 'n' }] }, again: { items: [2] } },
      { numbers: { items: [{ name: 'n' }] } },
      { people: { items: [1] } },
      { again: { items: ['a'] } },
      { people: { items: [{ name: 'n', unknown: 1 }] } },
    ]),
    [true, false, false, false, false],
  )
  assert.deepEqual(verdicts(schemaDocument({ $ref: 'list' }, lists), [{ items: [] }, { items: [1] }]), [
    true,
    false,
  ])
})

const trees = {
  Tree: {
    $id: 'tree',
    $dynamicAnchor: 'node',
    type: 'object',
    properties: { value: text, children: { type: 'array', items: { $dynamicRef: '#node' } } },
  },
  Titled: {
    $id: 'titled',
    $dynamicAnchor: 'node',
    properties: { title: text },
    required: ['title'],
    allOf: [{ $ref: 'tree' }],
  },
}

test('the closed world is closed through $dynamicRef and recursion, and holds all that was said on the way', () => {
  const titled = schemaDocument({ $ref: 'titled' }, trees)
  assert.deepEqual(
    verdicts(titled, [
      { title: 'a', children: [{ title: 'b', value: 'v', children: [] }] },
      { title: 'a', children: [{ value: 'v' }] },
      { title: 'a', children: [{ title: 'b', children: [{ title: 'c', unknown: 1 }] }] },
    ]),
    [true, false, false],
  )
  assert.deepEqual(
    judgesOf(titled)
      .request.faults({ title: 'a', children: [{ title: 'b', unknown: 1 }] }, 20)
      .map(({ pointer }) => pointer),
    ['/children/0/unknown'],
  )
  const plain = schemaDocument({ $ref: 'tree' }, trees)
  assert.deepEqual(verdicts(plain, [{ children: [{ value: 'v' }] }, { children: [{ title: 'a' }] }]), [
    true,
    false,
  ])
})

test('a $dynamicRef beside other keywords applies with them', () => {
  const schemas = {
    Node: {
      $id: 'node',
      $dynamicAnchor: 'node',
      type: 'object',
      properties: {
        name: text,
        inner: { $dynamicRef: '#node', properties: { more: text }, minProperties: 1 },
      },
    },
  }
  assert.deepEqual(
    verdicts(schemaDocument({ $ref: 'node' }, schemas), [
      { inner: { name: 'a', more: 'b' } },
      { inner: {} },
      { inner: { name: 'a', else: 1 } },
    ]),
    [true, false, false],
  )
})

test('a file that has an $id is found where its name says, beside the file that refers to it', () => {
  const order = {
    $id: 'https://schemas.example/order.json',
    type: 'object',
    properties: { line: { $ref: 'line.json' } },
  }
  const line = { $id: 'https://schemas.example/line.json', type: 'integer' }
  const document = schemaDocument({ $ref: 'order.json' })
  const files = { 'order.json': order, 'line.json': line }
  assert.deepEqual(verdicts(document, [{ line: 1 }, { line: 'a' }], files), [true, false])
  const other = { ...files, 'line.json': { ...line, $id: 'https://elsewhere.example/line.json' } }
  assert.match(
    problems(document, other).join(),
    /ref-remote: line\.json means https:\/\/schemas\.example\/line\.json/,
  )
})

const item = { $dynamicAnchor: 'item', type: 'integer' }
const refused: readonly (readonly [what: string, schema: object, schemas: object, problem: RegExp])[] = [
  ['a remote reference', { $ref: 'https://a.example/b' }, {}, /ref-remote/],
  [
    'a reference relative to a remote name',
    { $ref: '#/components/schemas/A' },
    { A: { $id: 'https://a.example/b', $ref: 'c' } },
    /ref-remote.*https:\/\/a\.example\/c/,
  ],
  ['a file by its URI', { $ref: 'file:///etc/passwd' }, {}, /ref-remote/],
  [
    'a file by a name that begins there',
    { $ref: 'a' },
    { A: { $id: 'file:///etc/', $ref: 'passwd' } },
    /ref/,
  ],
  ['an anchor that nothing has', { $ref: '#nothing' }, {}, /ref-unresolved.*anchor nothing/],
  ['a dynamic anchor that nothing has', { $dynamicRef: '#nothing' }, {}, /ref-unresolved.*anchor nothing/],
  ['one $id twice', { $ref: 'a' }, { A: { $id: 'a' }, B: { $id: 'a' } }, /ref-unresolved.*two schemas/],
  [
    'one anchor twice in one resource',
    { $ref: '#/components/schemas/A' },
    { A: { $anchor: 'a' }, B: { $anchor: 'a' } },
    /schema-name-unsupported.*\$anchor a/,
  ],
  [
    'one dynamic anchor twice in one resource',
    { $dynamicRef: 'a#item' },
    { A: { $id: 'a', $defs: { item } }, B: item, C: item },
    /ref-unresolved.*two schemas/,
  ],
  ['$id with a fragment', { $id: 'a#b' }, {}, /schema-invalid: \$id/],
  ['an anchor that is no name', { $anchor: 'a b' }, {}, /schema-invalid: \$anchor/],
  ['$recursiveRef', { $recursiveRef: '#' }, {}, /schema-keyword-unsupported/],
]

for (const [what, schema, schemas, problem] of refused) {
  test(`${what} is a problem`, () => {
    assert.match(problems(schemaDocument(schema, schemas)).join(), problem)
  })
}

const circles: readonly object[] = [
  { allOf: [{ $ref: '#/components/schemas/A' }] },
  { anyOf: [{ type: 'object' }, { not: { $ref: '#/components/schemas/A' } }] },
  { properties: { a: { $ref: '#/components/schemas/B' } }, allOf: [{ $ref: '#/components/schemas/B' }] },
  { $id: 'a', $dynamicAnchor: 'n', type: 'object', oneOf: [{ $dynamicRef: '#n' }, { type: 'string' }] },
]

test('a schema that applies itself to the same instance is a problem, one that recurs below it is none', () => {
  const B = { if: { $ref: '#/components/schemas/A' } }
  for (const A of circles) {
    const found = problems(schemaDocument({ $ref: '#/components/schemas/A' }, { A, B }))
    assert.match(found.join(), /schema-circular/, JSON.stringify(A))
  }
  const A = { type: 'object', properties: { a: { allOf: [{ $ref: '#/components/schemas/A' }] } } }
  assert.deepEqual(problems(schemaDocument({ $ref: '#/components/schemas/A' }, { A })), [])
})

test('OpenAPI 3.0 has none of these keywords', () => {
  for (const keyword of ['$id', '$anchor', '$dynamicAnchor', '$dynamicRef']) {
    const found = problems(schemaDocument({ [keyword]: '#' }, {}, '3.0.4'))
    assert.match(found.join(), /schema-keyword-unsupported/, keyword)
  }
})

test('H8: dynamic scopes that multiply stay within bounds', () => {
  const schemas: Record<string, object> = {}
  const names = Array.from({ length: 16 }, (_, index) => `a${index}`)
  for (const [index, name] of names.entries()) {
    const others = names.map((other) => ({ $ref: other }))
    schemas[name] = {
      $id: name,
      type: 'object',
      properties: Object.fromEntries(others.map((other, at) => [`p${at}`, other])),
      $defs: { bound: { $dynamicAnchor: `n${index}`, type: 'object' }, use: { $dynamicRef: `#n${index}` } },
    }
  }
  const before = performance.now()
  const { errors } = compileContract(schemaDocument({ $ref: 'a0' }, schemas))
  assert.ok(errors.some(({ rule }) => rule === 'schema-too-large'))
  assert.ok(performance.now() - before < 20_000, `${performance.now() - before} ms`)
})
