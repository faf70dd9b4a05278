import type { Json, JsonSchema } from '../base/json.ts'
import { isJsonObject } from '../base/json.ts'
import { nearest } from '../base/nearest.ts'
import { formats, inPlaceKeywords, isKnownDialect, type KeywordKind, keywords, types } from './keywords.ts'
import { below } from './location.ts'
import { wrappedBase } from './lone-reference.ts'
import type { LoweringContext, SchemaLocation } from './lower.ts'
import { lowerHeirs, readDiscriminator } from './lower-discriminator.ts'
import { checkNames } from './lower-names.ts'
import { lowerOneOf } from './lower-one-of.ts'
import { compilePattern } from './pattern.ts'
import { checkVersionKeywords } from './version-keywords.ts'
import { beside, inside, isPosition, type World } from './world.ts'

type Source = { readonly [keyword: string]: Json }
type Target = Record<string, Json>

/** One Schema Object being lowered. */
interface Site {
  readonly source: Source
  readonly at: SchemaLocation
  readonly world: World
  readonly target: Target
  readonly context: LoweringContext
}

export function lowerKeywords(
  source: Source,
  at: SchemaLocation,
  world: World,
  context: LoweringContext,
): JsonSchema {
  checkVersionKeywords(source, at, context)
  if (typeof source.$ref === 'string') {
    // OpenAPI 3.0.4 Reference Object: siblings are ignored. 3.1: they apply beside the reference.
    if (context.options.dialect === '3.0') return context.refer(source.$ref, below(at, '$ref'), world)
  }
  checkNames(source, at, context)
  for (const keyword of ['$ref', '$dynamicRef'] as const) {
    const ref = source[keyword]
    if (typeof ref !== 'string' || !Object.keys(source).every((key) => key === keyword || saysNothing(key)))
      continue
    return context[keyword === '$ref' ? 'refer' : 'referDynamically'](ref, below(at, keyword), world)
  }
  const isShared = world === 'closed' && context.sharing.among(source, at)
  const site: Site = { source, at, world: isShared ? 'shared' : world, target: {}, context }
  for (const keyword of Object.keys(source)) lowerKeyword(site, keyword)
  lowerType(site)
  lowerProperties(site)
  lowerInPlace(site)
  readDiscriminator(source, at, context)
  if (source.unevaluatedProperties !== undefined) lowerUnevaluated(site)
  else if (site.world === 'closed') close(site)
  if (isShared) site.target.closed = true
  return isPosition(world) ? lowerHeirs(source, at, site.target, world, context) : site.target
}

function saysNothing(keyword: string): boolean {
  const kind = kindOf(keyword)
  return keyword.startsWith('x-') || kind === 'annotation' || kind === 'name'
}

function kindOf(keyword: string): KeywordKind | undefined {
  return Object.hasOwn(keywords, keyword) ? keywords[keyword as keyof typeof keywords] : undefined
}

const isCount = (value: Json): boolean => Number.isSafeInteger(value) && (value as number) >= 0
const isNames = (value: Json): boolean =>
  Array.isArray(value) && value.every((name) => typeof name === 'string')

/** What the value of a plain keyword must be, and how that is said. */
const plain: { readonly [K in KeywordKind]?: readonly [holds: (value: Json) => boolean, wanted: string] } = {
  count: [isCount, 'a whole number, 0 or more'],
  number: [(value) => typeof value === 'number', 'a number'],
  positive: [(value) => typeof value === 'number' && value > 0, 'a number above 0'],
  boolean: [(value) => typeof value === 'boolean', 'true or false'],
  names: [isNames, 'a list of names'],
  values: [(value) => Array.isArray(value) && value.length > 0, 'a list of values'],
  any: [() => true, 'a value'],
  namesMap: [(value) => isJsonObject(value) && Object.values(value).every(isNames), 'lists of names by name'],
}

function lowerKeyword(site: Site, keyword: string): void {
  const { source, at, target, context } = site
  const value = source[keyword] as Json
  const kind = kindOf(keyword)
  if (kind === undefined) return reportUnknown(site, keyword)
  if (kind === 'dialect') {
    if (typeof value === 'string' && isKnownDialect(value)) return
    const fix = 'write the schema in JSON Schema 2020-12'
    return context.report.error(
      'schema-dialect-unsupported',
      below(at, keyword),
      'schemas of this dialect are not read',
      fix,
    )
  }
  if (kind === 'unsupported') {
    const fix = 'express it with keywords that can be enforced'
    return context.report.error(
      'schema-keyword-unsupported',
      below(at, keyword),
      `${keyword} cannot be enforced`,
      fix,
    )
  }
  if (kind === 'schema') {
    const world = keyword === 'contains' ? 'condition' : inside[site.world]
    checkItem(site, value, below(at, keyword), world)
    target[keyword] = context.lower(value, below(at, keyword), world)
  } else if (kind === 'schemas') {
    const world = inside[site.world]
    for (const [index, item] of (Array.isArray(value) ? value : []).entries())
      checkItem(site, item, below(below(at, keyword), String(index)), world)
    target[keyword] = lowerList(site, keyword, () => world)
  } else if (kind === 'pattern') lowerPattern(site, value)
  const rule = plain[kind]
  if (!rule) return
  const [holds, wanted] = rule
  if (holds(value)) target[keyword] = value
  else invalid(site, keyword, wanted)
}

function reportUnknown({ at, context }: Site, keyword: string): void {
  if (keyword.startsWith('x-')) return
  const meant = nearest(keyword, Object.keys(keywords))
  const message = `${keyword} is not a keyword of a schema`
  if (meant)
    context.report.error('schema-keyword-unknown', below(at, keyword), message, `did you mean ${meant}?`)
  else
    context.report.warnOnce(
      'schema-keyword-unknown',
      keyword,
      below(at, keyword),
      message,
      'remove it; nothing enforces it',
    )
}

function invalid({ at, context }: Site, keyword: string, wanted: string): void {
  context.report.error(
    'schema-invalid',
    below(at, keyword),
    `${keyword} must be ${wanted}`,
    `write ${wanted}`,
  )
}

function lowerPattern(site: Site, value: Json): void {
  if (typeof value !== 'string') return invalid(site, 'pattern', 'a string')
  const matcher = compilePattern(value)
  if (matcher.ok) site.target.pattern = value
  else refusePattern(site, below(site.at, 'pattern'), matcher.error)
}

function refusePattern({ context }: Site, at: SchemaLocation, why: string): void {
  context.report.error(
    'pattern-unsupported',
    at,
    `the pattern cannot be enforced safely: ${why}`,
    'write a simpler pattern',
  )
}

function lowerType(site: Site): void {
  const { source, target, context } = site
  const written = source.type
  const list = Array.isArray(written) ? (written as readonly Json[]) : written === undefined ? [] : [written]
  if (!list.every((type) => typeof type === 'string' && types.has(type)))
    return invalid(site, 'type', 'a type of JSON')
  const allowed = [...(list as readonly string[])]
  if (source.nullable === true && context.options.dialect === '3.0' && allowed.length > 0) {
    allowed.push('null')
    // OpenAPI 3.0.4: an enumeration that leaves null out still forbids it; documents in the wild mean otherwise.
    if (Array.isArray(target.enum) && !target.enum.includes(null)) target.enum = [...target.enum, null]
  }
  if (allowed.length > 0) target.type = allowed.length === 1 ? (allowed[0] as string) : [...new Set(allowed)]
  lowerBounds(site)
  lowerFormat(site, allowed)
}

/** OpenAPI 3.0: `exclusiveMinimum: true` turns `minimum` into an exclusive bound. Later it is a bound of its own. */
function lowerBounds(site: Site): void {
  const { source, target, context } = site
  const isOld = context.options.dialect === '3.0'
  for (const [exclusive, inclusive] of [
    ['exclusiveMinimum', 'minimum'],
    ['exclusiveMaximum', 'maximum'],
  ] as const) {
    const value = source[exclusive]
    if (value === undefined || (isOld && value === false)) continue
    if (!isOld && typeof value === 'number') target[exclusive] = value
    else if (isOld && value === true && typeof source[inclusive] === 'number') {
      target[exclusive] = source[inclusive]
      delete target[inclusive]
    } else invalid(site, exclusive, isOld ? `true, beside ${inclusive}, or false` : 'a number')
  }
}

const int32 = { minimum: -(2 ** 31), maximum: 2 ** 31 - 1 }
const base64 = '^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$'

function lowerFormat(site: Site, allowed: readonly string[]): void {
  const { source, at, target, context } = site
  const format = source.format
  if (format === undefined) return
  if (typeof format !== 'string') return invalid(site, 'format', 'a string')
  const kind = Object.hasOwn(formats, format) ? formats[format as keyof typeof formats] : undefined
  if (kind === undefined) {
    const message = `the format ${format} is not known`
    context.report.warnOnce(
      'format-unknown',
      format,
      below(at, 'format'),
      message,
      'add a pattern if it must be checked',
    )
  } else if (kind === 'checked') target.format = format
  else if (kind === 'base64' && target.pattern === undefined) target.pattern = base64
  else if (format === 'int32' && allowed.includes('integer')) {
    target.minimum = Math.max(int32.minimum, (target.minimum as number | undefined) ?? int32.minimum)
    target.maximum = Math.min(int32.maximum, (target.maximum as number | undefined) ?? int32.maximum)
  }
}

/** Members of JavaScript's own objects: whether they are there cannot be told from a parsed value. */
const inherited: ReadonlySet<string> = new Set(Object.getOwnPropertyNames(Object.prototype))

function lowerProperties(site: Site): void {
  const { source, at, target, context } = site
  const properties = source.properties
  const hidden = context.hidden()
  const required = new Set(
    ((target.required as readonly string[] | undefined) ?? []).filter((name) => !hidden.has(name)),
  )
  if (properties !== undefined) {
    if (!isJsonObject(properties)) return invalid(site, 'properties', 'schemas by name')
    target.properties = mapSchemas(properties, below(at, 'properties'), (schema, place, name) => {
      if (inherited.has(name)) refuseName(site, place, name)
      return lowerMember(site, schema, place)
    })
  }
  for (const name of required) if (inherited.has(name)) refuseName(site, below(at, 'required'), name)
  if (target.required !== undefined) target.required = [...required]
  if (isJsonObject(target.dependentRequired)) {
    const sendable = Object.entries(
      target.dependentRequired as { readonly [name: string]: readonly string[] },
    )
    target.dependentRequired = Object.fromEntries(
      sendable.map(([name, needed]) => [name, needed.filter((one) => !hidden.has(one))]),
    )
  }
  const additional = source.additionalProperties
  if (additional !== undefined) {
    target.additionalProperties = lowerMember(site, additional, below(at, 'additionalProperties'))
  }
  const patterns = source.patternProperties
  if (isJsonObject(patterns)) {
    target.patternProperties = mapSchemas(
      patterns,
      below(at, 'patternProperties'),
      (schema, place, pattern) => {
        const matcher = compilePattern(pattern)
        if (!matcher.ok) refusePattern(site, place, matcher.error)
        return lowerMember(site, schema, place)
      },
    )
  } else if (patterns !== undefined) invalid(site, 'patternProperties', 'schemas by pattern')
  if (source.propertyNames !== undefined) {
    target.propertyNames = context.lower(source.propertyNames, below(at, 'propertyNames'), inside[site.world])
  }
}

/** A member that cannot be sent in this direction is none that may be there. */
function lowerMember({ world, context }: Site, schema: Json, at: SchemaLocation): JsonSchema {
  if (world !== 'condition' && context.members.hides(schema, at)) return false
  return context.lower(schema, at, inside[world])
}

/** @see OpenAPI 3.0.4 4.7.24, `readOnly` and `writeOnly`: relevant only for the members of an object */
function checkItem({ context }: Site, item: Json, at: SchemaLocation, world: World): void {
  if (world === 'condition' || !context.members.hides(item, at)) return
  const message = `${context.members.flag} of an item is not enforced: items are no members`
  const fix = 'write it at the member that holds the list, or at members of the item'
  context.report.warn('schema-keyword-ignored', at, message, fix)
}

function refuseName({ context }: Site, at: SchemaLocation, name: string): void {
  const message = `a member called ${name} cannot be told from what every JavaScript object has`
  context.report.error('schema-name-unsupported', at, message, 'give the member another name')
}

function lowerInPlace(site: Site): void {
  const { source, at, target, context } = site
  const wrapped = isPosition(site.world) ? wrappedBase(source, at, context) : null
  const worldOf = (part: Json): World => (part === wrapped ? site.world : beside[site.world])
  if (typeof source.$ref === 'string') {
    // `unevaluatedProperties` beside it sees through the reference, so it stays a plain keyword.
    const referred = context.refer(source.$ref, below(at, '$ref'), worldOf(source))
    // A reference that leads nowhere was reported, so no program comes of it.
    if (typeof referred !== 'boolean') target.$ref = referred.$ref as string
  }
  for (const keyword of ['allOf', 'anyOf', 'oneOf'] as const) {
    if (source[keyword] !== undefined) target[keyword] = lowerList(site, keyword, worldOf)
  }
  lowerUnsendable(site)
  if (typeof source.$dynamicRef === 'string')
    addPart(site, context.referDynamically(source.$dynamicRef, below(at, '$dynamicRef'), beside[site.world]))
  for (const keyword of ['not', 'if', 'then', 'else'] as const) {
    if (source[keyword] !== undefined) {
      const own: World = keyword === 'if' || keyword === 'not' ? 'condition' : beside[site.world]
      target[keyword] = context.lower(source[keyword], below(at, keyword), own)
    }
  }
  if (isJsonObject(source.dependentSchemas)) {
    const place = below(at, 'dependentSchemas')
    target.dependentSchemas = mapSchemas(source.dependentSchemas, place, (schema, where) =>
      context.lower(schema, where, beside[site.world]),
    )
  }
}

function addPart({ target }: Site, part: JsonSchema): void {
  target.allOf = [...((target.allOf as readonly JsonSchema[] | undefined) ?? []), part]
}

function lowerUnsendable(site: Site): void {
  const { source, at, target, context } = site
  if (site.world === 'condition' || !Array.isArray(source.oneOf)) return
  const lowered = target.oneOf as readonly JsonSchema[]
  const branches = (source.oneOf as readonly Json[]).map((schema, index) => ({
    schema,
    at: below(below(at, 'oneOf'), String(index)),
    lowered: lowered[index] as JsonSchema,
  }))
  const anyOf = lowerOneOf(branches, source, at, context)
  if (!anyOf) return
  delete target.oneOf
  addPart(site, { anyOf })
}

/** Written down it means the same in both worlds: what this schema and its parts have not evaluated. */
function lowerUnevaluated(site: Site): void {
  const { source, target, at } = site
  const place = below(at, 'unevaluatedProperties')
  target.unevaluatedProperties = lowerMember(site, source.unevaluatedProperties as Json, place)
}

/**
 * Closes the object at this position. Where other schemas apply to the same instance, only what none of them
 * has evaluated is unknown; where there are none, the cheaper keyword means the same.
 */
function close(site: Site): void {
  const { target, at, context } = site
  const composed = inPlaceKeywords.some((keyword) => target[keyword] !== undefined)
  if (composed) {
    target.unevaluatedProperties = false
    return
  }
  const type = target.type
  const mayBeObject =
    type === undefined || type === 'object' || (Array.isArray(type) && type.includes('object'))
  if (!mayBeObject || target.additionalProperties !== undefined) return
  if (target.const !== undefined || target.enum !== undefined) return
  target.additionalProperties = false
  if (target.properties === undefined && target.patternProperties === undefined) {
    const fix = 'declare its properties, or write additionalProperties: true to let anything in'
    context.report.warn(
      'object-without-properties',
      at,
      'this object declares nothing, so only {} is accepted',
      fix,
    )
  }
}

function lowerList(site: Site, keyword: string, worldOf: (part: Json) => World): Json {
  const list = site.source[keyword]
  if (!Array.isArray(list) || list.length === 0) {
    invalid(site, keyword, 'a list of schemas')
    return [false]
  }
  return list.map((schema, index) =>
    site.context.lower(schema, below(below(site.at, keyword), String(index)), worldOf(schema)),
  )
}

function mapSchemas(
  schemas: { readonly [name: string]: Json },
  at: SchemaLocation,
  lower: (schema: Json, at: SchemaLocation, name: string) => JsonSchema,
): { readonly [name: string]: JsonSchema } {
  const entries = Object.entries(schemas).map(
    ([name, schema]) => [name, lower(schema, below(at, name), name)] as const,
  )
  return Object.fromEntries(entries)
}
