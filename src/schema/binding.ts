import type { JsonObject, JsonSchema } from '../base/json.ts'
import { isClosed, listFaults } from './faults.ts'
import {
  type Definitions,
  mayBeArray,
  partsInPlace,
  schemaKeywords,
  schemaLists,
  schemaMaps,
} from './parts.ts'
import { compilePattern, isLinearAsWritten } from './pattern.ts'
import { allDifferent, isMultipleOf } from './value.ts'

/**
 * A copy of a schema in which every keyword that typebox 1.4 gets wrong says the same in others:
 * - `pattern` backtracks, `multipleOf` rounds and `uniqueItems` tells 0 from -0, so they become refinements of ours.
 * - `unevaluatedProperties` takes an array for an object, so arrays get a branch without it.
 * - `contains` and the schema of `unevaluatedProperties` take what is known of a part for known of the whole: they stand
 *   under `not` twice, from which nothing is known.
 * - An `if` that misses leaves behind what it knew: under `allOf` that goes with it.
 * - `unevaluatedItems` has all of these faults, and names are matched against `patternProperties` by the platform's engine
 *   alone: an instance to which such a schema applies is judged by the lister of faults, and in no other way.
 */
export class Binding {
  readonly #hoisted: Record<string, unknown> = {}
  readonly #definitions: Definitions

  constructor(definitions: Definitions) {
    this.#definitions = definitions
  }

  /** @param names the definitions that the schema reaches */
  bindRoot(schema: JsonObject, names: readonly string[]): unknown {
    const root = this.#bind(schema) as object
    const $defs = Object.fromEntries(
      names.map((name) => [name, this.#bind(this.#definitions[name] as JsonSchema)]),
    )
    return { ...root, $defs: { ...$defs, ...this.#hoisted } }
  }

  #bind(schema: JsonSchema): unknown {
    if (typeof schema === 'boolean') return schema
    if (this.#needsLister(schema, new Set())) return { '~refine': [this.#listerRefinement(schema)] }
    const bound: Record<string, unknown> = {}
    const refinements: Refinement[] = []
    for (const [keyword, value] of Object.entries(schema)) {
      if (keyword === 'pattern') refinements.push(patternRefinement(value as string))
      else if (keyword === 'multipleOf') refinements.push(multipleOfRefinement(value as number))
      else if (keyword === 'uniqueItems') refinements.push(...(value === true ? [uniqueRefinement] : []))
      else if (keyword === 'closed') refinements.push(this.#closedRefinement(schema))
      else bound[keyword] = this.#bindKeyword(keyword, value)
    }
    if (refinements.length > 0) bound['~refine'] = refinements
    return 'unevaluatedProperties' in bound && mayBeArray(schema) ? this.#sparingArrays(bound) : bound
  }

  #closedRefinement(schema: JsonObject): Refinement {
    const { closed: _, ...open } = schema
    return {
      check: (value) =>
        typeof value !== 'object' || value === null || isClosed(open, this.#definitions, value),
      error: noError,
    }
  }

  #listerRefinement(schema: JsonObject): Refinement {
    return {
      check: (value) => listFaults(schema, this.#definitions, value, 1).length === 0,
      error: noError,
    }
  }

  /** Whether a keyword for which typebox does not serve applies to the same instance as the schema. */
  #needsLister(schema: JsonSchema, seen: Set<JsonSchema>): boolean {
    if (typeof schema === 'boolean' || seen.has(schema)) return false
    seen.add(schema)
    if ('unevaluatedItems' in schema) return true
    if (!Object.keys(schema.patternProperties ?? {}).every(isLinearAsWritten)) return true
    return partsInPlace(schema, this.#definitions).some((part) => this.#needsLister(part, seen))
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
      return Object.fromEntries(entries.map(([name, part]) => [name, this.#bind(part)]))
    }
    if (schemaLists.has(keyword)) return (value as readonly JsonSchema[]).map((part) => this.#bind(part))
    if (!schemaKeywords.has(keyword)) return value
    const bound = this.#bind(value as JsonSchema)
    if (typeof bound === 'boolean') return bound
    if (keyword === 'if') return { allOf: [bound] }
    return keyword === 'contains' || keyword === 'unevaluatedProperties' ? { not: { not: bound } } : bound
  }
}

interface Refinement {
  readonly check: (value: unknown) => boolean
  readonly error: () => string
}

const noError = (): string => ''

const uniqueRefinement: Refinement = {
  check: (value) => !Array.isArray(value) || allDifferent(value),
  error: noError,
}

function patternRefinement(source: string): Refinement {
  const matcher = compilePattern(source)
  if (!matcher.ok) throw new Error(`a pattern of the program does not compile: ${matcher.error}`)
  return { check: (value) => typeof value !== 'string' || matcher.value.test(value), error: noError }
}

function multipleOfRefinement(divisor: number): Refinement {
  return { check: (value) => typeof value !== 'number' || isMultipleOf(value, divisor), error: noError }
}
