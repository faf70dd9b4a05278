import { isInexact } from '../../base/inexact-number.ts'
import type { PrimitiveType } from '../../program/program.ts'
import { readPrimitive } from './parameter-value.ts'

/**
 * What a text means where one of these types is wanted: the number or the boolean it spells exactly as JSON would and
 * without loss, else the text itself, which a schema that wants something else refuses.
 */
export function spelledValue(text: string, wanted: readonly PrimitiveType[]): unknown {
  const read = readPrimitive(text, wanted)
  if (!read.ok) return text
  return typeof read.value === 'number' && isInexact(text, read.value) ? text : read.value
}
