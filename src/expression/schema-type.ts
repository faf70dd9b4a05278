import { isJsonObject, type Json, type JsonObject, type JsonSchema } from '../base/json.ts'
import { openMap, type ScalarType, type ValueType } from './value-type.ts'

type Definitions = { readonly [name: string]: JsonSchema }
type Kind = 'string' | 'integer' | 'number' | 'boolean' | 'array' | 'object' | 'null'

const scalars: { readonly [K in Kind]?: ScalarType } = {
  string: 'string',
  integer: 'int',
  number: 'double',
  boolean: 'bool',
}
const maxDepth = 32

/**
 * The type of the values that a lowered schema accepts. References and `allOf` are seen through; a union, a
 * nullable value and an object that lets other members in have a type that says less.
 *
 * @param definitions what `#/$defs/NAME` refers to
 */
export function schemaType(schema: JsonSchema, definitions: Definitions): ValueType {
  return new SchemaTypes(definitions).typeOf([schema], 0)
}

class SchemaTypes {
  readonly #definitions: Definitions
  /** By the schema, so that one which contains itself gets a type that contains itself. */
  readonly #known = new Map<JsonSchema, ValueType>()

  constructor(definitions: Definitions) {
    this.#definitions = definitions
  }

  /** @param schemas all of which hold for the value */
  typeOf(schemas: readonly JsonSchema[], depth: number): ValueType {
    const [only] = schemas.length === 1 ? [this.#follow(schemas[0] as JsonSchema)] : []
    const known = only === undefined ? undefined : this.#known.get(only)
    if (known !== undefined) return known
    if (depth > maxDepth) return 'dyn'
    const parts = this.#parts(schemas)
    const kinds = this.#kindsOf(parts) ?? (parts.some(isAboutMembers) ? new Set<Kind>(['object']) : null)
    if (!kinds || kinds.size === 0) return 'dyn'
    if ([...kinds].every((kind) => kind === 'integer' || kind === 'number') && kinds.size > 1) return 'double'
    const [kind] = kinds.size === 1 ? kinds : []
    if (kind === 'array') return this.#listType(parts, only, depth)
    if (kind === 'object') return this.#objectType(parts, only, depth)
    return (kind && scalars[kind]) ?? 'dyn'
  }

  #listType(parts: readonly JsonObject[], only: JsonSchema | undefined, depth: number): ValueType {
    const list = { kind: 'list' as const, items: 'dyn' as ValueType }
    if (only !== undefined) this.#known.set(only, list)
    const items = parts.flatMap((part) => (part.items === undefined ? [] : [part.items as JsonSchema]))
    const mixed = parts.some((part) => part.prefixItems !== undefined)
    if (items.length > 0 && !mixed) list.items = this.typeOf(items, depth + 1)
    return list
  }

  #objectType(parts: readonly JsonObject[], only: JsonSchema | undefined, depth: number): ValueType {
    if (!isClosed(parts)) return this.#mapType(parts, depth)
    const fields = new Map<string, ValueType>()
    const object = { kind: 'object' as const, fields }
    if (only !== undefined) this.#known.set(only, object)
    const byName = new Map<string, JsonSchema[]>()
    for (const { properties } of parts) {
      if (!isJsonObject(properties)) continue
      for (const [name, schema] of Object.entries(properties))
        byName.set(name, [...(byName.get(name) ?? []), schema as JsonSchema])
    }
    for (const [name, schemas] of byName) {
      // What may not be sent, as a property that is readOnly, is no member.
      if (!schemas.includes(false)) fields.set(name, this.typeOf(schemas, depth + 1))
    }
    return object
  }

  #mapType(parts: readonly JsonObject[], depth: number): ValueType {
    const [part, ...others] = parts.filter(isAboutMembers)
    const plain = part && others.length === 0 && !part.properties && !part.patternProperties
    if (!plain || parts.some(namesMembersBySituation) || !isJsonObject(part.additionalProperties))
      return openMap
    return { kind: 'map', values: this.typeOf([part.additionalProperties], depth + 1) }
  }

  /** All schemas that hold for the value, through references and `allOf`. */
  #parts(schemas: readonly JsonSchema[]): readonly JsonObject[] {
    const parts = new Set<JsonObject>()
    const pending = [...schemas]
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      if (!isJsonObject(next) || parts.has(next)) continue
      parts.add(next)
      if (typeof next.$ref === 'string') pending.push(this.#definition(next.$ref))
      if (Array.isArray(next.allOf)) pending.push(...(next.allOf as readonly JsonSchema[]))
    }
    return [...parts]
  }

  #follow(schema: JsonSchema): JsonSchema {
    let found = schema
    for (let steps = 0; steps < maxDepth && isReference(found); steps++) found = this.#definition(found.$ref)
    return found
  }

  #definition(ref: string): JsonSchema {
    return this.#definitions[ref.slice('#/$defs/'.length)] ?? false
  }

  /** Kinds of JSON values that all of the schemas accept; null: nothing is said. */
  #kindsOf(parts: readonly JsonObject[], depth = 0): ReadonlySet<Kind> | null {
    let common: ReadonlySet<Kind> | null = null
    for (const part of parts) {
      const kinds = ownKinds(part) ?? this.#alternativeKinds(part, depth)
      if (kinds) common = common ? intersect(common, kinds) : kinds
    }
    return common
  }

  #alternativeKinds(part: JsonObject, depth: number): ReadonlySet<Kind> | null {
    const alternatives = part.anyOf ?? part.oneOf
    if (!Array.isArray(alternatives) || depth > maxDepth) return null
    const union = new Set<Kind>()
    for (const alternative of alternatives as readonly JsonSchema[]) {
      const kinds = this.#kindsOf(this.#parts([alternative]), depth + 1)
      if (!kinds) return null
      for (const kind of kinds) union.add(kind)
    }
    return union
  }
}

function isReference(schema: JsonSchema): schema is JsonObject & { readonly $ref: string } {
  return isJsonObject(schema) && typeof schema.$ref === 'string' && Object.keys(schema).length === 1
}

function ownKinds({ type, enum: values, ...schema }: JsonObject): ReadonlySet<Kind> | null {
  if (typeof type === 'string') return new Set([type as Kind])
  if (Array.isArray(type)) return new Set(type as readonly Kind[])
  if (Array.isArray(values)) return new Set(values.map(kindOf))
  return 'const' in schema ? new Set([kindOf(schema.const as Json)]) : null
}

function kindOf(value: Json): Kind {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  return Number.isInteger(value) ? 'integer' : (typeof value as Kind)
}

/** Every integer is a number. */
function intersect(a: ReadonlySet<Kind>, b: ReadonlySet<Kind>): ReadonlySet<Kind> {
  const fits = (kind: Kind, others: ReadonlySet<Kind>) =>
    others.has(kind) || (kind === 'integer' && others.has('number'))
  return new Set([...[...a].filter((kind) => fits(kind, b)), ...[...b].filter((kind) => fits(kind, a))])
}

function isAboutMembers(part: JsonObject): boolean {
  return (
    part.properties !== undefined ||
    part.patternProperties !== undefined ||
    part.additionalProperties !== undefined ||
    part.unevaluatedProperties !== undefined
  )
}

/** Whether the members that the schemas name are all that there can be. */
function isClosed(parts: readonly JsonObject[]): boolean {
  return (
    parts.some(
      (part) =>
        part.closed === true || part.additionalProperties === false || part.unevaluatedProperties === false,
    ) && !parts.some((part) => part.patternProperties !== undefined || namesMembersBySituation(part))
  )
}

/** A schema that applies only sometimes may name members that the others do not know. */
function namesMembersBySituation(part: JsonObject): boolean {
  const { anyOf, oneOf, dependentSchemas } = part
  const sometimes = [anyOf, oneOf, [part.then, part.else], Object.values(dependentSchemas ?? {})].flat()
  return sometimes.some(namesMembers)
}

function namesMembers(schema: unknown): boolean {
  if (!isJsonObject(schema)) return false
  if (schema.$ref !== undefined || isAboutMembers(schema)) return true
  const { allOf } = schema
  return namesMembersBySituation(schema) || (Array.isArray(allOf) && allOf.some(namesMembers))
}
