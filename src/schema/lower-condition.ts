import { isJsonObject, type Json, type JsonSchema } from '../base/json.ts'

type Target = Record<string, Json>

const memberKeywords = ['properties', 'patternProperties', 'additionalProperties'] as const

/**
 * Keeps a condition from declaring members: what `if` names counts as evaluated (JSON Schema 2020-12 Core 11.3), and an object or
 * an array in it is not closed there. Members that can be neither count on; others must be declared elsewhere.
 */
export function hushMembers(target: Target): JsonSchema {
  const written = memberKeywords.filter((keyword) => target[keyword] !== undefined)
  if (target.unevaluatedProperties !== undefined || written.every((keyword) => isFlat(target, keyword)))
    return target
  const { properties = {}, patternProperties: _, additionalProperties: __, ...rest } = target
  const flat = Object.entries(properties as { readonly [name: string]: Json }).filter(([, one]) =>
    isLeaf(one),
  )
  const asked = Object.fromEntries(written.map((keyword) => [keyword, target[keyword] as Json]))
  const allOf = [...((target.allOf as readonly Json[] | undefined) ?? []), { not: { not: asked } }]
  return { ...rest, allOf, properties: Object.fromEntries(flat.map(([name]) => [name, true])) } as JsonSchema
}

function isFlat(target: Target, keyword: (typeof memberKeywords)[number]): boolean {
  const value = target[keyword] as Json
  return keyword === 'additionalProperties'
    ? isLeaf(value)
    : Object.values(value as { readonly [name: string]: Json }).every(isLeaf)
}

/** Whether nothing with members or items of its own can match. */
function isLeaf(schema: Json): boolean {
  if (!isJsonObject(schema)) return schema === false
  const { type } = schema
  const names = Array.isArray(type) ? type : [type]
  const bounded = type !== undefined && !names.includes('object') && !names.includes('array')
  return bounded || schema.const !== undefined || schema.enum !== undefined
}
