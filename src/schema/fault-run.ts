import type { JsonObject, JsonSchema } from '../base/json.ts'

/** One thing wrong with an instance: where, and what it must be. Never holds a value of the instance. */
export interface SchemaFault {
  readonly pointer: string
  readonly message: string
}

/** One listing of faults, or a part of it whose faults stay apart. */
export interface Run {
  readonly definitions: { readonly [name: string]: JsonSchema }
  readonly max: number
  readonly faults: SchemaFault[]
  /** `max` of the run that was asked for. */
  readonly most: number
  /** What was found by reference and pointer, then by value. */
  readonly known: Map<string, Map<object, Known>>
}

export interface Known {
  readonly verdict: Verdict
  readonly faults: readonly SchemaFault[]
}

/** Names of an object, or indices of an array, that some keyword has looked at; null for other instances. */
export type Evaluated = Set<string | number> | null

export interface Verdict {
  readonly valid: boolean
  readonly evaluated: Evaluated
}

export type Bound = readonly [
  keyword: string,
  symbol: string,
  holds: (value: number, bound: number) => boolean,
]

export function judgeBounds(
  bounds: readonly Bound[],
  schema: JsonObject,
  value: number,
  run: Run,
  phrase: (symbol: string, bound: number) => readonly [string, string],
): boolean {
  let valid = true
  for (const [keyword, symbol, holds] of bounds) {
    const bound = schema[keyword]
    if (typeof bound === 'number' && !holds(value, bound)) valid = report(run, ...phrase(symbol, bound))
  }
  return valid
}

export function full(run: Run): boolean {
  return run.faults.length >= run.max
}

export function report(run: Run, pointer: string, message: string): false {
  if (!full(run)) run.faults.push({ pointer, message })
  return false
}
