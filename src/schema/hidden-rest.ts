import { isJsonObject, type Json, type JsonObject } from '../base/json.ts'
import { below } from './location.ts'
import type { LoweringOptions, SchemaLocation } from './lower.ts'
import { compilePattern } from './pattern.ts'

/** A schema, where it stands, and its name or index there. */
type Part = readonly [schema: Json, at: SchemaLocation, step: string]

/** What nests deeper is refused by the lowering. */
const maxDepth = 128
const none: ReadonlySet<string> = new Set()
const alternatives = ['anyOf', 'oneOf'] as const
const sometimes = ['if', 'then', 'else'] as const

/**
 * Names that no `properties` hides, but what is said of all members of some form: `patternProperties`,
 * `additionalProperties` and `unevaluatedProperties`. They are without number, so that only those are told that a schema
 * demands somewhere.
 *
 * Each schema is asked once for each name, and only where one of its parts says such a thing (attack H8).
 */
export class HiddenRest {
  readonly #options: LoweringOptions
  readonly #hides: (schema: Json | undefined, at: SchemaLocation) => boolean
  readonly #sayers = new Map<string, boolean>()
  readonly #demands = new Map<string, ReadonlySet<string>>()
  readonly #known = new Map<string, boolean>()
  #depth = 0

  /** @param hides whether a member with a schema may not be sent */
  constructor(options: LoweringOptions, hides: (schema: Json | undefined, at: SchemaLocation) => boolean) {
    this.#options = options
    this.#hides = hides
  }

  /** Names, of those that a schema or a part of it demands, that it hides from every instance that it holds for. */
  namesIn(schema: JsonObject, at: SchemaLocation): readonly string[] {
    if (!this.#saysSo(schema, at)) return []
    return [...this.#demandedIn(schema, at)].filter((name) => this.#hidesName(schema, at, name))
  }

  #saysSo(schema: Json, at: SchemaLocation): boolean {
    return this.#once(this.#sayers, '', schema, at, false, (source) => {
      const own =
        this.#hidesIn(source, at, 'additionalProperties') ||
        this.#hidesIn(source, at, 'unevaluatedProperties') ||
        entries(source, 'patternProperties', at).some(([part, place]) => this.#hides(part, place))
      return own || this.#parts(source, at).some(([part, place]) => this.#saysSo(part, place))
    })
  }

  #demandedIn(schema: Json, at: SchemaLocation): ReadonlySet<string> {
    return this.#once(this.#demands, '', schema, at, none, (source) => {
      const { required, dependentRequired } = source
      const lists = [required, ...Object.values(isJsonObject(dependentRequired) ? dependentRequired : {})]
      const names = new Set(lists.flatMap((list) => (Array.isArray(list) ? (list as readonly string[]) : [])))
      for (const [part, place] of this.#parts(source, at))
        for (const name of this.#demandedIn(part, place)) names.add(name)
      return names
    })
  }

  #hidesName(schema: Json, at: SchemaLocation, name: string): boolean {
    return this.#once(this.#known, `hides ${name}`, schema, at, false, (source) => {
      const speaking = speakingOf(source, at, name)
      if (speaking.some(([part, place]) => this.#hides(part, place))) return true
      if (speaking.length === 0 && this.#hidesIn(source, at, 'additionalProperties')) return true
      if (this.#hidesIn(source, at, 'unevaluatedProperties') && !this.#isKnownWithin(source, at, name))
        return true
      const hidden = ([part, place]: Part): boolean => this.#hidesName(part, place, name)
      if ([...this.#referred(source, at), ...entries(source, 'allOf', at)].some(hidden)) return true
      return alternatives.some((keyword) => {
        const branches = entries(source, keyword, at)
        return branches.length > 0 && branches.every(hidden)
      })
    })
  }

  /** Whether `unevaluatedProperties` of a schema may not see a member: something beside it speaks of it. */
  #isKnownWithin(source: JsonObject, at: SchemaLocation, name: string): boolean {
    if (source.additionalProperties !== undefined || speakingOf(source, at, name).length > 0) return true
    return this.#parts(source, at).some(([part, place]) => this.#knows(part, place, name))
  }

  #knows(schema: Json, at: SchemaLocation, name: string): boolean {
    return this.#once(
      this.#known,
      `knows ${name}`,
      schema,
      at,
      false,
      (source) => source.unevaluatedProperties !== undefined || this.#isKnownWithin(source, at, name),
    )
  }

  #hidesIn(source: JsonObject, at: SchemaLocation, keyword: string): boolean {
    return this.#hides(source[keyword], below(at, keyword))
  }

  /** All that applies to the same instance, always or sometimes. */
  #parts(source: JsonObject, at: SchemaLocation): readonly Part[] {
    const lists = ['allOf', ...alternatives, 'dependentSchemas'].flatMap((keyword) =>
      entries(source, keyword, at),
    )
    const single = sometimes.flatMap((keyword) => {
      const part = source[keyword]
      return part === undefined ? [] : [[part, below(at, keyword), keyword] as const]
    })
    return [...this.#referred(source, at), ...lists, ...single]
  }

  #referred(source: JsonObject, at: SchemaLocation): readonly Part[] {
    return (['$ref', '$dynamicRef'] as const).flatMap((keyword) => {
      const ref = source[keyword]
      const found = typeof ref === 'string' ? this.#options.resolver.resolve(ref, below(at, keyword)) : null
      return found ? [[found.schema as Json, found.location, keyword] as const] : []
    })
  }

  /** Answers from memory; a schema that leads back to itself is asked nothing more. */
  #once<T>(
    memory: Map<string, T>,
    question: string,
    schema: Json,
    at: SchemaLocation,
    otherwise: T,
    answer: (source: JsonObject) => T,
  ): T {
    if (!isJsonObject(schema) || this.#depth >= maxDepth) return otherwise
    const key = `${at.file}#${at.pointer} ${question}`
    const known = memory.get(key)
    if (known !== undefined) return known
    memory.set(key, otherwise)
    // OpenAPI 3.0.4 Reference Object: siblings are ignored.
    const isAlone = this.#options.dialect === '3.0' && typeof schema.$ref === 'string'
    this.#depth++
    const found = answer(isAlone ? { $ref: schema.$ref as string } : schema)
    this.#depth--
    memory.set(key, found)
    return found
  }
}

/** What `properties` and `patternProperties` say of a member. */
function speakingOf(source: JsonObject, at: SchemaLocation, name: string): readonly Part[] {
  const { properties } = source
  const own = isJsonObject(properties) && Object.hasOwn(properties, name) ? properties[name] : undefined
  const named: readonly Part[] = own === undefined ? [] : [[own, below(below(at, 'properties'), name), name]]
  const patterns = entries(source, 'patternProperties', at).filter(([, , pattern]) => {
    const matcher = compilePattern(pattern)
    return matcher.ok && matcher.value.test(name)
  })
  return [...named, ...patterns]
}

function entries(source: JsonObject, keyword: string, at: SchemaLocation): readonly Part[] {
  const value = source[keyword]
  if (typeof value !== 'object' || value === null) return []
  const place = below(at, keyword)
  return Object.entries(value).map(([step, part]) => [part as Json, below(place, step), step] as const)
}
