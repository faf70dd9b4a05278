import type { Json } from '../base/json.ts'
import { isJsonObject } from '../base/json.ts'
import { pointerTo } from '../base/pointer.ts'
import type { Documents, Located } from './documents.ts'

/** The members that the schema of an object names, however it is put together. */
export interface ObjectShape {
  /** Schemas of a member by its name; several where branches describe it each. */
  readonly members: ReadonlyMap<string, readonly Located[]>
  /** Schemas of members that are not named. */
  readonly others: readonly Located[]
}

const maxDepth = 32
const branches = ['allOf', 'anyOf', 'oneOf'] as const
const conditionals = ['if', 'then', 'else'] as const

/** Gathers the members of an object schema. @returns null when it describes no object */
export function objectShape(schema: Located, documents: Documents): ObjectShape | null {
  if (topTypes(schema, documents).join() !== 'object') return null
  const members = new Map<string, Located[]>()
  const others: Located[] = []
  walk(schema, documents, 0, (part) => {
    const { value, at } = part
    if (!isJsonObject(value)) return
    const named = isJsonObject(value.properties) ? value.properties : {}
    for (const [name, member] of Object.entries(named)) {
      const known = members.get(name) ?? []
      known.push({ value: member, at: step(at, 'properties', name) })
      members.set(name, known)
    }
    if (value.additionalProperties !== undefined)
      others.push({ value: value.additionalProperties, at: step(at, 'additionalProperties') })
    const patterns = isJsonObject(value.patternProperties) ? value.patternProperties : {}
    for (const [name, member] of Object.entries(patterns))
      others.push({ value: member, at: step(at, 'patternProperties', name) })
  })
  return { members, others }
}

/** JSON Schema types that a schema allows, `integer` apart from `number`; empty when it names none. */
export function topTypes(schema: Located, documents: Documents): readonly string[] {
  const types = new Set<string>()
  walk(schema, documents, 0, ({ value }) => {
    if (!isJsonObject(value)) return
    const { type } = value
    if (typeof type === 'string') types.add(type)
    else if (Array.isArray(type)) for (const one of type) types.add(String(one))
    else if (isJsonObject(value.properties)) types.add('object')
    else for (const one of Array.isArray(value.enum) ? value.enum : []) types.add(typeOf(one))
  })
  types.delete('null')
  return [...types]
}

function typeOf(value: Json): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'array' : typeof value
}

function walk(schema: Located, documents: Documents, depth: number, visit: (part: Located) => void): void {
  const found = depth < maxDepth ? documents.follow(schema) : undefined
  if (!found || !isJsonObject(found.value)) return
  visit(found)
  const { value, at } = found
  for (const keyword of branches) {
    const parts = value[keyword]
    if (!Array.isArray(parts)) continue
    for (const [index, part] of parts.entries())
      walk({ value: part as Json, at: step(at, keyword, index) }, documents, depth + 1, visit)
  }
  for (const keyword of conditionals) {
    const part = value[keyword]
    if (part !== undefined) walk({ value: part, at: step(at, keyword) }, documents, depth + 1, visit)
  }
}

function step(at: Located['at'], ...steps: readonly (string | number)[]): Located['at'] {
  return { file: at.file, pointer: steps.reduce<string>(pointerTo, at.pointer) }
}
