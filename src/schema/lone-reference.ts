import { isJsonObject, type Json } from '../base/json.ts'
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

/**
 * Whether a schema is no more than a wrapper (`nullable`, `type: "null"`, a description) around one reference to a schema
 * that others extend: then the heirs of that one are meant, as they are where the reference stands by itself.
 */
export function wrapsBase(source: Source, at: SchemaLocation, { options }: LoweringContext): boolean {
  const [keyword, ...others] = naming.filter((name) => source[name] !== undefined)
  if (keyword === undefined || others.length > 0) return false
  const value = source[keyword]
  const parts = keyword === '$ref' ? [source] : Array.isArray(value) ? (value as readonly Json[]) : []
  const telling = parts.filter(
    (part) => !isJsonObject(part) || naming.some((name) => part[name] !== undefined),
  )
  const [base] = telling
  const elsewise = (part: Json) =>
    part === base ||
    (keyword !== 'allOf' && isJsonObject(part) && typeof part.type === 'string' && part.type !== 'object')
  if (telling.length !== 1 || !parts.every(elsewise) || !isJsonObject(base) || typeof base.$ref !== 'string')
    return false
  if (base !== source && Object.keys(base).length > 1) return false
  const place = below(at, keyword)
  const where = base === source ? place : below(below(place, String(parts.indexOf(base))), '$ref')
  const target = options.resolver.resolve(base.$ref, where)
  if (!target || !isJsonObject(target.schema) || target.schema.discriminator === undefined) return false
  const heirs = options.resolver.heirs(target.location)
  return heirs.every(
    ({ schema: { location } }) => location.file !== at.file || location.pointer !== at.pointer,
  )
}
