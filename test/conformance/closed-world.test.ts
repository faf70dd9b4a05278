import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isJsonObject, type Json, type JsonObject } from '../../src/base/json.ts'
import { listFaults } from '../../src/schema/faults.ts'
import { createSchemaLowering } from '../../src/schema/lower.ts'
import { SchemaResources } from '../../src/schema/resources.ts'
import { compileValidator } from '../../src/schema/validator.ts'
import { randomFrom } from '../harness/random.ts'

// Schemas as written, judged by a naive reader of the rule "what nothing has named is refused", against the lowering
// and both the compiled validator and the interpreter that lists faults. The reader shares no code with them.

const components: JsonObject = {
  Named: { type: 'object', properties: { a: { type: 'string' } }, required: ['a'] },
  Tree: { type: 'object', properties: { b: { type: 'integer' }, c: { $ref: '#/Tree' } } },
}

/** Names of an object, or indices of an array, evaluated by a schema that holds; null where it does not. Nothing in a condition is closed. */
function namesOf(schema: Json, value: unknown, condition = false): ReadonlySet<string | number> | null {
  if (typeof schema === 'boolean') return schema ? new Set() : null
  const s = schema as JsonObject
  const names = new Set<string | number>()
  const join = (more: ReadonlySet<string | number> | null): boolean => {
    for (const name of more ?? []) names.add(name)
    return more !== null
  }
  if (typeof s.$ref === 'string' && !join(namesOf(components[s.$ref.slice(2)] as Json, value, condition)))
    return null
  if (s.type !== undefined && ![s.type].flat().some((type) => hasType(type as string, value))) return null
  if (Array.isArray(s.enum) && !s.enum.includes(value as Json)) return null
  if (typeof value === 'number' && typeof s.minimum === 'number' && value < s.minimum) return null
  if (typeof value === 'string' && typeof s.maxLength === 'number' && value.length > s.maxLength) return null
  if (Array.isArray(value)) {
    if (typeof s.maxItems === 'number' && value.length > s.maxItems) return null
    const prefix = (s.prefixItems ?? []) as readonly Json[]
    for (const [index, item] of value.entries()) {
      const declared = prefix[index] ?? s.items
      if (declared === undefined) continue
      if (!holds(declared, item, condition)) return null
      names.add(index)
    }
    if (s.contains !== undefined) {
      const found = [...value.keys()].filter((index) => holds(s.contains as Json, value[index], true))
      if (found.length < ((s.minContains as number | undefined) ?? 1)) return null
      join(new Set(found))
    }
  }
  if (isJsonObject(value)) {
    for (const name of (s.required ?? []) as readonly string[]) if (!Object.hasOwn(value, name)) return null
    for (const [name, member] of Object.entries(value)) {
      const properties = (s.properties ?? {}) as JsonObject
      const patterns = Object.entries((s.patternProperties ?? {}) as JsonObject)
      const declared = patterns
        .filter(([pattern]) => new RegExp(pattern, 'u').test(name))
        .map(([, part]) => part)
      if (Object.hasOwn(properties, name)) declared.push(properties[name] as Json)
      if (declared.length === 0 && s.additionalProperties !== undefined) declared.push(s.additionalProperties)
      if (!declared.every((part) => holds(part, member, condition))) return null
      if (declared.length > 0 && (!condition || declares(s, name))) names.add(name)
    }
    for (const [name, part] of Object.entries((s.dependentSchemas ?? {}) as JsonObject))
      if (Object.hasOwn(value, name) && !join(namesOf(part, value, condition))) return null
  }
  for (const part of (s.allOf ?? []) as readonly Json[])
    if (!join(namesOf(part, value, condition))) return null
  for (const keyword of ['anyOf', 'oneOf']) {
    const parts = s[keyword] as readonly Json[] | undefined
    if (!parts) continue
    const found = parts.map((part) => namesOf(part, value, condition)).filter((one) => one !== null)
    if (found.length === 0 || (keyword === 'oneOf' && found.length > 1)) return null
    for (const one of found) join(one)
  }
  if (s.not !== undefined && namesOf(s.not, value, true) !== null) return null
  if (s.if !== undefined) {
    const met = namesOf(s.if, value, true)
    if (met) join(met)
    const branch = met ? s.then : s.else
    if (branch !== undefined && !join(namesOf(branch, value, condition))) return null
  }
  const rest = Array.isArray(value) ? s.unevaluatedItems : s.unevaluatedProperties
  if (rest !== undefined && typeof value === 'object' && value !== null) {
    for (const [name, member] of Array.isArray(value) ? value.entries() : Object.entries(value)) {
      if (names.has(name)) continue
      if (!holds(rest, member, condition)) return null
      names.add(name)
    }
  }
  return names
}

/** Whether a condition declares a member that it names: not where it might be an object, which nobody would close. */
function declares(s: JsonObject, name: string): boolean {
  if (s.unevaluatedProperties !== undefined) return true
  const scalar = (part: Json): boolean =>
    part === false ||
    (isJsonObject(part) &&
      (part.enum !== undefined ||
        (part.type !== undefined &&
          ![part.type].flat().some((type) => type === 'object' || type === 'array'))))
  const properties = (s.properties ?? {}) as JsonObject
  const others = [
    ...Object.values((s.patternProperties ?? {}) as JsonObject),
    ...(s.additionalProperties === undefined ? [] : [s.additionalProperties]),
  ]
  if (Object.hasOwn(properties, name))
    return scalar(properties[name] as Json) || [...Object.values(properties), ...others].every(scalar)
  return [...Object.values(properties), ...others].every(scalar)
}

/** The rule itself: at an instance position every member must have been named. */
function holds(schema: Json, value: unknown, condition = false): boolean {
  const names = namesOf(schema, value, condition)
  if (names === null) return false
  if (condition || typeof schema === 'boolean' || !isJsonObject(value)) return true
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
const pattern = fc.constantFrom('^[ab]$', '^(?:a|a)*$', 'b')
const schemas = fc.letrec<{ schema: Json; object: Json; list: Json }>((tie) => {
  const parts = fc.array(tie('object'), { minLength: 1, maxLength: 2 })
  const lists = fc.array(tie('list'), { minLength: 1, maxLength: 2 })
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
    fc.record({ if: tie('object'), else: tie('object') }),
    fc.record({
      dependentSchemas: fc
        .dictionary(names, tie('object'), { minKeys: 1, maxKeys: 2 })
        .map((made) => ({ ...made })),
    }),
    fc.record({
      patternProperties: fc.tuple(pattern, tie('schema')).map(([name, part]) => ({ [name]: part })),
    }),
    fc.record({ allOf: parts, unevaluatedProperties: tie('schema') }),
  )
  const items = fc.record(
    {
      type: fc.constant('array'),
      prefixItems: fc.array(tie('schema'), { minLength: 1, maxLength: 2 }),
      contains: tie('schema'),
      minContains: fc.constantFrom(0, 1, 2),
      unevaluatedItems: fc.oneof(fc.constant(false), tie('schema')),
    },
    { requiredKeys: ['type'] },
  )
  const moreItems = fc.oneof(
    fc.constant({}),
    fc.record({ items: tie('schema') }),
    fc.record({ allOf: lists }),
    fc.record({ anyOf: lists }),
    fc.record({ oneOf: lists }),
    fc.record({ if: tie('list'), then: tie('list'), else: tie('list') }),
  )
  const list = fc.tuple(items, moreItems).map(([one, other]) => ({ ...one, ...other }))
  const object = fc.tuple(plain, more).map(([one, other]) => ({ ...one, ...other }))
  return {
    object: fc.oneof({ maxDepth: 2, depthIdentifier: depth }, leaf, object) as fc.Arbitrary<Json>,
    list: fc.oneof({ maxDepth: 2, depthIdentifier: depth }, fc.constant(true), list) as fc.Arbitrary<Json>,
    schema: fc.oneof(
      { maxDepth: 2, depthIdentifier: depth },
      leaf,
      object,
      list,
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
    fc.array(tie('value'), { maxLength: 3 }),
  ),
})).value

/** A value that a schema may well hold for: what its parts would like, put together, with a stranger now and then. */
function guess(schema: Json, random: () => number): unknown {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
  if (!isJsonObject(schema)) return pick(['a', 1, 2, {}, { a: 1 }, { b: 2 }, []])
  const s =
    typeof schema.$ref === 'string'
      ? { ...(components[schema.$ref.slice(2)] as JsonObject), ...schema }
      : schema
  if (Array.isArray(s.enum)) return pick(s.enum)
  const type = pick([s.type ?? 'object'].flat())
  if (type === 'integer') return pick([1, 2, 3])
  if (type === 'string' || type === 'null') return pick(['a', 'bb', null])
  const parts = ['allOf', 'anyOf', 'oneOf'].flatMap((keyword) => (s[keyword] ?? []) as readonly Json[])
  for (const part of [s.if, s.then, s.else, ...Object.values((s.dependentSchemas ?? {}) as JsonObject)])
    if (part !== undefined && random() < 0.7) parts.push(part)
  const guesses = parts.map((part) => guess(part, random))
  if (type === 'array') {
    const [first = []] = guesses.filter((one) => Array.isArray(one))
    const own = [...((s.prefixItems ?? []) as readonly Json[])].map((part) => guess(part, random))
    for (const part of [s.contains, s.contains, s.items, s.unevaluatedItems])
      if (part !== undefined && part !== false && random() < 0.6) own.push(guess(part, random))
    return [...own, ...first.slice(own.length)]
  }
  const made = Object.assign({}, ...guesses.filter(isJsonObject)) as Record<string, unknown>
  for (const [name, part] of Object.entries((s.properties ?? {}) as JsonObject))
    if (random() < 0.8) made[name] = guess(part, random)
  const rest =
    s.additionalProperties ??
    s.unevaluatedProperties ??
    Object.values((s.patternProperties ?? {}) as JsonObject)[0]
  if (rest !== undefined || random() < 0.2) made[pick(['a', 'b', 'c', 'd'])] = guess(rest ?? true, random)
  return made
}

const resource = new SchemaResources({}, 'file:///f').around('')
const isComposed = (schema: Json): boolean =>
  isJsonObject(schema) &&
  ['$ref', 'allOf', 'anyOf', 'oneOf', 'if', 'dependentSchemas'].some((keyword) => keyword in schema)

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
        assert.deepEqual(
          lowering.problems.filter(({ severity }) => severity === 'error'),
          [],
        )
        const validator = compileValidator(lowered, lowering.definitions)
        for (const value of values) {
          const expected = holds(schema, value)
          seen[expected ? 'valid' : 'invalid']++
          if (isJsonObject(schema) && 'unevaluatedItems' in schema && Array.isArray(value) && expected)
            seen.items++
          if (isComposed(schema) && isJsonObject(value)) {
            if (expected) seen.composed++
            else if (namesOf(schema, value) !== null) seen.unknown++
          }
          assert.equal(validator.check(value), expected, JSON.stringify({ schema, value, lowered }))
          const listed = listFaults(lowered, lowering.definitions, value, 20).length === 0
          assert.equal(listed, expected, JSON.stringify({ schema, value, lowered }))
        }
      },
    ),
    { seed: 31, numRuns: 2500 },
  )
  const { valid, composed, unknown, items } = seen
  assert.ok(valid > 5000 && composed > 500 && unknown > 150 && items > 300, JSON.stringify(seen))
})
