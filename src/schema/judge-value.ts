import { Format } from 'typebox/format'
import type { JsonObject, JsonSchema } from '../base/json.ts'
import { compilePattern } from './pattern.ts'
import { codePoints, isMultipleOf, jsonEqual, typeFits } from './value.ts'

/** One thing wrong with an instance: where, and what it must be. Never holds a value of the instance. */
export interface SchemaFault {
  readonly pointer: string
  readonly message: string
}

/** One listing of faults. */
export interface Run {
  readonly definitions: { readonly [name: string]: JsonSchema }
  readonly max: number
  readonly faults: SchemaFault[]
}

const typeNames: { readonly [type: string]: string } = {
  string: 'a string',
  integer: 'an integer',
  number: 'a number',
  boolean: 'true or false',
  array: 'an array',
  object: 'an object',
  null: 'null',
}

export function judgeValue(schema: JsonObject, instance: unknown, pointer: string, run: Run): boolean {
  const { type } = schema
  if (type !== undefined) {
    const types = Array.isArray(type) ? (type as readonly string[]) : [type as string]
    if (!types.some((one) => typeFits(one, instance))) {
      return report(run, pointer, `must be ${types.map((one) => typeNames[one]).join(' or ')}`)
    }
  }
  let valid = true
  if (Array.isArray(schema.enum) && !schema.enum.some((one) => jsonEqual(one, instance))) {
    valid = report(run, pointer, 'must be one of the listed values')
  }
  if ('const' in schema && !jsonEqual(schema.const, instance))
    valid = report(run, pointer, 'must be the fixed value')
  if (typeof instance === 'number') valid = judgeNumber(schema, instance, pointer, run) && valid
  if (typeof instance === 'string') valid = judgeString(schema, instance, pointer, run) && valid
  return valid
}

export type Bound = readonly [
  keyword: string,
  symbol: string,
  holds: (value: number, bound: number) => boolean,
]
const numberBounds: readonly Bound[] = [
  ['minimum', '≥', (value, bound) => value >= bound],
  ['maximum', '≤', (value, bound) => value <= bound],
  ['exclusiveMinimum', '>', (value, bound) => value > bound],
  ['exclusiveMaximum', '<', (value, bound) => value < bound],
  ['multipleOf', 'a multiple of', isMultipleOf],
]

function judgeNumber(schema: JsonObject, instance: number, pointer: string, run: Run): boolean {
  return judgeBounds(numberBounds, schema, instance, run, (symbol, bound) => [
    pointer,
    `must be ${symbol} ${bound}`,
  ])
}

const lengthBounds: readonly Bound[] = [
  ['minLength', 'at least', (value, bound) => value >= bound],
  ['maxLength', 'at most', (value, bound) => value <= bound],
]

function judgeString(schema: JsonObject, instance: string, pointer: string, run: Run): boolean {
  const bounded = 'minLength' in schema || 'maxLength' in schema
  const length = bounded ? codePoints(instance) : 0
  let valid = judgeBounds(lengthBounds, schema, length, run, (symbol, bound) => [
    pointer,
    `must have ${symbol} ${bound} characters`,
  ])
  const { pattern, format } = schema
  if (typeof pattern === 'string') {
    const matcher = compilePattern(pattern)
    if (!matcher.ok || !matcher.value.test(instance)) valid = report(run, pointer, 'must match the pattern')
  }
  if (typeof format === 'string' && Format.Has(format) && !Format.Test(format, instance)) {
    valid = report(run, pointer, `must be a valid ${format}`)
  }
  return valid
}

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
