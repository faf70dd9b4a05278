import { isJsonObject, type Json, type JsonObject } from '../base/json.ts'
import { below } from './location.ts'
import type { LoweringOptions, ReferredSchema, SchemaLocation } from './lower.ts'
import { compilePattern } from './pattern.ts'

type Source = { readonly [keyword: string]: Json }

/** What one schema says of some members or items. */
interface Saying {
  readonly speaker: number
  readonly about: About
  /** Where the schema for them stands, references followed. */
  readonly target: string
  /** `open`: anything may be there, at any depth. `closing`: it may be an object, or hold one, that is closed. */
  readonly kind: 'open' | 'closing'
  /** Whether the speaker applies only sometimes. */
  readonly sometimes: boolean
}

type About =
  | { readonly in: 'object'; readonly name: string }
  | { readonly in: 'object'; readonly pattern: string }
  | { readonly in: 'object' | 'array'; readonly rest: true }
  | { readonly in: 'array'; readonly index: number }

interface Listing {
  readonly sayings: Saying[]
  readonly seen: Set<string>
  speakers: number
  /** Something that cannot be told apart here: an `if` that describes objects, a listed object, a dynamic reference. */
  unclear: boolean
}

type Situation = 'always' | 'sometimes' | 'condition'

const maxDepth = 64
const applicators = [
  '$ref',
  '$dynamicRef',
  'allOf',
  'anyOf',
  'oneOf',
  'if',
  'then',
  'else',
  'dependentSchemas',
]

/**
 * Tells where several schemas describe one and the same member, so that only all of them together know what may be in it.
 * Elsewhere each schema closes its own members, which means the same and can be compiled. When in doubt they share.
 */
export class SharedMembers {
  readonly #options: LoweringOptions

  constructor(options: LoweringOptions) {
    this.#options = options
  }

  /** @param schema what stands at an instance position */
  among(schema: Source, at: SchemaLocation): boolean {
    if (
      schema.patternProperties === undefined &&
      applicators.every((keyword) => schema[keyword] === undefined)
    )
      return false
    const listing: Listing = { sayings: [], seen: new Set(), speakers: 0, unclear: false }
    this.#list(schema, at, 'always', listing, 0)
    return listing.unclear || haveConflict(listing.sayings)
  }

  #list(schema: Json, at: SchemaLocation, situation: Situation, listing: Listing, depth: number): void {
    if (!isJsonObject(schema) || listing.unclear) return
    const key = `${situation} ${at.file}#${at.pointer}`
    if (listing.seen.has(key)) return
    listing.seen.add(key)
    if (depth > maxDepth) {
      listing.unclear = true
      return
    }
    const visit = (part: Json, where: SchemaLocation, then: Situation) =>
      this.#list(part, where, situation === 'condition' ? situation : then, listing, depth + 1)
    if (typeof schema.$ref === 'string') {
      const found = this.#options.resolver.resolve(schema.$ref, below(at, '$ref'))
      if (found) visit(found.schema as Json, found.location, situation)
      if (this.#options.dialect === '3.0') return
    }
    this.#listOwn(schema, at, situation, listing)
    if (schema.$dynamicRef !== undefined) listing.unclear = true
    for (const [part, where] of parts(schema.allOf, below(at, 'allOf'))) visit(part, where, situation)
    for (const keyword of ['anyOf', 'oneOf', 'dependentSchemas'] as const)
      for (const [part, where] of parts(schema[keyword], below(at, keyword))) visit(part, where, 'sometimes')
    for (const keyword of ['then', 'else'] as const)
      if (schema[keyword] !== undefined) visit(schema[keyword] as Json, below(at, keyword), 'sometimes')
    if (schema.if !== undefined) visit(schema.if as Json, below(at, 'if'), 'condition')
  }

  #listOwn(schema: JsonObject, at: SchemaLocation, situation: Situation, listing: Listing): void {
    const speaker = ++listing.speakers
    const say = (about: About, part: Json, where: SchemaLocation): void => {
      const kind = this.#kindOf(part, where, 0)
      if (kind === 'flat') return
      if (kind === 'closing' && situation === 'condition') listing.unclear = true
      const target = this.#targetOf(part, where)
      listing.sayings.push({ speaker, about, target, kind, sometimes: situation !== 'always' })
    }
    for (const [keyword, about] of sayers) {
      const value = schema[keyword]
      if (value === undefined) continue
      const place = below(at, keyword)
      if (typeof about === 'function')
        for (const [part, where, step] of parts(value, place)) say(about(step), part, where)
      else say(about, value, place)
    }
    const listed = [...(Array.isArray(schema.enum) ? schema.enum : []), schema.const ?? null]
    if (listed.some((value) => typeof value === 'object' && value !== null)) listing.unclear = true
  }

  /** `flat`: nothing with members or items of its own that could be closed. */
  #kindOf(schema: Json, at: SchemaLocation, depth: number): 'open' | 'flat' | 'closing' {
    if (schema === true) return 'open'
    return this.#isFlat(schema, at, depth) ? 'flat' : 'closing'
  }

  #isFlat(schema: Json, at: SchemaLocation, depth: number): boolean {
    if (!isJsonObject(schema) || depth > maxDepth) return schema === false
    const referred = this.#referred(schema, at)
    if (referred && this.#isFlat(referred.schema as Json, referred.location, depth + 1)) return true
    if (referred && this.#options.dialect === '3.0') return false
    const flat = (keyword: 'allOf' | 'anyOf' | 'oneOf') =>
      parts(schema[keyword], below(at, keyword)).map(([part, where]) => this.#isFlat(part, where, depth + 1))
    if (flat('allOf').includes(true)) return true
    for (const keyword of ['anyOf', 'oneOf'] as const) {
      const branches = flat(keyword)
      if (branches.length > 0 && branches.every(Boolean)) return true
    }
    const listed = schema.const === undefined ? schema.enum : [schema.const]
    if (Array.isArray(listed)) return listed.every((value) => typeof value !== 'object' || value === null)
    const { type } = schema
    const types = Array.isArray(type) ? type : [type]
    if (type === undefined || types.includes('object')) return false
    if (!types.includes('array')) return true
    return (
      schema.items !== undefined &&
      this.#isFlat(schema.items, below(at, 'items'), depth + 1) &&
      ['prefixItems', 'unevaluatedItems', ...applicators].every((keyword) => schema[keyword] === undefined)
    )
  }

  /** Where a schema stands; where the one stands that it refers to, when it says nothing itself. */
  #targetOf(schema: Json, at: SchemaLocation): string {
    let place = at
    for (let next: Json = schema, steps = 0; isJsonObject(next) && steps < maxDepth; steps++) {
      const isAlone = Object.keys(next).length === 1 || this.#options.dialect === '3.0'
      const referred = isAlone ? this.#referred(next, place) : null
      if (!referred) break
      place = referred.location
      next = referred.schema as Json
    }
    return `${place.file}#${place.pointer}`
  }

  #referred({ $ref }: JsonObject, at: SchemaLocation): ReferredSchema | null {
    return typeof $ref === 'string' ? this.#options.resolver.resolve($ref, below(at, '$ref')) : null
  }
}

const sayers: readonly (readonly [string, About | ((step: string) => About)])[] = [
  ['properties', (name) => ({ in: 'object', name })],
  ['patternProperties', (pattern) => ({ in: 'object', pattern })],
  ['additionalProperties', { in: 'object', rest: true }],
  ['unevaluatedProperties', { in: 'object', rest: true }],
  ['prefixItems', (index) => ({ in: 'array', index: Number(index) })],
  ['items', { in: 'array', rest: true }],
  ['unevaluatedItems', { in: 'array', rest: true }],
]

/** The schemas of a list or a mapping, each with its place and its name or index. */
function parts(
  value: Json | undefined,
  at: SchemaLocation,
): readonly (readonly [schema: Json, at: SchemaLocation, step: string])[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).map(([step, part]) => [part as Json, below(at, step), step] as const)
}

function haveConflict(sayings: readonly Saying[]): boolean {
  const byName = new Map<string, Saying[]>()
  const others: Saying[] = []
  for (const saying of sayings) {
    const { about } = saying
    const known = others.concat(
      'name' in about ? (byName.get(about.name) ?? []) : [...byName.values()].flat(),
    )
    if (known.some((other) => conflict(saying, other))) return true
    if ('name' in about) byName.set(about.name, [...(byName.get(about.name) ?? []), saying])
    else others.push(saying)
  }
  return false
}

/** Whether to close what each of the two says for itself may mean another thing than to close it together. */
function conflict(a: Saying, b: Saying): boolean {
  if (a.about.in !== b.about.in || a.target === b.target || !overlap(a, b)) return false
  if (a.kind === 'closing' && b.kind === 'closing') return true
  const [closing] = [a, b].filter(({ kind }) => kind === 'closing')
  return closing?.sometimes === true
}

function overlap(a: Saying, b: Saying): boolean {
  const [one, other] = [a.about, b.about]
  if ('rest' in one || 'rest' in other) return a.speaker !== b.speaker
  if ('index' in one || 'index' in other)
    return 'index' in one && 'index' in other && one.index === other.index
  if ('name' in one && 'name' in other) return one.name === other.name
  if ('pattern' in one && 'pattern' in other) return true
  return 'name' in one
    ? mayMatch((other as { readonly pattern: string }).pattern, one.name)
    : mayMatch((one as { readonly pattern: string }).pattern, (other as { readonly name: string }).name)
}

function mayMatch(pattern: string, name: string): boolean {
  const matcher = compilePattern(pattern)
  return !matcher.ok || matcher.value.test(name)
}
