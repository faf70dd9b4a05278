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

const range = { anyOf: [object({ properties: { gt: integer, lt: integer } }), integer] }
const flat = { explode: false }
const small = list({ items: { type: 'integer', maximum: 5 } })
const words = list({ items: string })
const smallOrDigit = {
  anyOf: [
    { type: 'integer', maximum: 5 },
    { type: 'string', pattern: '^[0-9x]$' },
  ],
}
const digits = Array.from({ length: 900 }, (_, index) => index % 10)
const many = digits.join(',')
const manyRead = digits.map((digit) => (digit > 5 ? String(digit) : digit))

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
  ['an object beside a number', query(range, deep), 'a[gt]=1&a%5Blt%5D=3', { gt: 1, lt: 3 }],
  ['a number beside an object', query(range, deep), 'a=1', 1],
  ['a text beside an object', query({ type: ['object', 'string'], properties: {} }, deep), 'a=x+y', 'x y'],
  ['lists of the first type', query({ anyOf: [small, words] }), 'a=1&a=5', [1, 5]],
  ['lists of the second type', query({ anyOf: [small, words] }), 'a=1&a=7', ['1', '7']],
  ['lists of either type, exactly one', query({ oneOf: [small, words] }), 'a=1&a=x', ['1', 'x']],
  ['lists of either type in one text', query({ anyOf: [small, words] }, flat), 'a=1,7', ['1', '7']],
  ['items of two types', query(list({ items: smallOrDigit })), 'a=1&a=7&a=5', [1, '7', 5]],
  [
    'items of two types beside another list',
    query({ anyOf: [list({ items: smallOrDigit }), list({ items: { type: 'boolean' } })] }),
    'a=1&a=7&a=5',
    [1, '7', 5],
  ],
  ['many items of two types', query(list({ items: smallOrDigit }), flat), `a=${many}`, manyRead],
  [
    'a text that may be a list of one',
    query({ anyOf: [{ type: 'integer', maximum: 5 }, words] }),
    'a=7',
    ['7'],
  ],
  ['a text that is no number, but a list', query({ anyOf: [integer, words] }), 'a=x', ['x']],
  [
    'members of two types',
    query(object({ additionalProperties: smallOrDigit }), deep),
    'a[b]=7&a[c]=1',
    { b: '7', c: 1 },
  ],
]
for (const [title, parameter, text, value] of read) {
  test(`${title}: ${text.slice(0, 60)}`, () => {
    const verdict = judgeParameters(linkedContract(parameterDocument(parameter)), `/color?${text}`)
    assert.ok(verdict.allow, JSON.stringify(verdict))
    assert.deepEqual(structuredClone(verdict.values.query.get('a')), value)
  })
}

const faulty: readonly (readonly [title: string, parameter: object, query: string, message: string])[] = [
  [
    'an object and a number at once',
    query(range, deep),
    'a=1&a[gt]=1',
    'must be one value or have members, not both',
  ],
  [
    'an object and a number, the other way round',
    query(range, deep),
    'a[gt]=1&a=1',
    'must be one value or have members, not both',
  ],
  ['two numbers beside an object', query(range, deep), 'a=1&a=2', 'must not be repeated'],
  ['a text where a number or an object stands', query(range, deep), 'a=x', 'must be an integer'],
  ['a[] where a number or an object stands', query(range, deep), 'a[]=1', 'is not a known parameter'],
  [
    'one text is not two values',
    query(list({ uniqueItems: true, items: smallOrDigit })),
    'a=1&a=1',
    'must not repeat an item',
  ],
  [
    'an item that fits no type',
    query(list({ items: smallOrDigit })),
    'a=1&a=77',
    'must have one of the allowed shapes',
  ],
]
for (const [title, parameter, text, message] of faulty) {
  test(`${title} is refused: ${text}`, () => {
    const verdict = judgeParameters(linkedContract(parameterDocument(parameter)), `/color?${text}`)
    assert.ok(!verdict.allow)
    const { client } = verdict.denial
    assert.equal(
      (client as { readonly faults: readonly { readonly message: string }[] }).faults[0]?.message,
      message,
    )
  })
}

test('readings of a list are not tried beyond what they may cost', () => {
  const schema = list({
    items: { type: ['boolean', 'number', 'string'], not: { const: '49' } },
    maxItems: 999,
  })
  const linked = linkedContract(parameterDocument(query(schema, flat)))
  const target = `/color?a=${Array.from({ length: 1000 }, (_, index) => index).join(',')}`
  const startMs = performance.now()
  for (let i = 0; i < 20; i++) assert.ok(!judgeParameters(linked, target).allow)
  assert.ok(performance.now() - startMs < 2000)
})

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
  ['an object beside a number in a header', { name: 'X-A', in: 'header', schema: range }],
  ['an object beside a list', query({ type: ['array', 'object'], items: string }, deep)],
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
