import { Format } from 'typebox/format'
import type { JsonObject } from '../base/json.ts'
import { type Bound, judgeBounds, type Run, report } from './fault-run.ts'
import { compilePattern } from './pattern.ts'
import { codePoints, isMultipleOf, jsonEqual, typeFits } from './value.ts'

const typeNames: { readonly [type: string]: string } = {
  string: 'a string',
  integer: 'an integer',
  number: 'a number',
  boolean: 'true or false',
  array: 'an array',
  object: 'an object',
  null: 'null',
}

export const notListed = 'must be one of the listed values'
export const notFixed = 'must be the fixed value'

/** What can be said of a value without looking into it. */
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
    valid = report(run, pointer, notListed)
  }
  if ('const' in schema && !jsonEqual(schema.const, instance)) valid = report(run, pointer, notFixed)
  if (typeof instance === 'number') valid = judgeNumber(schema, instance, pointer, run) && valid
  if (typeof instance === 'string') valid = judgeString(schema, instance, pointer, run) && valid
  return valid
}

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
