import { isJsonObject, type JsonObject, type JsonSchema } from '../base/json.ts'
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

/** The schemas that a keyword holds. */
export function partsOf(keyword: string, value: unknown): readonly JsonSchema[] {
  if (schemaMaps.has(keyword)) return Object.values(value as object) as JsonSchema[]
  if (schemaLists.has(keyword)) return value as readonly JsonSchema[]
  return schemaKeywords.has(keyword) ? [value as JsonSchema] : []
}

export function allParts(schema: JsonObject): readonly JsonSchema[] {
  return Object.entries(schema).flatMap(([keyword, value]) => partsOf(keyword, value))
}

/** Names of the definitions that a schema leads to. */
export function reachable(schema: JsonSchema, definitions: Definitions): readonly string[] {
  const names = new Set<string>()
  const pending: JsonSchema[] = [schema]
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    for (const ref of refsIn(next)) {
      const name = ref.slice('#/$defs/'.length)
      if (names.has(name)) continue
      names.add(name)
      pending.push(definitionOf(ref, definitions))
    }
  }
  return [...names]
}

function refsIn(schema: JsonSchema): readonly string[] {
  if (!isJsonObject(schema)) return []
  const refs = allParts(schema).flatMap(refsIn)
  return typeof schema.$ref === 'string' ? [schema.$ref, ...refs] : refs
}

export function mayBeArray({ type }: JsonObject): boolean {
  return type === undefined || type === 'array' || (Array.isArray(type) && type.includes('array'))
}
