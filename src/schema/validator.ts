import { Compile } from 'typebox/schema'
import type { JsonObject, JsonSchema } from '../base/json.ts'
import type { SchemaFault } from './fault-run.ts'
import { listFaults } from './faults.ts'
import { namesAreLinear, repeatsItself } from './linear-schema.ts'
import { type Definitions, mayBeArray, reachable, schemaKeywords, schemaLists, schemaMaps } from './parts.ts'
import { compilePattern } from './pattern.ts'
import { isMultipleOf } from './value.ts'

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
  const bound = new Binding().bindRoot(schema, definitions)
  const compiled = Compile(bound as Parameters<typeof Compile>[0])
  return { check: (value) => compiled.Check(value), faults }
}

/**
 * A copy of a schema in which every keyword that typebox 1.4 gets wrong says the same in others:
 * `pattern` backtracks and `multipleOf` rounds, so both become refinements of ours; `unevaluatedProperties` takes
 * an array for an object, so arrays get a branch without it.
 */
class Binding {
  readonly #hoisted: Record<string, unknown> = {}

  bindRoot(schema: JsonObject, definitions: Definitions): unknown {
    const names = reachable(schema, definitions)
    const root = this.bind(schema) as object
    const $defs = Object.fromEntries(names.map((name) => [name, this.bind(definitions[name] as JsonSchema)]))
    return { ...root, $defs: { ...$defs, ...this.#hoisted } }
  }

  bind(schema: JsonSchema): unknown {
    if (typeof schema === 'boolean') return schema
    const bound: Record<string, unknown> = {}
    const refinements: Refinement[] = []
    for (const [keyword, value] of Object.entries(schema)) {
      if (keyword === 'pattern') refinements.push(patternRefinement(value as string))
      else if (keyword === 'multipleOf') refinements.push(multipleOfRefinement(value as number))
      else bound[keyword] = this.#bindKeyword(keyword, value)
    }
    if (refinements.length > 0) bound['~refine'] = refinements
    return 'unevaluatedProperties' in bound && mayBeArray(schema) ? this.#sparingArrays(bound) : bound
  }

  #sparingArrays({ unevaluatedProperties, ...rest }: Record<string, unknown>): unknown {
    const name = `~rest.${Object.keys(this.#hoisted).length}`
    this.#hoisted[name] = rest
    const $ref = `#/$defs/${name}`
    return {
      anyOf: [
        { type: 'array', $ref },
        { $ref, unevaluatedProperties },
      ],
    }
  }

  #bindKeyword(keyword: string, value: unknown): unknown {
    if (schemaMaps.has(keyword)) {
      const entries = Object.entries(value as { readonly [name: string]: JsonSchema })
      return Object.fromEntries(entries.map(([name, part]) => [name, this.bind(part)]))
    }
    if (schemaLists.has(keyword)) return (value as readonly JsonSchema[]).map((part) => this.bind(part))
    return schemaKeywords.has(keyword) ? this.bind(value as JsonSchema) : value
  }
}

interface Refinement {
  readonly check: (value: unknown) => boolean
  readonly error: () => string
}

const noError = (): string => ''

function patternRefinement(source: string): Refinement {
  const matcher = compilePattern(source)
  if (!matcher.ok) throw new Error(`a pattern of the program does not compile: ${matcher.error}`)
  return { check: (value) => typeof value !== 'string' || matcher.value.test(value), error: noError }
}

function multipleOfRefinement(divisor: number): Refinement {
  return { check: (value) => typeof value !== 'number' || isMultipleOf(value, divisor), error: noError }
}
