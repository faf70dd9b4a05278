import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isJsonObject, type Json, type JsonObject } from '../../src/base/json.ts'
import { pointerSteps } from '../../src/base/pointer.ts'
import { createSchemaLowering } from '../../src/schema/lower.ts'
import { SchemaResources } from '../../src/schema/resources.ts'
import { compileValidator } from '../../src/schema/validator.ts'
import { randomFrom } from '../harness/random.ts'

// Dynamic references as they are resolved when compiled, against a naive reader that keeps the dynamic scope while it
// looks at an instance (JSON Schema 2020-12 Core 7.1, 8.2.3.2). The reader shares no code with what is tested.

const anchors = ['x', 'y'] as const
const resources = ['r0', 'r1', 'r2', 'r3'] as const

interface Reader {
  readonly root: JsonObject
  /** Resources that were entered, the outermost first. */
  readonly scope: readonly string[]
}

const resourceNamed = (root: JsonObject, name: string): JsonObject =>
  (root.$defs as JsonObject)[name] as JsonObject
const anchored = (resource: JsonObject, anchor: string): Json | undefined =>
  Object.values((resource.$defs ?? {}) as JsonObject).find(
    (schema) => isJsonObject(schema) && schema.$dynamicAnchor === anchor,
  )

/** Where the references of a schema lead. */
function targetsOf(
  { $ref, $dynamicRef }: JsonObject,
  { root, scope }: Reader,
): readonly (readonly [Json, Reader])[] {
  const targets: (readonly [schema: Json, resource: string])[] = []
  if (typeof $ref === 'string') targets.push([resourceNamed(root, $ref), $ref])
  if (typeof $dynamicRef === 'string') {
    const [first = '', anchor = ''] = $dynamicRef.split('#')
    const outermost = scope.find((name) => anchored(resourceNamed(root, name), anchor) !== undefined) ?? first
    targets.push([anchored(resourceNamed(root, outermost), anchor) as Json, outermost])
  }
  return targets.map(([schema, resource]) => [schema, { root, scope: [...scope, resource] }] as const)
}

/** Names that are known where the schema holds; null where it does not. */
function namesOf(schema: Json, value: unknown, reader: Reader): ReadonlySet<string> | null {
  if (!isJsonObject(schema)) return schema === true ? new Set() : null
  const names = new Set<string>()
  for (const [target, inner] of targetsOf(schema, reader)) {
    const found = namesOf(target, value, inner)
    if (found === null) return null
    for (const name of found) names.add(name)
  }
  if (schema.type === 'integer' && !Number.isInteger(value)) return null
  if (schema.type === 'string' && typeof value !== 'string') return null
  if (!isJsonObject(value)) return schema.type === 'object' ? null : names
  for (const [name, member] of Object.entries((schema.properties ?? {}) as JsonObject)) {
    if (!Object.hasOwn(value, name)) continue
    if (!holds(member, value[name], reader)) return null
    names.add(name)
  }
  return names
}

/** In the closed world: every member is known. */
function holds(schema: Json, value: unknown, reader: Reader): boolean {
  const names = namesOf(schema, value, reader)
  return names !== null && (!isJsonObject(value) || Object.keys(value).every((name) => names.has(name)))
}

const scalar = fc.constantFrom<Json>({ type: 'integer' }, { type: 'string' })
/** Every resource has both anchors reachable: its own, or those of r0, which has both. */
const reference = fc.oneof(
  scalar,
  fc.record({ $ref: fc.constantFrom(...resources) }),
  fc
    .tuple(fc.constantFrom(...anchors), fc.constantFrom('r0'))
    .map(([name, from]) => ({ $dynamicRef: `${from}#${name}` })),
)
const members = (some: fc.Arbitrary<Json>) =>
  fc.dictionary(fc.constantFrom('a', 'b'), some, { minKeys: 1, maxKeys: 2 }).map((made) => ({ ...made }))
const bound = fc.oneof(
  scalar,
  members(reference as fc.Arbitrary<Json>).map((properties) => ({ type: 'object', properties })),
)
const resource = (all: boolean) =>
  fc
    .record({
      properties: members(reference as fc.Arbitrary<Json>),
      beside: fc.constantFrom(null, ...anchors),
      bindings: fc.tuple(fc.option(bound), fc.option(bound), bound, bound),
    })
    .map(({ properties, beside, bindings: [x, y, otherX, otherY] }) => {
      const defs = [x ?? (all ? otherX : null), y ?? (all ? otherY : null)]
      const named = defs.flatMap((schema, index) =>
        schema === null
          ? []
          : [[`d${index}`, { $dynamicAnchor: anchors[index], ...(schema as object) }] as const],
      )
      // One that is bound to an object may extend the object at hand; it must not be the one that asks.
      const extended =
        beside !== null && all === false
          ? { properties: { ...properties, c: { $dynamicRef: `r0#${beside}` } } }
          : { properties }
      return { type: 'object', ...extended, $defs: Object.fromEntries(named) } as unknown as JsonObject
    })
const documents = fc.tuple(resource(true), resource(false), resource(false), resource(false)).map((made) => ({
  $defs: Object.fromEntries(made.map((schema, index) => [`r${index}`, { $id: `r${index}`, ...schema }])),
}))

/** A value that a schema may well hold for. */
function guess(schema: Json, reader: Reader, random: () => number, depth = 0): unknown {
  if (!isJsonObject(schema)) return 1
  if (schema.type === 'integer') return random() < 0.97 ? 1 : 'a'
  if (schema.type === 'string') return random() < 0.97 ? 'a' : 1
  const parts = targetsOf(schema, reader).map(([target, inner]) => guess(target, inner, random, depth))
  if (parts.some((part) => !isJsonObject(part))) return parts[0]
  const made = Object.assign({}, ...parts) as Record<string, unknown>
  for (const [name, member] of Object.entries((schema.properties ?? {}) as JsonObject))
    if (depth < 4 && random() < 0.6) made[name] = guess(member, reader, random, depth + 1)
  if (random() < 0.03) made.c = 1
  return made
}

test('a dynamic reference means what the way to it says, in both directions', () => {
  const seen = { valid: 0, nested: 0, invalid: 0 }
  const property = fc.property(
    documents,
    fc.record({ a: fc.constantFrom(...resources), b: fc.constantFrom(...resources) }),
    fc.nat(),
    (made, ways, start) => {
      const root = made as unknown as JsonObject
      const index = new SchemaResources(root, 'file:///f')
      const lowering = createSchemaLowering({
        dialect: '3.1',
        direction: 'request',
        definitionPrefix: '',
        resolver: {
          resolve(ref, from) {
            const place = index.locate(ref, from.pointer)
            assert.ok(place.kind === 'here', ref)
            const { pointer, dynamicAnchor } = place
            const schema = pointerSteps(pointer).reduce<unknown>(
              (parent, step) => (parent as { readonly [name: string]: unknown })[step],
              root,
            )
            return { schema, location: { file: 'f', pointer }, dynamicAnchor }
          },
          resourceAround: ({ pointer }) => index.around(pointer),
          mapped: () => null,
          heirs: () => [],
        },
      })
      const entry = { type: 'object', properties: { a: { $ref: ways.a }, b: { $ref: ways.b } } }
      const lowered = lowering.lower(entry, { file: 'f', pointer: '/entry' })
      assert.deepEqual(
        lowering.problems.filter(({ severity }) => severity === 'error'),
        [],
      )
      const validator = compileValidator(lowered, lowering.definitions)
      const random = randomFrom(start)
      for (let round = 0; round < 12; round++) {
        const reader = { root, scope: [] }
        const value = guess(entry, reader, random)
        const expected = holds(entry, value, reader)
        seen[expected ? 'valid' : 'invalid']++
        if (expected && JSON.stringify(value).length > 20) seen.nested++
        assert.equal(validator.check(value), expected, JSON.stringify({ root, ways, value }))
      }
    },
  )
  fc.assert(property, { seed: 17, numRuns: 1500 })
  assert.ok(seen.nested > 2000 && seen.invalid > 2000, JSON.stringify(seen))
})
