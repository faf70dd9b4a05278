import { toPointer } from './fault-pointer.ts'
import { findDuplicate } from './find-duplicate.ts'
import { findInexact } from './inexact-number.ts'
import { readUtf8 } from './utf8.ts'

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
 * member twice, no member named after JavaScript's prototype, no number that a double does not hold, no half of a
 * surrogate pair, bounded depth, items and members.
 *
 * A member that stands twice is found by counting: the colons outside strings against the members of the parsed
 * value. Only when the counts differ is the place looked for.
 *
 * @param maxDepth deepest nesting of arrays and objects
 * @see RFC 8259 4, 8.1; RFC 7493 2; attacks D5, D6, D11
 */
export function readJson(bytes: Uint8Array, bounds: { readonly maxDepth: number }): JsonReading {
  const text = readUtf8(bytes)
  if (text === null) return fault('', 'must be UTF-8')
  const scan = scanText(bytes, bounds.maxDepth)
  if (scan === null) return fault('', `must not nest deeper than ${bounds.maxDepth}`)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return fault('', 'must be JSON')
  }
  const inexact = scan.numbers ? findInexact(text) : null
  const survey: Survey = { inexact, surrogates: scan.surrogates, members: 0, wrong: null }
  surveyValue(value, survey)
  if (survey.wrong !== null) return { ok: false, fault: survey.wrong([]) }
  if (survey.members !== scan.members) return fault(findDuplicate(text), 'must not stand twice')
  return { ok: true, value }
}

/** Most items of one array, and most members of one object. */
const maxItems = 100_000
const maxMembers = 10_000
/** Numbers of fewer characters and without an exponent are never lost. */
const shortNumber = 15

interface Scan {
  /** Colons outside strings. */
  members: number
  /** A number is long, or has an exponent. */
  numbers: boolean
  /** A string has the escape of a surrogate. */
  surrogates: boolean
}

/**
 * Looks over the text once; null when it nests too deep. INVARIANT: the depth is bounded here, before anything
 * recurses over the value. All structural characters are ASCII, so octets of UTF-8 sequences never look like one.
 */
function scanText(bytes: Uint8Array, maxDepth: number): Scan | null {
  const scan: Scan = { members: 0, numbers: false, surrogates: false }
  let depth = 0
  for (let i = 0; i < bytes.length; i++) {
    const octet = bytes[i] as number
    if (octet === quote) {
      for (i++; i < bytes.length && bytes[i] !== quote; i++) {
        if (bytes[i] !== backslash) continue
        i++
        if (bytes[i] === 0x75 && ((bytes[i + 1] as number) | 0x20) === 0x64) scan.surrogates = true
      }
    } else if (octet === 0x3a) scan.members++
    else if (octet === 0x7b || octet === 0x5b) {
      if (++depth > maxDepth) return null
    } else if (octet === 0x7d || octet === 0x5d) depth--
    else if (octet >= 0x30 && octet <= 0x39) {
      const start = i
      while (isOfNumber(bytes[i + 1])) if (((bytes[++i] as number) | 0x20) === 0x65) scan.numbers = true
      if (i - start >= shortNumber) scan.numbers = true
    }
  }
  return scan
}

/** A digit, a point, a sign or an exponent's letter. */
function isOfNumber(octet: number | undefined): boolean {
  if (octet === undefined) return false
  return (
    (octet >= 0x30 && octet <= 0x39) ||
    octet === 0x2e ||
    (octet | 0x20) === 0x65 ||
    octet === 0x2b ||
    octet === 0x2d
  )
}

interface Survey {
  /** Value of a number that was lost in reading. */
  readonly inexact: number | null
  readonly surrogates: boolean
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
    if (!Number.isFinite(value)) blame(survey, 'must be a finite number')
    else if (value === survey.inexact) blame(survey, 'must be a number that a double holds exactly')
    return
  }
  if (typeof value === 'string') {
    if (survey.surrogates && !value.isWellFormed()) blame(survey, 'must be Unicode text')
    return
  }
  if (typeof value !== 'object' || value === null) return
  if (Array.isArray(value)) {
    if (value.length > maxItems) return blame(survey, `must have at most ${maxItems} items`)
    for (let i = 0; i < value.length && survey.wrong === null; i++) {
      surveyValue(value[i], survey)
      if (survey.wrong !== null) under(survey, String(i))
    }
    return
  }
  const names = Object.keys(value)
  if (names.length > maxMembers) return blame(survey, `must have at most ${maxMembers} members`)
  for (const name of names) {
    survey.members++
    if (prototypeNames.has(name) || (survey.surrogates && !name.isWellFormed()))
      blame(survey, 'is not an acceptable name')
    else surveyValue((value as Record<string, unknown>)[name], survey)
    if (survey.wrong !== null) {
      under(survey, name)
      return
    }
  }
}

function blame(survey: Survey, message: string): void {
  survey.wrong ??= (path) => ({ pointer: toPointer(path), message })
}

function under(survey: Survey, step: string): void {
  const inner = survey.wrong as NonNullable<Survey['wrong']>
  survey.wrong = (path) => inner([...path, step])
}

function fault(pointer: string, message: string): JsonReading {
  return { ok: false, fault: { pointer, message } }
}
