import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonSchema } from '../base/json.ts'
import { schemaType } from './schema-type.ts'
import type { ValueType } from './value-type.ts'

const definitions: { readonly [name: string]: JsonSchema } = {
  Name: { type: 'string', minLength: 1 },
  Node: {
    type: 'object',
    properties: { rank: { type: 'integer' }, next: { $ref: '#/$defs/Node' } },
    additionalProperties: false,
  },
  'Base.open': { type: 'object', properties: { id: { type: 'integer' } } },
  Loop: { allOf: [{ $ref: '#/$defs/Loop' }] },
  Lists: { type: 'array', items: { $ref: '#/$defs/Lists' } },
}

/** A type as a short text; depth is cut where types contain themselves. */
function shown(type: ValueType, depth = 3): string {
  if (typeof type === 'string') return type
  if (depth === 0) return '…'
  if (type.kind === 'list') return `[${shown(type.items, depth - 1)}]`
  if (type.kind === 'map') return `{*: ${shown(type.values, depth - 1)}}`
  return `{${[...type.fields].map(([name, field]) => `${name}: ${shown(field, depth - 1)}`).join(', ')}}`
}

const closed = { additionalProperties: false } as const
const rows: readonly (readonly [schema: JsonSchema, type: string])[] = [
  [{ type: 'string', format: 'uuid' }, 'string'],
  [{ type: 'integer' }, 'int'],
  [{ type: 'number' }, 'double'],
  [{ type: ['integer', 'number'] }, 'double'],
  [{ type: 'boolean' }, 'bool'],
  [{ type: ['string', 'null'] }, 'dyn'],
  [{ enum: ['a', 'b'] }, 'string'],
  [{ enum: ['a', null] }, 'dyn'],
  [{ const: 3 }, 'int'],
  [true, 'dyn'],
  [false, 'dyn'],
  [{}, 'dyn'],
  [{ $ref: '#/$defs/Name' }, 'string'],
  [{ allOf: [{ type: 'number' }, { type: 'integer' }] }, 'int'],
  [{ allOf: [{ $ref: '#/$defs/Name' }], maxLength: 3 }, 'string'],
  [{ anyOf: [{ type: 'string' }, { $ref: '#/$defs/Name' }] }, 'string'],
  [{ oneOf: [{ type: 'string' }, { type: 'integer' }] }, 'dyn'],
  [{ type: 'string', anyOf: [{ pattern: 'a' }, { pattern: 'b' }] }, 'string'],
  [{ type: 'array', items: { type: 'integer' } }, '[int]'],
  [{ type: 'array', items: { type: 'integer' }, prefixItems: [{ type: 'string' }] }, '[dyn]'],
  [{ type: 'array' }, '[dyn]'],
  [{ type: 'object', properties: { a: { type: 'string' } }, ...closed }, '{a: string}'],
  [{ properties: { a: { type: 'string' } }, ...closed }, '{a: string}'],
  [{ type: 'object', properties: { id: false, a: { type: 'string' } }, ...closed }, '{a: string}'],
  [{ type: 'object', properties: { a: { type: 'string' } }, additionalProperties: true }, '{*: dyn}'],
  [{ type: 'object', additionalProperties: { type: 'integer' } }, '{*: int}'],
  [
    { type: 'object', properties: { a: { type: 'string' } }, additionalProperties: { type: 'integer' } },
    '{*: dyn}',
  ],
  [
    {
      allOf: [{ $ref: '#/$defs/Base.open' }, { type: 'object', properties: { a: { type: 'string' } } }],
      unevaluatedProperties: false,
    },
    '{id: int, a: string}',
  ],
  [
    {
      type: 'object',
      properties: { a: { type: 'string' } },
      anyOf: [{ required: ['a'] }, { minProperties: 2 }],
      unevaluatedProperties: false,
    },
    '{a: string}',
  ],
  [
    {
      type: 'object',
      oneOf: [{ properties: { a: { type: 'string' } } }, { $ref: '#/$defs/Base.open' }],
      unevaluatedProperties: false,
    },
    '{*: dyn}',
  ],
  [{ type: 'object', patternProperties: { '^x': { type: 'string' } }, ...closed }, '{*: dyn}'],
  [{ $ref: '#/$defs/Node' }, '{rank: int, next: {rank: int, next: {rank: int, next: …}}}'],
  [{ $ref: '#/$defs/Loop' }, 'dyn'],
  [{ $ref: '#/$defs/Lists' }, '[[[…]]]'],
]

test('a schema has the type of the values it accepts, or one that says less', () => {
  for (const [schema, type] of rows) {
    const found = shown(schemaType(schema, definitions))
    // The order of members that come from several schemas says nothing.
    const sorted = (text: string) => [...text].sort().join('')
    assert.equal(sorted(found), sorted(type), `${JSON.stringify(schema)}: ${found}`)
  }
})
