import fc from 'fast-check'
import { isJsonObject, type Json, type JsonObject } from '../../src/base/json.ts'
import { components } from './naive-reader.ts'

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
/** Schemas of every keyword about members and items. */
export const schemas = fc.letrec<{ schema: Json; object: Json; list: Json }>((tie) => {
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

/** Objects of which several parts describe one and the same member, and what is in it, in every way there is. */
export const sharing = fc.letrec<{ object: Json; part: Json; member: Json; flat: Json }>((tie) => {
  const flat = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom<Json>({ type: 'string' }, { enum: ['a', 1] }, true) },
    { weight: 1, arbitrary: fc.constantFrom<Json>({}, { const: { a: 1 } }, { enum: [1, 'b'] }) },
    {
      weight: 2,
      arbitrary: fc.constantFrom<Json>({ $ref: '#/Named' }, { $ref: '#/Tree' }, { $ref: '#/Twice' }),
    },
  )
  const list = (items: fc.Arbitrary<Json>) =>
    fc.oneof(
      fc.record({ type: fc.constant('array'), items }),
      fc.record({ type: fc.constant('array'), prefixItems: fc.tuple(items) }),
      fc.record({ type: fc.constant('array'), prefixItems: fc.tuple(items), unevaluatedItems: items }),
      fc.record({ type: fc.constant('array'), contains: items, minContains: fc.constantFrom(0, 1) }),
    )
  const described = fc.oneof({ weight: 4, arbitrary: tie('object') }, tie('flat'), list(tie('object')))
  const part = fc.oneof(
    { weight: 5, arbitrary: described.map((a) => ({ properties: { a } })) },
    { weight: 2, arbitrary: fc.tuple(described, flat).map(([a, b]) => ({ properties: { a, b } })) },
    { weight: 1, arbitrary: fc.record({ additionalProperties: described }) },
    { weight: 1, arbitrary: fc.record({ unevaluatedProperties: described }) },
    { weight: 1, arbitrary: described.map((some) => ({ patternProperties: { '^[ab]$': some } })) },
    { weight: 1, arbitrary: fc.record({ required: fc.constantFrom(['a'], ['b']) }) },
    { weight: 1, arbitrary: fc.constant({ const: { a: { b: 1 } } }) },
    { weight: 1, arbitrary: fc.record({ $ref: fc.constantFrom('#/Named', '#/Tree', '#/Twice') }) },
  )
  const two = fc.tuple(tie('part'), tie('part'))
  const applied = fc.oneof(
    two.map((allOf) => ({ allOf })),
    two.map((anyOf) => ({ anyOf })),
    two.map((oneOf) => ({ oneOf })),
    two.map(([then, other]) => ({ if: { required: ['b'] }, then, else: other })),
    two.map(([condition, then]) => ({ if: condition, then })),
    fc
      .tuple(tie('part'), tie('part'), tie('part'))
      .map(([one, then, other]) => ({ if: one, then, else: other })),
    two.map(([a, b]) => ({ dependentSchemas: { a, b } })),
    fc.record({ $ref: fc.constantFrom('#/Named', '#/Tree', '#/Twice') }),
    tie('part').map((not) => ({ not: { ...(not as JsonObject), required: ['c'] } })),
  )
  const object = fc.tuple(tie('part'), applied).map(([one, other]) => ({ ...(one as JsonObject), ...other }))
  return {
    flat,
    member: described,
    part: fc.oneof({ maxDepth: 4, depthIdentifier: depth }, part, object) as fc.Arbitrary<Json>,
    object: fc.oneof({ maxDepth: 4, depthIdentifier: depth }, flat, part, object) as fc.Arbitrary<Json>,
  }
}).object
export const instances = fc.letrec<{ value: unknown }>((tie) => ({
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
export function guess(schema: Json, random: () => number): unknown {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
  if (!isJsonObject(schema)) return pick(['a', 1, 2, {}, { a: 1 }, { b: 2 }, []])
  const s =
    typeof schema.$ref === 'string'
      ? { ...(components[schema.$ref.slice(2)] as JsonObject), ...schema }
      : schema
  if (Array.isArray(s.enum)) return pick(s.enum)
  if (s.const !== undefined) return s.const
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
    return merged(own, first)
  }
  const made = guesses
    .filter(isJsonObject)
    .reduce<Record<string, unknown>>((a, b) => merged(a, b) as typeof a, {})
  for (const [name, part] of Object.entries((s.properties ?? {}) as JsonObject))
    if (random() < 0.8) made[name] = merged(guess(part, random), made[name])
  const rest =
    s.additionalProperties ??
    s.unevaluatedProperties ??
    Object.values((s.patternProperties ?? {}) as JsonObject)[0]
  if (rest !== undefined || random() < 0.2) made[pick(['a', 'b', 'c', 'd'])] = guess(rest ?? true, random)
  return made
}

/** What both may want of a value, as far as that goes. */
function merged(one: unknown, other: unknown): unknown {
  if (Array.isArray(one) && Array.isArray(other))
    return [...one.map((item, index) => merged(item, other[index])), ...other.slice(one.length)]
  if (!isJsonObject(one) || !isJsonObject(other)) return one === undefined ? other : one
  const names = [...new Set([...Object.keys(one), ...Object.keys(other)])]
  return Object.fromEntries(names.map((name) => [name, merged(one[name], other[name])]))
}
