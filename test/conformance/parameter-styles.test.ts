import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LinkedProgram } from '../../src/engine/link.ts'
import { compileContract, judgeParameters, linkedContract, parameterDocument } from '../harness/contract.ts'

// OpenAPI 3.1.1 4.8.12.6, "Style Examples", over every place where a style may stand.

const text = { type: 'string' }
const array = { type: 'array', items: text }
const members = { R: { type: 'integer' }, G: { type: 'integer' }, B: { type: 'integer' } }
const object = { type: 'object', properties: members }
const schemas = { string: text, array, object }
const values = {
  empty: '',
  string: 'blue',
  array: ['blue', 'black', 'brown'],
  object: { R: 100, G: 200, B: 150 },
} as const
type Kind = 'empty' | 'string' | 'array' | 'object'

/** Wire texts by kind; null is the table's `n/a`. */
type Row = readonly [style: string, explode: boolean, wires: { readonly [K in Kind]: string | null }]
const na = null

const table: readonly Row[] = [
  [
    'matrix',
    false,
    {
      empty: ';color',
      string: ';color=blue',
      array: ';color=blue,black,brown',
      object: ';color=R,100,G,200,B,150',
    },
  ],
  [
    'matrix',
    true,
    {
      empty: ';color',
      string: ';color=blue',
      array: ';color=blue;color=black;color=brown',
      object: ';R=100;G=200;B=150',
    },
  ],
  ['label', false, { empty: na, string: '.blue', array: '.blue,black,brown', object: '.R,100,G,200,B,150' }],
  ['label', true, { empty: na, string: '.blue', array: '.blue.black.brown', object: '.R=100.G=200.B=150' }],
  ['simple', false, { empty: '', string: 'blue', array: 'blue,black,brown', object: 'R,100,G,200,B,150' }],
  ['simple', true, { empty: '', string: 'blue', array: 'blue,black,brown', object: 'R=100,G=200,B=150' }],
  [
    'form',
    false,
    {
      empty: 'color=',
      string: 'color=blue',
      array: 'color=blue,black,brown',
      object: 'color=R,100,G,200,B,150',
    },
  ],
  [
    'form',
    true,
    {
      empty: 'color=',
      string: 'color=blue',
      array: 'color=blue&color=black&color=brown',
      object: 'R=100&G=200&B=150',
    },
  ],
  [
    'spaceDelimited',
    false,
    {
      empty: na,
      string: na,
      array: 'color=blue%20black%20brown',
      object: 'color=R%20100%20G%20200%20B%20150',
    },
  ],
  [
    'spaceDelimited',
    true,
    { empty: na, string: na, array: 'color=blue&color=black&color=brown', object: na },
  ],
  [
    'pipeDelimited',
    false,
    {
      empty: na,
      string: na,
      array: 'color=blue%7Cblack%7Cbrown',
      object: 'color=R%7C100%7CG%7C200%7CB%7C150',
    },
  ],
  ['pipeDelimited', true, { empty: na, string: na, array: 'color=blue&color=black&color=brown', object: na }],
  [
    'deepObject',
    true,
    { empty: na, string: na, array: na, object: 'color%5BR%5D=100&color%5BG%5D=200&color%5BB%5D=150' },
  ],
]

interface Place {
  readonly in: 'path' | 'query' | 'header' | 'cookie'
  readonly styles: readonly string[]
  send(linked: LinkedProgram, wire: string): ReturnType<typeof judgeParameters>
}

const places: readonly Place[] = [
  {
    in: 'path',
    styles: ['matrix', 'label', 'simple'],
    send: (linked, wire) => judgeParameters(linked, `/color/${wire}`),
  },
  {
    in: 'query',
    styles: ['form', 'spaceDelimited', 'pipeDelimited', 'deepObject'],
    send: (linked, wire) => judgeParameters(linked, `/color?${wire}`),
  },
  {
    in: 'header',
    styles: ['simple'],
    send: (linked, wire) => judgeParameters(linked, '/color', ['color', wire]),
  },
  {
    in: 'cookie',
    styles: ['form'],
    send: (linked, wire) => judgeParameters(linked, '/color', ['cookie', wire]),
  },
]

const parameterOf = (place: Place, style: string, explode: boolean, schema: object) => ({
  name: 'color',
  in: place.in,
  required: true,
  style,
  explode,
  schema,
})

/** Spellings of the table that a place cannot carry: they are refused when the contract is compiled. */
function isUndefined(place: Place, explode: boolean, kind: Kind): boolean {
  return place.in === 'cookie' && explode && (kind === 'array' || kind === 'object')
}

for (const place of places) {
  for (const [style, explode, wires] of table) {
    if (!place.styles.includes(style)) continue
    for (const kind of ['empty', 'string', 'array', 'object'] as const) {
      const wire = wires[kind]
      // A path segment cannot be empty, and a label of nothing is a dot segment.
      if (kind === 'empty' && (wire === null || (place.in === 'path' && wire === ''))) continue
      const schema = schemas[kind === 'empty' ? 'string' : kind]
      const refused = wire === null || isUndefined(place, explode, kind)
      const title = `${place.in} ${style}, explode ${explode}, ${kind}`
      test(`${title}: ${refused ? 'not defined, so refused when compiled' : wire} (OpenAPI 3.1.1 Style Examples)`, () => {
        const document = parameterDocument(parameterOf(place, style, explode, schema))
        if (refused || wire === null) {
          const { errors } = compileContract(document)
          assert.deepEqual(
            errors.map(({ rule }) => rule),
            ['parameter-unsupported'],
          )
          return
        }
        const verdict = place.send(linkedContract(document), wire)
        assert.ok(verdict.allow, JSON.stringify(verdict))
        assert.deepEqual(structuredClone(verdict.values[place.in].get('color')), values[kind])
      })
    }
  }
}

type Case = readonly [
  title: string,
  parameter: object,
  target: string,
  expected: unknown,
  headers?: readonly string[],
]
const refused = Symbol('refused')
const query = (schema: object, more: object = {}) => ({ name: 'a', in: 'query', schema, ...more })
const path = (schema: object, more: object = {}) => ({
  name: 'color',
  in: 'path',
  required: true,
  schema,
  ...more,
})
const header = (schema: object, more: object = {}) => ({ name: 'a', in: 'header', schema, ...more })
const open = { type: 'object', additionalProperties: { type: 'string' } }
const opened = { ...open, properties: { role: { type: 'string', enum: ['user'] } } }
const json = (schema: object) => ({ content: { 'application/json': { schema } } })
const integers = { type: 'array', items: { type: 'integer' }, maxItems: 3 }
const many = (count: number) => Array.from({ length: count }, () => '1')

const cases: readonly Case[] = [
  ['a scalar that is repeated', query(text), '/color?a=1&a=2', refused],
  ['a scalar repeated in another encoding', query(text), '/color?a=1&%61=2', refused],
  ['a[] for a list called a', query(integers), '/color?a[]=1', refused],
  ['a%5B%5D for a list called a', query(integers), '/color?a%5B%5D=1', refused],
  ['a[] where the contract says so', { ...query(integers), name: 'a[]' }, '/color?a[]=1&a%5B%5D=2', [1, 2]],
  ['a[0] for a list', query(integers), '/color?a[0]=1', refused],
  ['a sparse index (attack D9)', query(integers), '/color?a[999999999]=1', refused],
  ['an index of an open deepObject', query(open, { style: 'deepObject' }), '/color?a[999999999]=1', refused],
  [
    'an index that the schema names',
    query({ type: 'object', properties: { 7: text } }, { style: 'deepObject' }),
    '/color?a[7]=x',
    { 7: 'x' },
  ],
  ['a deeper bracket', query(open, { style: 'deepObject' }), '/color?a[b][c]=1', refused],
  ['a member of the prototype', query(open, { style: 'deepObject' }), '/color?a[__proto__]=1', refused],
  ['a member called constructor', query(open), '/color?constructor=1', refused],
  ['a member of the prototype in brackets', query(open), '/color?__proto__[x]=1', refused],
  ['a member of the prototype deeper in brackets', query(open), '/color?x[constructor][y]=1', refused],
  ['a plus sign in a name is a space', { ...query(text), name: 'a b' }, '/color?a+b=1', '1'],
  [
    'a name twice, with a plus sign and with a space',
    query(open, { style: 'deepObject' }),
    '/color?a[b+c]=1&a[b%20c]=2',
    refused,
  ],
  [
    'brackets after the name of a member of an open object',
    query(opened),
    '/color?role=user&role[]=admin',
    refused,
  ],
  ['brackets after the name of a member, encoded', query(opened), '/color?role%5B0%5D=admin', refused],
  ['brackets after the name of the open object', query(opened), '/color?a[role]=admin', refused],
  ['brackets after another name of an open object', query(opened), '/color?x[]=1', { 'x[]': '1' }],
  ['a member that stands twice', query(open, { style: 'deepObject' }), '/color?a[b]=1&a[b]=2', refused],
  ['more items than maxItems', query(integers), '/color?a=1&a=2&a=3&a=4', refused],
  [
    'more items than any list may have',
    query({ type: 'array', items: { type: 'integer' } }, { explode: false }),
    `/color?a=${many(1001).join(',')}`,
    refused,
  ],
  [
    'as many items as a list may have',
    query({ type: 'array', items: { type: 'integer' } }, { explode: false }),
    `/color?a=${many(1000).join(',')}`,
    many(1000).map(Number),
  ],
  ['an unknown parameter', query(text), '/color?a=1&b=2', refused],
  ['an encoded comma is data', query(array, { explode: false }), '/color?a=x%2Cy,z', ['x,y', 'z']],
  ['an encoded ampersand is data', query(text), '/color?a=x%26b%3D1', 'x&b=1'],
  ['a plus sign is a space', query(text), '/color?a=x+y%2B', 'x y+'],
  [
    'reserved characters, allowReserved',
    query(text, { allowReserved: true }),
    "/color?a=:/?@!$'()*,=",
    ":/?@!$'()*,=",
  ],
  ['reserved characters without allowReserved', query(text), '/color?a=:/?@', ':/?@'],
  ['a semicolon in the query', query(text, { allowReserved: true }), '/color?a=1;b=2', refused],
  ['no value', query(text), '/color?a', refused],
  ['no value, allowEmptyValue', query({ type: 'integer' }, { allowEmptyValue: true }), '/color?a', undefined],
  [
    'an empty value, allowEmptyValue',
    query({ type: 'integer' }, { allowEmptyValue: true }),
    '/color?a=',
    undefined,
  ],
  ['an empty value', query({ type: 'integer' }), '/color?a=', refused],
  ['a list of one empty item', query(array, { explode: false }), '/color?a=', ['']],
  ['encoding that is not UTF-8', query(text), '/color?a=%C3%28', refused],
  ['integer: no sign', query({ type: 'integer' }), '/color?a=%2B1', refused],
  ['integer: minus zero', query({ type: 'integer' }), '/color?a=-0', -0],
  ['integer: no leading zero', query({ type: 'integer' }), '/color?a=01', refused],
  ['integer: no fraction', query({ type: 'integer' }), '/color?a=1.0', refused],
  ['integer: no blank', query({ type: 'integer' }), '/color?a=%201', refused],
  ['integer: beyond a double', query({ type: 'integer' }), '/color?a=9007199254740993', refused],
  ['number: beyond a double', query({ type: 'number' }), '/color?a=9007199254740993', refused],
  ['number: overflow', query({ type: 'number' }), '/color?a=1e999', refused],
  ['number: hexadecimal', query({ type: 'number' }), '/color?a=0x10', refused],
  ['number', query({ type: 'number' }), '/color?a=-1.5e-3', -0.0015],
  ['boolean', query({ type: 'boolean' }), '/color?a=true', true],
  ['boolean: capitals', query({ type: 'boolean' }), '/color?a=TRUE', refused],
  ['boolean: a digit', query({ type: 'boolean' }), '/color?a=1', refused],
  [
    'one reading of several is valid',
    query({
      anyOf: [
        { type: 'integer', minimum: 100 },
        { type: 'string', pattern: '^[0-9]$' },
      ],
    }),
    '/color?a=5',
    '5',
  ],
  [
    'content of JSON',
    query(text, { schema: undefined, ...json(object) }),
    '/color?a=%7B%22R%22:1%7D',
    { R: 1 },
  ],
  [
    'content of JSON, repeated',
    query(text, { schema: undefined, ...json(object) }),
    '/color?a={}&a={}',
    refused,
  ],
  [
    'content of JSON, an unknown member',
    query(text, { schema: undefined, ...json(object) }),
    '/color?a=%7B%22X%22:1%7D',
    refused,
  ],
  [
    'content of JSON, a member twice',
    query(text, { schema: undefined, ...json(object) }),
    '/color?a=%7B%22R%22:1,%22R%22:2%7D',
    refused,
  ],
  [
    'content of another JSON type',
    query(text, { schema: undefined, content: { 'application/vnd.a+json': { schema: object } } }),
    '/color?a=%7B%22R%22:1%7D',
    { R: 1 },
  ],
  [
    'content of plain text',
    query(text, {
      schema: undefined,
      content: { 'text/plain': { schema: { type: 'string', maxLength: 3 } } },
    }),
    '/color?a=1,2',
    '1,2',
  ],
  [
    'path: an equals sign of a value',
    path(open, { explode: true }),
    '/color/a=b=c,d=e',
    { a: 'b=c', d: 'e' },
  ],
  ['path: names and values swapped', path(open, { explode: true }), '/color/a,b=c', refused],
  ['path: a semicolon that no style means', path(text), '/color/;color=blue', refused],
  ['path: matrix of another name', path(text, { style: 'matrix' }), '/color/;colour=blue', refused],
  ['path: matrix without its semicolon', path(text, { style: 'matrix' }), '/color/blue', refused],
  ['path: matrix repeated', path(text, { style: 'matrix' }), '/color/;color=blue;color=red', refused],
  ['path: matrix and an encoded semicolon', path(text, { style: 'matrix' }), '/color/;color=a%3Bb', refused],
  [
    'path: matrix and other parameters',
    path(array, { style: 'matrix', explode: true }),
    '/color/;color=a;x=b',
    refused,
  ],
  ['path: label without its full stop', path(text, { style: 'label' }), '/color/blue', refused],
  ['path: label of nothing is a dot segment', path(text, { style: 'label' }), '/color/.', refused],
  ['path: a semicolon elsewhere', path(text, { style: 'matrix' }), '/color;x=1/;color=blue', refused],
  ['header: a list over several lines', header(array), '/color', ['x', 'y', 'z'], ['a', 'x, y', 'A', 'z']],
  ['header: a scalar on two lines', header(text), '/color', refused, ['a', 'x', 'A', 'y']],
  [
    'header: an equals sign of a value',
    header(open, { explode: true }),
    '/color',
    { R: 'x=y' },
    ['a', 'R=x=y'],
  ],
  [
    'header: content of JSON',
    header(text, { schema: undefined, ...json(object) }),
    '/color',
    { R: 1 },
    ['a', '{"R":1}'],
  ],
  ['cookie: twice', { name: 'a', in: 'cookie', schema: text }, '/color', refused, ['cookie', 'a=1; a=2']],
]

for (const [title, parameter, target, expected, headers] of cases) {
  test(`${title}: ${target.slice(0, 60)} is ${expected === refused ? 'refused' : 'read'}`, () => {
    const { name, in: place } = parameter as { readonly name: string; readonly in: Place['in'] }
    const verdict = judgeParameters(linkedContract(parameterDocument(parameter)), target, headers)
    if (expected === refused) {
      assert.ok(!verdict.allow, JSON.stringify(verdict))
      assert.ok(['parameter_invalid', 'path_ambiguous', 'malformed_request'].includes(verdict.denial.reason))
    } else {
      assert.ok(verdict.allow, JSON.stringify(verdict))
      assert.deepEqual(structuredClone(verdict.values[place].get(name)), expected)
    }
  })
}

test('what means nothing beside content is a problem of the contract (OpenAPI 3.1.1 4.8.12.2.2)', () => {
  const document = parameterDocument({ name: 'a', in: 'query', style: 'form', ...json(text) })
  assert.deepEqual(
    compileContract(document).errors.map(({ rule }) => rule),
    ['parameter-content'],
  )
})

const filter = query(
  { type: 'object', properties: { a: { type: 'integer', maximum: 9 }, b: { type: 'string', maxLength: 3 } } },
  { style: 'deepObject', explode: true },
)
const sizes = query({ type: 'array', items: { type: 'integer', maximum: 9 } }, { explode: false })
const faults: readonly (readonly [object, string, ...(readonly [pointer: string, message: string])[]])[] = [
  [
    filter,
    '/color?a%5Ba%5D=q&a%5Bb%5D=wxyz',
    ['/a/a', 'must be an integer'],
    ['/a/b', 'must have at most 3 characters'],
  ],
  [filter, '/color?a%5Ba%5D=1&a%5Bc%5D=1', ['/a/c', 'is not a known field']],
  [filter, '/color?a%5Ba%5D=1&a%5Ba%5D=1', ['/a/a', 'must not be repeated']],
  [
    filter,
    '/color?a%5Ba%5D=10&a%5B__proto__%5D=1',
    ['/a/__proto__', 'is not an acceptable name'],
    ['/a/a', 'must be ≤ 9'],
  ],
  [
    sizes,
    '/color?a=1,x,77,y',
    ['/a/1', 'must be an integer'],
    ['/a/3', 'must be an integer'],
    ['/a/2', 'must be ≤ 9'],
  ],
]

for (const [parameter, target, ...expected] of faults) {
  test(`what is wrong in ${decodeURIComponent(target)} is told member by member, all at once`, () => {
    const verdict = judgeParameters(linkedContract(parameterDocument(parameter)), target)
    assert.ok(!verdict.allow)
    const { client } = verdict.denial
    assert.ok(client && 'faults' in client)
    assert.deepEqual(
      client.faults.map(({ pointer, message }) => [pointer, message]),
      expected,
    )
  })
}
