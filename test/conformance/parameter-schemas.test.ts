import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compileContract, judgeParameters, linkedContract, parameterDocument } from '../harness/contract.ts'

// How the schema of a parameter tells the types that its text is read as, and which schemas cannot be read.

const integer = { type: 'integer' }
const string = { type: 'string' }
const query = (schema: object, more: object = {}) => ({ name: 'a', in: 'query', schema, ...more })
const deep = { style: 'deepObject', explode: true }
const object = (more: object) => ({ type: 'object', ...more })
const list = (more: object) => ({ type: 'array', ...more })

const read: readonly (readonly [title: string, parameter: object, query: string, value: unknown])[] = [
  ['unevaluatedProperties', query(object({ unevaluatedProperties: integer }), deep), 'a[t]=1', { t: 1 }],
  ['unevaluatedProperties: true', query(object({ unevaluatedProperties: true }), deep), 'a[t]=1', { t: '1' }],
  ['patternProperties', query(object({ patternProperties: { '^x': integer } }), deep), 'a[xt]=1', { xt: 1 }],
  ['patternProperties, no type', query({ patternProperties: { '^x': integer } }), 'x=1', { x: 1 }],
  ['additionalProperties, no type', query({ additionalProperties: integer }), 'x=1', { x: 1 }],
  ['prefixItems alike', query(list({ prefixItems: [integer, integer], items: false })), 'a=1&a=2', [1, 2]],
  ['prefixItems and items alike', query(list({ prefixItems: [integer], items: integer })), 'a=1&a=2', [1, 2]],
  ['items, no type', query({ items: integer }), 'a=1&a=2', [1, 2]],
  ['contains beside items', query(list({ items: integer, contains: { minimum: 2 } })), 'a=1&a=2', [1, 2]],
  ['then', query({ if: { minimum: 2 }, then: integer, else: integer }), 'a=1', 1],
  [
    'dependentSchemas',
    query(
      object({ properties: { b: integer }, dependentSchemas: { b: { properties: { c: integer } } } }),
      deep,
    ),
    'a[b]=1&a[c]=2',
    { b: 1, c: 2 },
  ],
  ['null beside a type', query({ type: ['integer', 'null'] }), 'a=1', 1],
]
for (const [title, parameter, text, value] of read) {
  test(`${title}: ${text}`, () => {
    const verdict = judgeParameters(linkedContract(parameterDocument(parameter)), `/color?${text}`)
    assert.ok(verdict.allow, JSON.stringify(verdict))
    assert.deepEqual(structuredClone(verdict.values.query.get('a')), value)
  })
}

const refused: readonly (readonly [title: string, parameter: object])[] = [
  ['a list in deepObject', query(object({ properties: { t: list({ items: integer }) } }), deep)],
  ['an object in deepObject', query(object({ properties: { t: object({}) } }), deep)],
  [
    'a list in one branch of deepObject',
    query({ anyOf: [object({}), object({ properties: { t: list({}) } })] }, deep),
  ],
  [
    'a value that may be a list in deepObject',
    query(object({ properties: { t: { type: ['integer', 'array'] } } }), deep),
  ],
  ['lists as other members', query(object({ additionalProperties: list({}) }), deep)],
  ['lists as unevaluated members', query(object({ unevaluatedProperties: list({}) }), deep)],
  ['lists as members by pattern', query(object({ patternProperties: { '^x': list({}) } }), deep)],
  [
    'members of types by pattern',
    query(object({ patternProperties: { '^x': integer }, additionalProperties: string }), deep),
  ],
  ['a list of lists', query(list({ items: list({}) }))],
  ['a list of objects', query(list({ items: object({}) }))],
  ['a list in the first place', query(list({ prefixItems: [list({})] }))],
  ['items of types by place', query(list({ prefixItems: [integer, string] }))],
  ['places and items of other types', query(list({ prefixItems: [integer], items: string }))],
  ['contains alone', query(list({ contains: integer }))],
  ['null alone', query({ type: 'null' })],
  ['an object beside a text', query({ type: ['string', 'object'] })],
  ['deepObject of a text', query(string, deep)],
  ['deepObject in a header', { name: 'X-A', in: 'header', style: 'deepObject', schema: object({}) }],
  ['an exploded list in a cookie', { name: 'a', in: 'cookie', schema: list({ items: integer }) }],
  ['content in XML', { name: 'a', in: 'query', content: { 'application/xml': { schema: {} } } }],
]
for (const [title, parameter] of refused) {
  test(`${title} is a problem of check`, () => {
    const { errors } = compileContract(parameterDocument(parameter))
    assert.deepEqual(
      errors.map(({ rule }) => rule),
      ['parameter-unsupported'],
    )
  })
}

test('a header parameter that is dropped is a problem where it is required, and a warning where not (B2)', () => {
  const header = (more: object) => parameterDocument({ name: 'X_A', in: 'header', schema: integer, ...more })
  const rules = (found: readonly { readonly rule: string }[]) =>
    found.map(({ rule }) => rule).filter((rule) => rule !== 'plaintext')
  assert.deepEqual(rules(compileContract(header({ required: true })).errors), ['header-dropped'])
  assert.deepEqual(rules(compileContract(header({})).warnings), ['header-dropped'])
  const components = { securitySchemes: { key: { type: 'apiKey', in: 'header', name: 'x_a' } } }
  assert.deepEqual(rules(compileContract({ ...header({ required: true }), components }).errors), [])
})
