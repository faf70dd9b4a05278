import { isJsonObject, type JsonObject, type JsonSchema } from '../base/json.ts'
import { definitionOf } from './faults.ts'

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
  'propertyNames',
  'items',
  'contains',
  'not',
  'if',
  'then',
  'else',
])

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
      pending.push(definitionOf(ref, { definitions }))
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
