import { isJsonObject, type Json, type JsonObject } from '../base/json.ts'
import { HiddenRest } from './hidden-rest.ts'
import { below } from './location.ts'
import type { LoweringOptions, SchemaLocation } from './lower.ts'

const maxDepth = 32
const none: ReadonlySet<string> = new Set()

/**
 * Members that may not be sent in the direction that is lowered for: `readOnly` ones in requests, `writeOnly` ones in
 * answers. Wherever such a member is demanded of the same object, it is not demanded in this direction.
 * @see OpenAPI 3.0.4 and 3.1.1 4.8.24, fixed fields of the Schema Object
 */
export class HiddenMembers {
  /** The keyword that hides a member in this direction. */
  readonly flag: 'readOnly' | 'writeOnly'
  readonly #options: LoweringOptions
  readonly #known = new Map<string, ReadonlySet<string>>()
  readonly #rest: HiddenRest

  constructor(options: LoweringOptions) {
    this.#options = options
    this.flag = options.direction === 'request' ? 'readOnly' : 'writeOnly'
    this.#rest = new HiddenRest(options, (schema, at) => this.hides(schema, at))
  }

  /** Whether a member with this schema is hidden; what applies beside or through a reference counts. */
  hides(schema: Json | undefined, at: SchemaLocation, depth = 0): boolean {
    if (!isJsonObject(schema) || depth > maxDepth) return false
    const referred = this.#referred(schema, at)
    if (referred && this.hides(referred.schema, referred.at, depth + 1)) return true
    if (referred && this.#options.dialect === '3.0') return false
    if (schema[this.flag] === true) return true
    return partsOf(schema, 'allOf', at).some(([part, place]) => this.hides(part, place, depth + 1))
  }

  /**
   * Names that a schema hides from every instance that it holds for. Of those that it does not name itself
   * (`patternProperties` and the like), the ones that it demands somewhere.
   */
  namesIn(schema: Json, at: SchemaLocation, depth = 0): ReadonlySet<string> {
    if (!isJsonObject(schema) || depth > maxDepth) return none
    const key = `${at.file}#${at.pointer}`
    const known = this.#known.get(key)
    if (known) return known
    this.#known.set(key, none)
    const names = new Set([...this.#collect(schema, at, depth), ...this.#rest.namesIn(schema, at)])
    this.#known.set(key, names)
    return names
  }

  /** Names that a schema demands of every instance that it holds for. */
  demandedBy(schema: Json, at: SchemaLocation, depth = 0): ReadonlySet<string> {
    if (!isJsonObject(schema) || depth > maxDepth) return none
    const referred = this.#referred(schema, at)
    const names = new Set(referred && this.demandedBy(referred.schema, referred.at, depth + 1))
    if (referred && this.#options.dialect === '3.0') return names
    for (const name of Array.isArray(schema.required) ? (schema.required as readonly string[]) : [])
      names.add(name)
    for (const [part, place] of partsOf(schema, 'allOf', at))
      for (const name of this.demandedBy(part, place, depth + 1)) names.add(name)
    return names
  }

  #collect(schema: JsonObject, at: SchemaLocation, depth: number): ReadonlySet<string> {
    const referred = this.#referred(schema, at)
    const names = new Set(referred && this.namesIn(referred.schema, referred.at, depth + 1))
    if (referred && this.#options.dialect === '3.0') return names
    const { properties } = schema
    for (const [name, part] of Object.entries(isJsonObject(properties) ? properties : {}))
      if (this.hides(part, below(below(at, 'properties'), name))) names.add(name)
    for (const [part, place] of partsOf(schema, 'allOf', at))
      for (const name of this.namesIn(part, place, depth + 1)) names.add(name)
    for (const keyword of ['anyOf', 'oneOf'] as const) {
      const [first, ...others] = partsOf(schema, keyword, at).map(([part, place]) =>
        this.namesIn(part, place, depth + 1),
      )
      for (const name of first ?? []) if (others.every((other) => other.has(name))) names.add(name)
    }
    return names
  }

  #referred(
    { $ref }: JsonObject,
    at: SchemaLocation,
  ): { readonly schema: Json; readonly at: SchemaLocation } | null {
    const found = typeof $ref === 'string' ? this.#options.resolver.resolve($ref, below(at, '$ref')) : null
    return found && { schema: found.schema as Json, at: found.location }
  }
}

function partsOf(
  schema: JsonObject,
  keyword: 'allOf' | 'anyOf' | 'oneOf',
  at: SchemaLocation,
): readonly (readonly [part: Json, at: SchemaLocation])[] {
  const list = schema[keyword]
  if (!Array.isArray(list)) return []
  return list.map((part: Json, index) => [part, below(below(at, keyword), String(index))] as const)
}
