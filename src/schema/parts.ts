import type { JsonObject, JsonSchema } from '../base/json.ts'
import { inPlaceKeywords } from './keywords.ts'

/** Lowered schemas that others refer to. */
export type Definitions = { readonly [name: string]: JsonSchema }

/** Where schemas stand inside schemas. */
export const schemaMaps: ReadonlySet<string> = new Set([
  'properties',
  'patternProperties',
  'dependentSchemas',
])
export const schemaLists: ReadonlySet<string> = new Set(['allOf', 'anyOf', 'oneOf', 'prefixItems'])
export const schemaKeywords: ReadonlySet<string> = new Set([
  'additionalProperties',
  'unevaluatedProperties',
  'unevaluatedItems',
  'propertyNames',
  'items',
  'contains',
  'not',
  'if',
  'then',
  'else',
])

export function definitionOf(ref: string, definitions: Definitions): JsonSchema {
  const name = ref.slice('#/$defs/'.length)
  return Object.hasOwn(definitions, name) ? (definitions[name] as JsonSchema) : false
}

/** The schemas that a lowered schema applies to the same instance. */
export function partsInPlace(schema: JsonObject, definitions: Definitions): readonly JsonSchema[] {
  return [...inPlaceKeywords, 'not' as const].flatMap((keyword) => {
    const value = schema[keyword]
    if (value === undefined) return []
    if (keyword === '$ref') return [definitionOf(value as string, definitions)]
    if (schemaLists.has(keyword)) return value as readonly JsonSchema[]
    return schemaMaps.has(keyword)
      ? (Object.values(value as JsonObject) as JsonSchema[])
      : [value as JsonSchema]
  })
}

/**
 * Those of the named definitions that lead to one that applies itself to the same instance, without end.
 *
 * @param settled schemas that were looked at before; those of this time are added
 */
export function circlesAmong(
  names: readonly string[],
  definitions: Definitions,
  settled: Set<JsonSchema>,
): readonly string[] {
  const open = new Set<JsonSchema>()
  const leadsBack = (schema: JsonSchema): boolean => {
    if (open.has(schema)) return true
    if (typeof schema === 'boolean' || settled.has(schema)) return false
    open.add(schema)
    const found = partsInPlace(schema, definitions).some(leadsBack)
    open.delete(schema)
    settled.add(schema)
    return found
  }
  return names.filter((name) => leadsBack(definitions[name] as JsonSchema))
}
