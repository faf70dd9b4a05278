import { isJsonObject, type JsonObject, type JsonSchema } from '../base/json.ts'
import { allParts, type Definitions, mayBeArray, partsOf, reachable } from './parts.ts'
import { isLinearAsWritten } from './pattern.ts'

/** ATTACK: D10, names of members come from the client, and typebox matches them on the platform's engine. */
export function namesAreLinear(schema: JsonSchema): boolean {
  if (!isJsonObject(schema)) return true
  return (
    Object.keys(schema.patternProperties ?? {}).every(isLinearAsWritten) &&
    allParts(schema).every(namesAreLinear)
  )
}

const known = new WeakMap<Definitions, Map<string, boolean>>()

/**
 * ATTACK: CWE-407. Whether a definition leads back to itself by more than one way for the same value, so that a
 * validator without memory does twice the work for every level of nesting: some hundred octets would hold a thread.
 */
export function repeatsItself(name: string, definitions: Definitions): boolean {
  const answers = known.get(definitions) ?? new Map<string, boolean>()
  known.set(definitions, answers)
  const answer = answers.get(name) ?? asksTwice(definitions[name] as JsonSchema, name, definitions)
  answers.set(name, answer)
  return answer
}

function asksTwice(schema: JsonSchema, name: string, definitions: Definitions): boolean {
  if (!isJsonObject(schema) || !reachable(schema, definitions).includes(name)) return false
  const asking = waysOfAsking(schema).filter((way) => reachable(way, definitions).includes(name))
  // Arrays are asked about once without `unevaluatedProperties` and once with it; see the binding of the validator.
  const free = 'unevaluatedProperties' in schema && mayBeArray(schema) ? 0 : 1
  return asking.length > free || allParts(schema).some((part) => asksTwice(part, name, definitions))
}

/** Keywords that ask each of their schemas about the same value, or about members that another keyword asks about. */
const together: ReadonlySet<string> = new Set([
  'allOf',
  'anyOf',
  'oneOf',
  'not',
  'if',
  'then',
  'else',
  'dependentSchemas',
  'contains',
  'patternProperties',
])

/** One schema for each way; all keywords that share the members and items among them are one. */
function waysOfAsking(schema: JsonObject): readonly JsonSchema[] {
  const ways: JsonSchema[] = []
  const sharing: Record<string, JsonObject[string]> = {}
  for (const [keyword, value] of Object.entries(schema)) {
    if (together.has(keyword)) ways.push(...partsOf(keyword, value))
    else if (keyword === '$ref') ways.push({ $ref: value })
    else sharing[keyword] = value
  }
  return [...ways, sharing]
}
