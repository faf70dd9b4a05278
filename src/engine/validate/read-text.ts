import { readUtf8 } from '../../base/utf8.ts'
import type { PrimitiveType } from '../../program/program.ts'
import { type ReadContent, unreadable } from './content.ts'
import { whole } from './parameter-value.ts'
import { spelledReadings } from './spelled-value.ts'

/** Makes the reader of a body that is one text. */
export function linkText(primitives: readonly PrimitiveType[]): ReadContent {
  return (bytes) => {
    const text = readUtf8(bytes)
    return text === null
      ? unreadable('must be UTF-8')
      : { ok: true, ...whole(spelledReadings(text, primitives)) }
  }
}
