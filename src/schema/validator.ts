import { Compile } from 'typebox/schema'
import type { JsonSchema } from '../base/json.ts'
import { isJsonObject } from '../base/json.ts'
import { Binding } from './binding.ts'
import { listFaults, type SchemaFault } from './faults.ts'
import { type Definitions, definitionOf, schemaKeywords, schemaLists, schemaMaps } from './parts.ts'

/** A compiled schema. */
export interface Validator {
  check(value: unknown): boolean
  /** What is wrong with a value that `check` refused; at least one fault, in stable order. */
  faults(value: unknown, max: number): readonly SchemaFault[]
}

/**
 * Compiles a lowered schema. The verdict is typebox's, in keywords that it gets right: see `Binding`.
 * @throws Error when the schema was not made by the lowering
 */
export function compileValidator(schema: JsonSchema, definitions: Definitions): Validator {
  const faults = (value: unknown, max: number): readonly SchemaFault[] => {
    const found = listFaults(schema, definitions, value, max)
    return found.length > 0 ? found : [{ pointer: '', message: 'does not match its schema' }]
  }
  if (typeof schema === 'boolean') return { check: () => schema, faults }
  const bound = new Binding(definitions).bindRoot(schema, reachable(schema, definitions))
  const compiled = Compile(bound as Parameters<typeof Compile>[0])
  return { check: (value) => compiled.Check(value), faults }
}

function reachable(schema: JsonSchema, definitions: Definitions): readonly string[] {
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
  const refs: string[] = []
  for (const [keyword, value] of Object.entries(schema)) {
    if (keyword === '$ref') refs.push(value as string)
    else if (schemaMaps.has(keyword))
      for (const part of Object.values(value as object)) refs.push(...refsIn(part as JsonSchema))
    else if (schemaLists.has(keyword))
      for (const part of value as readonly JsonSchema[]) refs.push(...refsIn(part))
    else if (schemaKeywords.has(keyword)) refs.push(...refsIn(value as JsonSchema))
  }
  return refs
}
