import type { PrimitiveType } from '../../program/program.ts'
import { readingsOf } from './parameter-value.ts'

/**
 * What a text means where one of these types is wanted: the number or the boolean it spells exactly as JSON would and
 * without loss, else the text itself, which a schema that wants something else refuses.
 */
export function spelledReadings(text: string, wanted: readonly PrimitiveType[]): readonly unknown[] {
  const readings = readingsOf(text, wanted)
  return readings.length > 0 ? readings : [text]
}
