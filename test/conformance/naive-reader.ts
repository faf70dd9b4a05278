import { isJsonObject, type Json, type JsonObject } from '../../src/base/json.ts'

// Schemas as written, and the rule "what nothing has named is refused", read naively: all that JSON Schema applies to
// any place of an instance is listed first, and the rule is held against the list. Shares no code with the lowering.

export const components: JsonObject = {
  Named: { type: 'object', properties: { a: { type: 'string' } }, required: ['a'] },
  Tree: { type: 'object', properties: { b: { type: 'integer' }, c: { $ref: '#/Tree' } } },
  Twice: {
    allOf: [
      { properties: { a: { $ref: '#/Twice' }, b: true } },
      { properties: { a: { properties: { c: { type: 'integer' } } } } },
    ],
  },
}

/** One schema that was applied to one place of an instance. */
interface Application {
  readonly place: string
  readonly schema: Json
  /** How many `if` it stands in. */
  readonly conditions: number
}

const step = (place: string, name: string | number) => `${place}/${name}`

/** All applications, at any depth, that JSON Schema makes of a schema that holds; null where it does not. */
export function applicationsOf(
  schema: Json,
  value: unknown,
  place = '',
  conditions = 0,
): Application[] | null {
  const all: Application[] = [{ place, schema, conditions }]
  if (typeof schema === 'boolean') return schema ? all : null
  const s = schema as JsonObject
  const apply = (part: Json, to = value, at = place, more = 0): boolean => {
    const found = applicationsOf(part, to, at, conditions + more)
    if (found) all.push(...found)
    return found !== null
  }
  const has = (part: Json, to = value): boolean => applicationsOf(part, to) !== null
  if (typeof s.$ref === 'string' && !apply(components[s.$ref.slice(2)] as Json)) return null
  if (s.type !== undefined && ![s.type].flat().some((type) => hasType(type as string, value))) return null
  if (Array.isArray(s.enum) && !s.enum.includes(value as Json)) return null
  if (s.const !== undefined && JSON.stringify(s.const) !== JSON.stringify(value)) return null
  if (typeof value === 'number' && typeof s.minimum === 'number' && value < s.minimum) return null
  if (typeof value === 'string' && typeof s.maxLength === 'number' && value.length > s.maxLength) return null
  if (Array.isArray(value)) {
    if (typeof s.maxItems === 'number' && value.length > s.maxItems) return null
    const prefix = (s.prefixItems ?? []) as readonly Json[]
    for (const [index, item] of value.entries()) {
      const declared = prefix[index] ?? s.items
      if (declared !== undefined && !apply(declared, item, step(place, index))) return null
    }
    if (s.contains !== undefined) {
      const found = [...value.keys()].filter((index) => has(s.contains as Json, value[index]))
      if (found.length < ((s.minContains as number | undefined) ?? 1)) return null
      for (const index of found) apply(true, value[index], step(place, index))
    }
  }
  if (isJsonObject(value)) {
    for (const name of (s.required ?? []) as readonly string[]) if (!Object.hasOwn(value, name)) return null
    for (const [name, member] of Object.entries(value)) {
      const properties = (s.properties ?? {}) as JsonObject
      const patterns = Object.entries((s.patternProperties ?? {}) as JsonObject)
      const declared = patterns
        .filter(([pattern]) => new RegExp(pattern, 'u').test(name))
        .map(([, part]) => part)
      if (Object.hasOwn(properties, name)) declared.push(properties[name] as Json)
      if (declared.length === 0 && s.additionalProperties !== undefined) declared.push(s.additionalProperties)
      if (!declared.every((part) => apply(part, member, step(place, name)))) return null
    }
    for (const [name, part] of Object.entries((s.dependentSchemas ?? {}) as JsonObject))
      if (Object.hasOwn(value, name) && !apply(part)) return null
  }
  for (const part of (s.allOf ?? []) as readonly Json[]) if (!apply(part)) return null
  for (const keyword of ['anyOf', 'oneOf']) {
    const parts = s[keyword] as readonly Json[] | undefined
    if (!parts) continue
    const found = parts.filter((part) => has(part))
    if (found.length === 0 || (keyword === 'oneOf' && found.length > 1)) return null
    for (const part of found) apply(part)
  }
  if (s.not !== undefined && has(s.not)) return null
  if (s.if !== undefined) {
    const branch = apply(s.if, value, place, 1) ? s.then : s.else
    if (branch !== undefined && !apply(branch)) return null
  }
  const rest = Array.isArray(value) ? s.unevaluatedItems : s.unevaluatedProperties
  if (rest !== undefined && typeof value === 'object' && value !== null) {
    const known = new Set(all.map((one) => one.place))
    for (const [name, member] of Object.entries(value))
      if (!known.has(step(place, name)) && !apply(rest, member, step(place, name))) return null
  }
  return all
}

/** The rule itself: an object that any schema speaks of has no member that no schema was applied to. */
function isDeclared(all: readonly Application[], value: unknown, place: string, conditions: number): boolean {
  if (typeof value !== 'object' || value === null) return true
  const here = all
    .filter((one) => one.place === place)
    .map((one) => ({ ...one, s: one.schema as JsonObject }))
  if (here.some(({ s }) => s.enum !== undefined || s.const !== undefined)) return true
  const closing = here.filter(({ s }) => isJsonObject(s) && Object.keys(s).join() !== '$ref')
  const closed = isJsonObject(value) && closing.some((one) => one.conditions <= conditions)
  return Object.entries(value).every(([name, member]) => {
    const below = all.filter((one) => one.place === step(place, name)).map((one) => one.conditions)
    if (below.length === 0) return !closed
    // What conditions alone declare is what they say; else they close nothing.
    return isDeclared(
      all,
      member,
      step(place, name),
      closed ? Math.max(conditions, Math.min(...below)) : conditions,
    )
  })
}

export function holds(schema: Json, value: unknown): boolean {
  const all = applicationsOf(schema, value)
  return all !== null && isDeclared(all, value, '', 0)
}

function hasType(type: string, value: unknown): boolean {
  if (type === 'integer') return Number.isInteger(value)
  if (type === 'null') return value === null
  if (type === 'array') return Array.isArray(value)
  return type === 'object' ? isJsonObject(value) : typeof value === type
}
