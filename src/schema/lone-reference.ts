import { isJsonObject, type Json, type JsonObject } from '../base/json.ts'
import { keywords } from './keywords.ts'
import { below } from './location.ts'
import type { LoweringContext, SchemaLocation } from './lower.ts'

type Source = { readonly [keyword: string]: Json }

const naming = [
  'properties',
  'patternProperties',
  'additionalProperties',
  'unevaluatedProperties',
  'dependentSchemas',
  'if',
  'then',
  'else',
  '$dynamicRef',
  '$ref',
  'allOf',
  'anyOf',
  'oneOf',
]
const maxDepth = 32

/**
 * The part of a schema that leads to a schema that others extend, where nothing else in it names members: the schema is
 * a wrapper (`nullable`, `type: "null"`, a description, a demand) around one reference, at any distance. Then the heirs of
 * the one referred to are meant, as they are where the reference stands by itself.
 *
 * @returns the schema itself for a `$ref` of its own; null where it wraps no such schema
 */
export function wrappedBase(
  source: Source,
  at: SchemaLocation,
  context: LoweringContext,
  depth = 0,
): Json | null {
  const [keyword, ...others] = naming.filter((name) => source[name] !== undefined)
  if (keyword === undefined || others.length > 0 || depth > maxDepth) return null
  if (keyword === '$ref') return refersToBase(source, at, at, context, depth) ? source : null
  const list = source[keyword]
  if (!Array.isArray(list)) return null
  const telling = list.filter((part: Json) => !namesNothing(part)) as readonly Json[]
  const [part] = telling
  if (telling.length !== 1 || !isJsonObject(part as Json)) return null
  if (keyword !== 'allOf' && !list.every((other: Json) => other === part || isNoObject(other))) return null
  const place = below(below(at, keyword), String(list.indexOf(part as Json)))
  const wrapped = part as JsonObject
  const leads =
    typeof wrapped.$ref === 'string'
      ? isLone(wrapped, context) && refersToBase(wrapped, place, at, context, depth)
      : wrappedBase(wrapped, place, context, depth + 1) !== null
  return leads ? wrapped : null
}

/** @param wrapper must not be one of those that extend the schema: it would mean itself */
function refersToBase(
  { $ref }: Source,
  at: SchemaLocation,
  wrapper: SchemaLocation,
  context: LoweringContext,
  depth: number,
): boolean {
  const { resolver } = context.options
  const target = typeof $ref === 'string' ? resolver.resolve($ref, below(at, '$ref')) : null
  if (!target || !isJsonObject(target.schema)) return false
  const { schema, location } = target
  if (resolver.heirs(location).some((heir) => isSame(heir.schema.location, wrapper))) return false
  return schema.discriminator !== undefined || wrappedBase(schema, location, context, depth + 1) !== null
}

function isSame(a: SchemaLocation, b: SchemaLocation): boolean {
  return a.file === b.file && a.pointer === b.pointer
}

/** Whether nothing stands beside a reference that would be lost, or would close it. */
function isLone(schema: JsonObject, { options }: LoweringContext): boolean {
  return (
    options.dialect === '3.0' ||
    Object.keys(schema).every(
      (keyword) =>
        keyword === '$ref' ||
        keyword.startsWith('x-') ||
        (Object.hasOwn(keywords, keyword) && keywords[keyword as keyof typeof keywords] === 'annotation'),
    )
  )
}

function namesNothing(part: Json): boolean {
  return isJsonObject(part) && naming.every((name) => part[name] === undefined)
}

function isNoObject(part: Json): boolean {
  if (!isJsonObject(part)) return part === false
  const { type } = part
  const listed = part.const === undefined ? part.enum : [part.const]
  return type === undefined
    ? Array.isArray(listed) && !listed.some(isJsonObject)
    : ![type].flat().includes('object')
}
