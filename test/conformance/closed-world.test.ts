import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isJsonObject, type Json } from '../../src/base/json.ts'
import { listFaults } from '../../src/schema/faults.ts'
import { createSchemaLowering } from '../../src/schema/lower.ts'
import { SchemaResources } from '../../src/schema/resources.ts'
import { compileValidator } from '../../src/schema/validator.ts'
import { randomFrom } from '../harness/random.ts'
import { applicationsOf, components, holds } from './naive-reader.ts'
import { guess, instances, schemas, sharing } from './schema-arbitraries.ts'

const resource = new SchemaResources({}, 'file:///f').around('')
const isComposed = (schema: Json): boolean =>
  isJsonObject(schema) &&
  ['$ref', 'allOf', 'anyOf', 'oneOf', 'if', 'dependentSchemas'].some((keyword) => keyword in schema)

function lower(schema: Json) {
  const lowering = createSchemaLowering({
    dialect: '3.1',
    direction: 'request',
    definitionPrefix: '',
    resolver: {
      resolve: (ref) => ({
        schema: components[ref.slice(2)],
        location: { file: 'f', pointer: ref.slice(1) },
        dynamicAnchor: null,
      }),
      resourceAround: () => resource,
      mapped: () => null,
      heirs: () => [],
    },
  })
  const lowered = lowering.lower(schema, { file: 'f', pointer: '' })
  const errors = lowering.problems.filter(({ severity }) => severity === 'error')
  assert.deepEqual(errors, [])
  return { lowered, definitions: lowering.definitions }
}

/** @returns whether the value is valid, as all three say */
function judge(
  schema: Json,
  values: readonly unknown[],
  seen: (value: unknown, valid: boolean) => void,
): void {
  const { lowered, definitions } = lower(schema)
  const validator = compileValidator(lowered, definitions)
  for (const value of values) {
    const expected = holds(schema, value)
    seen(value, expected)
    assert.equal(validator.check(value), expected, JSON.stringify({ schema, value, lowered }))
    const listed = listFaults(lowered, definitions, value, 20).length === 0
    assert.equal(listed, expected, JSON.stringify({ schema, value, lowered }))
  }
}

test('nothing invalid passes and nothing valid is refused: compiled against the naive rule of the closed world', () => {
  const seen = { valid: 0, invalid: 0, composed: 0, unknown: 0, items: 0 }
  fc.assert(
    fc.property(
      schemas,
      fc.array(instances, { minLength: 2, maxLength: 2 }),
      fc.nat(),
      (schema, some, start) => {
        const random = randomFrom(start)
        const values = [...some, ...Array.from({ length: 8 }, () => guess(schema, random))]
        judge(schema, values, (value, expected) => {
          seen[expected ? 'valid' : 'invalid']++
          if (isJsonObject(schema) && 'unevaluatedItems' in schema && Array.isArray(value) && expected)
            seen.items++
          if (!isComposed(schema) || !isJsonObject(value)) return
          if (expected) seen.composed++
          else if (applicationsOf(schema, value)) seen.unknown++
        })
      },
    ),
    { seed: 31, numRuns: 2500 },
  )
  const { valid, composed, unknown, items } = seen
  assert.ok(valid > 5000 && composed > 500 && unknown > 150 && items > 300, JSON.stringify(seen))
})

test('a member that several parts describe is closed against all of them together, at every depth', () => {
  const seen = { valid: 0, deep: 0, unknown: 0, invalid: 0 }
  fc.assert(
    fc.property(sharing, fc.nat(), (schema, start) => {
      const random = randomFrom(start)
      judge(
        schema,
        Array.from({ length: 12 }, () => guess(schema, random)),
        (value, expected) => {
          if (expected) seen[isJsonObject(value) && isDeep(value) ? 'deep' : 'valid']++
          else seen[applicationsOf(schema, value) ? 'unknown' : 'invalid']++
        },
      )
    }),
    { seed: 32, numRuns: 4000 },
  )
  const { valid, deep, unknown } = seen
  assert.ok(valid > 10_000 && deep > 3000 && unknown > 5000, JSON.stringify(seen))
})

const isDeep = (value: object): boolean =>
  Object.values(value).some((one) => isJsonObject(one) && Object.keys(one).length > 0)
