import { Compile } from 'typebox/schema'
import type { JsonSchema } from '../base/json.ts'
import { Binding } from './binding.ts'
import type { SchemaFault } from './fault-run.ts'
import { listFaults } from './faults.ts'
import { namesAreLinear, repeatsItself } from './linear-schema.ts'
import { type Definitions, reachable } from './parts.ts'

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
  const names = reachable(schema, definitions)
  const parts = [schema, ...names.map((name) => definitions[name] as JsonSchema)]
  if (!parts.every(namesAreLinear) || names.some((name) => repeatsItself(name, definitions)))
    return { check: (value) => listFaults(schema, definitions, value, 1).length === 0, faults }
  const bound = new Binding(definitions).bindRoot(schema, names)
  const compiled = Compile(bound as Parameters<typeof Compile>[0])
  return { check: (value) => compiled.Check(value), faults }
}
