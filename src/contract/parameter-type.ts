import type { Json, JsonObject } from '../base/json.ts'
import { isJsonObject } from '../base/json.ts'
import { pointerTo } from '../base/pointer.ts'
import type { ParameterType, PrimitiveType } from '../program/program.ts'
import type { Documents, Located } from './documents.ts'

interface Shape {
  readonly primitives: Set<PrimitiveType>
  items: Set<PrimitiveType> | null
  properties: Map<string, Set<PrimitiveType>> | null
  additional: Set<PrimitiveType> | null
  nullable: boolean
  /** Why the schema cannot be read from text; null while it can. */
  refused: string | null
}

const maxDepth = 32

/**
 * Finds out how the text of a parameter becomes a typed value, which OpenAPI leaves to the schema.
 * @returns what cannot be read, as a text, otherwise
 */
export function parameterType(schema: Located, documents: Documents): ParameterType | string {
  const shape = shapeOf(schema, documents, 0)
  if (shape.refused !== null) return shape.refused
  if (shape.properties && shape.items) return 'a schema that allows both an object and a list'
  const single = shape.primitives.size > 0 ? [...shape.primitives] : null
  if (shape.items) return { kind: 'array', items: orString(shape.items), single }
  if (shape.properties) {
    const properties = Object.fromEntries(
      [...shape.properties].map(([name, types]) => [name, orString(types)]),
    )
    return { kind: 'object', properties, additional: shape.additional && orString(shape.additional), single }
  }
  if (shape.nullable && shape.primitives.size === 0) return 'a schema that allows nothing but null'
  return { kind: 'primitive', primitives: orString(shape.primitives) }
}

/** A schema that names no type says nothing about the text, which then is a text. */
function orString(types: ReadonlySet<PrimitiveType>): readonly PrimitiveType[] {
  return types.size > 0 ? [...types] : ['string']
}

function shapeOf(located: Located, documents: Documents, depth: number): Shape {
  const shape: Shape = {
    primitives: new Set(),
    items: null,
    properties: null,
    additional: null,
    nullable: false,
    refused: null,
  }
  const found = depth < maxDepth ? documents.follow(located) : undefined
  if (!found || !isJsonObject(found.value)) return shape
  const schema = found.value
  const child = (value: Json, ...steps: readonly (string | number)[]): Shape => {
    const pointer = steps.reduce<string>(pointerTo, found.at.pointer)
    return shapeOf({ value, at: { file: found.at.file, pointer } }, documents, depth + 1)
  }
  for (const type of typesOf(schema)) addType(shape, type, schema, child)
  for (const keyword of ['allOf', 'anyOf', 'oneOf'] as const) {
    const parts = schema[keyword]
    if (Array.isArray(parts))
      for (const [index, part] of parts.entries()) merge(shape, child(part as Json, keyword, index))
  }
  for (const keyword of ['then', 'else'] as const)
    if (schema[keyword] !== undefined) merge(shape, child(schema[keyword], keyword))
  for (const part of childrenOf(schema, 'dependentSchemas', child)) merge(shape, part)
  return shape
}

type Child = (value: Json, ...steps: readonly (string | number)[]) => Shape

function childrenOf(schema: JsonObject, keyword: string, child: Child): readonly Shape[] {
  const members = schema[keyword] ?? null
  if (Array.isArray(members)) return members.map((value, index) => child(value as Json, keyword, index))
  return isJsonObject(members)
    ? Object.entries(members).map(([name, value]) => child(value, keyword, name))
    : []
}

function typesOf(schema: JsonObject): readonly string[] {
  const { type } = schema
  if (typeof type === 'string') return [type]
  if (Array.isArray(type)) return type.filter((one) => typeof one === 'string')
  if (Array.isArray(schema.enum)) return [...new Set(schema.enum.map(typeOfValue))]
  if ('const' in schema) return [typeOfValue(schema.const as Json)]
  if (forObjects.some((keyword) => isJsonObject(schema[keyword] ?? null))) return ['object']
  return isJsonObject(schema.items ?? null) || Array.isArray(schema.prefixItems) ? ['array'] : []
}

/** Keywords that mean nothing but for an object. */
const forObjects = ['properties', 'patternProperties', 'additionalProperties']

function typeOfValue(value: Json): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  return Number.isInteger(value) ? 'integer' : typeof value
}

function addType(shape: Shape, type: string, schema: JsonObject, child: Child): void {
  switch (type) {
    case 'string':
    case 'integer':
    case 'number':
    case 'boolean':
      shape.primitives.add(type)
      break
    case 'array':
      addItems(shape, schema, child)
      break
    case 'object':
      addObject(shape, schema, child)
      break
    default:
      // `null` has no spelling in a URL or a header
      shape.nullable = true
      break
  }
}

/** Text is read before its place counts, so all items must be of the same types. */
function addItems(shape: Shape, schema: JsonObject, child: Child): void {
  shape.items ??= new Set()
  const found = [...childrenOf(schema, 'prefixItems', child)]
  if (isJsonObject(schema.items ?? null)) found.push(child(schema.items as Json, 'items'))
  if (differ(found)) shape.refused ??= 'a list whose items differ in type'
  if (found.length === 0 && schema.contains !== undefined)
    shape.refused ??= 'a list that must contain something, and has no items'
  for (const item of found) addPrimitives(shape, shape.items, item, 'a list of lists or objects')
}

function differ(shapes: readonly Shape[]): boolean {
  return new Set(shapes.map(({ primitives }) => orString(primitives).toSorted().join())).size > 1
}

function addObject(shape: Shape, schema: JsonObject, child: Child): void {
  shape.properties ??= new Map()
  const properties = isJsonObject(schema.properties) ? schema.properties : {}
  for (const [name, property] of Object.entries(properties)) {
    const types = shape.properties.get(name) ?? new Set()
    addPrimitives(shape, types, child(property, 'properties', name), 'an object of lists or objects')
    shape.properties.set(name, types)
  }
  const opening = ['additionalProperties', 'unevaluatedProperties'] as const
  if (opening.some((keyword) => schema[keyword] === true)) shape.additional ??= new Set()
  const open = [
    ...opening.flatMap((keyword) =>
      isJsonObject(schema[keyword] ?? null) ? [child(schema[keyword] as Json, keyword)] : [],
    ),
    ...childrenOf(schema, 'patternProperties', child),
  ]
  if (differ(open)) shape.refused ??= 'an object whose members differ in type by patterns'
  for (const member of open) {
    shape.additional ??= new Set()
    addPrimitives(shape, shape.additional, member, 'an object of lists or objects')
  }
}

function addPrimitives(shape: Shape, into: Set<PrimitiveType>, found: Shape, otherwise: string): void {
  if (found.items || found.properties) shape.refused ??= otherwise
  for (const type of found.primitives) into.add(type)
}

function merge(shape: Shape, part: Shape): void {
  for (const type of part.primitives) shape.primitives.add(type)
  if (part.items) shape.items = new Set([...(shape.items ?? []), ...part.items])
  if (part.additional) shape.additional = new Set([...(shape.additional ?? []), ...part.additional])
  for (const [name, types] of part.properties ?? []) {
    shape.properties ??= new Map()
    shape.properties.set(name, new Set([...(shape.properties.get(name) ?? []), ...types]))
  }
  if (part.properties) shape.properties ??= new Map()
  shape.nullable ||= part.nullable
  shape.refused ??= part.refused
}
