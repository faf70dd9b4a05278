import { isUtf8 } from 'node:buffer'
import { toPointer } from './fault-pointer.ts'
import { findDuplicate } from './find-duplicate.ts'
import { isInexact } from './inexact-number.ts'

export type JsonReading =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly fault: JsonFault }

export interface JsonFault {
  /** JSON Pointer (RFC 6901); '' for the document. */
  readonly pointer: string
  readonly message: string
}

const quote = 0x22
const backslash = 0x5c

/**
 * Reads one JSON text so that no other parser can read it differently: UTF-8 without a byte order mark, no
 * member twice, no member named after JavaScript's prototype, no number beyond a double, bounded depth.
 *
 * A member that stands twice is found by counting: the colons outside strings against the members of the parsed
 * value. Only when the counts differ is the place looked for.
 *
 * @param maxDepth deepest nesting of arrays and objects
 * @see RFC 8259 4, 8.1; RFC 7493 2; attacks D5, D6, D11
 */
export function readJson(bytes: Uint8Array, bounds: { readonly maxDepth: number }): JsonReading {
  if (!isUtf8(bytes)) return fault('', 'must be UTF-8')
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
  const members = countMembers(bytes, bounds.maxDepth)
  if (members === tooDeep) return fault('', `must not nest deeper than ${bounds.maxDepth}`)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return fault('', 'must be JSON')
  }
  const survey: Survey = { text, members: 0, wrong: null }
  surveyValue(value, survey)
  if (survey.wrong !== null) return { ok: false, fault: survey.wrong([]) }
  if (survey.members !== members) return fault(findDuplicate(text), 'must not stand twice')
  return { ok: true, value }
}

const tooDeep = -1

/**
 * Counts colons outside strings. INVARIANT: the depth is bounded here, before anything recurses over the value.
 * All structural characters are ASCII, so octets of UTF-8 sequences never look like one.
 */
function countMembers(bytes: Uint8Array, maxDepth: number): number {
  let members = 0
  let depth = 0
  for (let i = 0; i < bytes.length; i++) {
    const octet = bytes[i] as number
    if (octet === quote) {
      for (i++; i < bytes.length && bytes[i] !== quote; i++) if (bytes[i] === backslash) i++
    } else if (octet === 0x3a) members++
    else if (octet === 0x7b || octet === 0x5b) {
      if (++depth > maxDepth) return tooDeep
    } else if (octet === 0x7d || octet === 0x5d) depth--
  }
  return members
}

interface Survey {
  readonly text: string
  members: number
  wrong: ((path: readonly string[]) => JsonFault) | null
}

/** Names that reach an object's prototype in careless code behind the gate. */
const prototypeNames: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype'])

/** No member of any body is called so, in any media type (attack D6). */
export function isPrototypeName(name: string): boolean {
  return prototypeNames.has(name)
}

function surveyValue(value: unknown, survey: Survey): void {
  if (typeof value === 'number') {
    if (!Number.isFinite(value))
      survey.wrong ??= (path) => ({ pointer: toPointer(path), message: 'must be a finite number' })
    else if (Number.isInteger(value) && !Number.isSafeInteger(value) && isInexact(survey.text, value))
      survey.wrong ??= (path) => ({
        pointer: toPointer(path),
        message: 'must be a number that a double holds exactly',
      })
    return
  }
  if (typeof value !== 'object' || value === null) return
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length && survey.wrong === null; i++) {
      surveyValue(value[i], survey)
      if (survey.wrong !== null) under(survey, String(i))
    }
    return
  }
  for (const name of Object.keys(value)) {
    survey.members++
    if (prototypeNames.has(name)) {
      survey.wrong ??= (path) => ({
        pointer: toPointer([...path, name]),
        message: 'is not an acceptable name',
      })
      return
    }
    surveyValue((value as Record<string, unknown>)[name], survey)
    if (survey.wrong !== null) {
      under(survey, name)
      return
    }
  }
}

function under(survey: Survey, step: string): void {
  const inner = survey.wrong as NonNullable<Survey['wrong']>
  survey.wrong = (path) => inner([...path, step])
}

function fault(pointer: string, message: string): JsonReading {
  return { ok: false, fault: { pointer, message } }
}
