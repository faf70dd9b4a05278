import { isJsonObject, type Json, type JsonObject } from '../base/json.ts'
import { below } from './location.ts'
import type { SchemaLocation, SchemaResolver } from './lower.ts'

const maxDepth = 32

/**
 * Whether `null` is an instance of a schema of OpenAPI 3.0, as it is written.
 * @see OpenAPI 3.0.4 4.7.24, `nullable`: it takes effect beside a `type` of the same schema only
 */
export function acceptsNull(schema: Json, at: SchemaLocation, resolver: SchemaResolver, depth = 0): boolean {
  if (!isJsonObject(schema)) return schema === true
  if (depth > maxDepth) return false
  const accepted = (part: Json, place: SchemaLocation) => acceptsNull(part, place, resolver, depth + 1)
  if (typeof schema.$ref === 'string') {
    const found = resolver.resolve(schema.$ref, below(at, '$ref'))
    return found !== null && accepted(found.schema as Json, found.location)
  }
  if (!admitsNull(schema)) return false
  if (schema.not !== undefined && accepted(schema.not, below(at, 'not'))) return false
  const count = (keyword: 'allOf' | 'anyOf' | 'oneOf'): readonly [accepting: number, all: number] => {
    const list = schema[keyword]
    const parts = Array.isArray(list) ? (list as readonly Json[]) : []
    const place = below(at, keyword)
    return [parts.filter((part, index) => accepted(part, below(place, String(index)))).length, parts.length]
  }
  const [all, parts] = count('allOf')
  const [any, branches] = count('anyOf')
  const [one, alternatives] = count('oneOf')
  return all === parts && (any > 0 || branches === 0) && (one === 1 || alternatives === 0)
}

function admitsNull({ type, nullable, enum: values, const: fixed = null }: JsonObject): boolean {
  const types = [type].flat()
  if (type !== undefined && nullable !== true && !types.includes('null')) return false
  if (fixed !== null) return false
  const isExtended = type !== undefined && nullable === true
  return !Array.isArray(values) || values.includes(null) || isExtended
}
