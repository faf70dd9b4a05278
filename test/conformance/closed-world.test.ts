import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isJsonObject, type Json, type JsonObject } from '../../src/base/json.ts'
import { listFaults } from '../../src/schema/faults.ts'
import { createSchemaLowering } from '../../src/schema/lower.ts'
import { compileValidator } from '../../src/schema/validator.ts'

// Schemas as written, judged by a naive reader of the rule "what nothing has named is refused", against the lowering
// and both the compiled validator and the interpreter that lists faults. The reader shares no code with them.

const components: JsonObject = {
  Named: { type: 'object', properties: { a: { type: 'string' } }, required: ['a'] },
  Tree: { type: 'object', properties: { b: { type: 'integer' }, c: { $ref: '#/Tree' } } },
}

/** Names evaluated by a schema that holds; null where it does not. */
function namesOf(schema: Json, value: unknown): ReadonlySet<string> | null {
  if (typeof schema === 'boolean') return schema ? new Set() : null
  const s = schema as JsonObject
  const names = new Set<string>()
  const join = (more: ReadonlySet<string> | null): boolean => {
    for (const name of more ?? []) names.add(name)
    return more !== null
  }
  if (typeof s.$ref === 'string' && !join(namesOf(components[s.$ref.slice(2)] as Json, value))) return null
  if (s.type !== undefined && ![s.type].flat().some((type) => hasType(type as string, value))) return null
  if (Array.isArray(s.enum) && !s.enum.includes(value as Json)) return null
  if (typeof value === 'number' && typeof s.minimum === 'number' && value < s.minimum) return null
  if (typeof value === 'string' && typeof s.maxLength === 'number' && value.length > s.maxLength) return null
  if (Array.isArray(value)) {
    if (typeof s.maxItems === 'number' && value.length > s.maxItems) return null
    if (s.items !== undefined && !value.every((item) => holds(s.items as Json, item))) return null
  }
  if (isJsonObject(value)) {
    for (const name of (s.required ?? []) as readonly string[]) if (!Object.hasOwn(value, name)) return null
    for (const [name, member] of Object.entries(value)) {
      const properties = (s.properties ?? {}) as JsonObject
      const declared = Object.hasOwn(properties, name) ? (properties[name] as Json) : s.additionalProperties
      if (declared === undefined) continue
      if (!holds(declared, member)) return null
      names.add(name)
    }
  }
  for (const part of (s.allOf ?? []) as readonly Json[]) if (!join(namesOf(part, value))) return null
  for (const keyword of ['anyOf', 'oneOf']) {
    const parts = s[keyword] as readonly Json[] | undefined
    if (!parts) continue
    const found = parts.map((part) => namesOf(part, value)).filter((one) => one !== null)
    if (found.length === 0 || (keyword === 'oneOf' && found.length > 1)) return null
    for (const one of found) join(one)
  }
  if (s.not !== undefined && namesOf(s.not, value) !== null) return null
  if (s.if !== undefined) {
    const condition = namesOf(s.if, value)
    if (condition) join(condition)
    const branch = condition ? s.then : s.else
    if (branch !== undefined && !join(namesOf(branch, value))) return null
  }
  return names
}

/** The rule itself: at an instance position every member must have been named. */
function holds(schema: Json, value: unknown): boolean {
  const names = namesOf(schema, value)
  if (names === null) return false
  if (typeof schema === 'boolean' || !isJsonObject(value)) return true
  const { enum: values, const: fixed } = schema as JsonObject
  return values !== undefined || fixed !== undefined || Object.keys(value).every((name) => names.has(name))
}

function hasType(type: string, value: unknown): boolean {
  if (type === 'integer') return Number.isInteger(value)
  if (type === 'null') return value === null
  if (type === 'array') return Array.isArray(value)
  return type === 'object' ? isJsonObject(value) : typeof value === type
}

const names = fc.constantFrom('a', 'b', 'c')
const leaf = fc.constantFrom<Json>(
  true,
  { type: 'string' },
  { type: 'integer', minimum: 2 },
  { type: ['string', 'null'], maxLength: 1 },
  { enum: ['a', 1, null] },
  { $ref: '#/Named' },
  { $ref: '#/Tree' },
)
const depth = fc.createDepthIdentifier()
const schemas = fc.letrec<{ schema: Json; object: Json }>((tie) => {
  const parts = fc.array(tie('object'), { minLength: 1, maxLength: 2 })
  const plain = fc.record(
    {
      type: fc.constant('object'),
      properties: fc.dictionary(names, tie('schema'), { maxKeys: 3 }).map((made) => ({ ...made })),
      required: fc.uniqueArray(names, { maxLength: 1 }),
    },
    { requiredKeys: ['properties'] },
  )
  // One of them at a time: together they leave hardly an instance that is valid.
  const more = fc.oneof(
    fc.constant({}),
    fc.record({ additionalProperties: tie('schema') }),
    fc.record({ $ref: fc.constantFrom('#/Named', '#/Tree') }),
    fc.record({ allOf: parts }),
    fc.record({ anyOf: parts }),
    fc.record({ oneOf: parts }),
    fc.record({ not: tie('object') }),
    fc.record({ if: tie('object'), then: tie('object'), else: tie('object') }),
  )
  const object = fc.tuple(plain, more).map(([one, other]) => ({ ...one, ...other }))
  return {
    object: fc.oneof({ maxDepth: 2, depthIdentifier: depth }, leaf, object) as fc.Arbitrary<Json>,
    schema: fc.oneof(
      { maxDepth: 2, depthIdentifier: depth },
      leaf,
      object,
      fc.record({ type: fc.constant('array'), items: tie('schema'), maxItems: fc.constantFrom(1, 2) }),
    ) as fc.Arbitrary<Json>,
  }
}).schema
const instances = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom('a', 'bb', 1, 2, 3.5, true, null),
    fc
      .dictionary(fc.constantFrom('a', 'b', 'c', 'd'), tie('value'), { maxKeys: 3 })
      .map((made) => ({ ...made })),
    fc.array(tie('value'), { maxLength: 2 }),
  ),
})).value

const isComposed = (schema: Json): boolean =>
  isJsonObject(schema) && ['$ref', 'allOf', 'anyOf', 'oneOf', 'if'].some((keyword) => keyword in schema)

test('nothing invalid passes and nothing valid is refused: compiled against the naive rule of the closed world', () => {
  const seen = { valid: 0, invalid: 0, composed: 0, unknown: 0 }
  fc.assert(
    fc.property(schemas, fc.array(instances, { minLength: 8, maxLength: 8 }), (schema, values) => {
      const lowering = createSchemaLowering({
        dialect: '3.1',
        direction: 'request',
        definitionPrefix: '',
        resolver: {
          resolve: (ref) => ({
            schema: components[ref.slice(2)],
            location: { file: 'f', pointer: ref.slice(1) },
          }),
        },
      })
      const lowered = lowering.lower(schema, { file: 'f', pointer: '' })
      assert.deepEqual(
        lowering.problems.filter(({ severity }) => severity === 'error'),
        [],
      )
      const validator = compileValidator(lowered, lowering.definitions)
      for (const value of values) {
        const expected = holds(schema, value)
        seen[expected ? 'valid' : 'invalid']++
        if (isComposed(schema) && isJsonObject(value)) {
          if (expected) seen.composed++
          else if (namesOf(schema, value) !== null) seen.unknown++
        }
        const context = JSON.stringify({ schema, value, lowered })
        assert.equal(validator.check(value), expected, context)
        assert.equal(listFaults(lowered, lowering.definitions, value, 20).length === 0, expected, context)
      }
    }),
    { seed: 31, numRuns: 2500 },
  )
  assert.ok(seen.valid > 2500 && seen.composed > 150 && seen.unknown > 150, JSON.stringify(seen))
})
