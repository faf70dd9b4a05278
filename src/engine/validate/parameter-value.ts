import { readJson } from '../../base/read-json.ts'
import type { ParameterType, PrimitiveType } from '../../program/program.ts'

/** A parameter's typed value, or what is wrong with its text. */
export type Reading =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly message: string }

const encoder = new TextEncoder()
const integer = /^-?(?:0|[1-9]\d{0,15})$/
const number = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/

const readers = {
  integer: (text) => {
    const value = integer.test(text) ? Number(text) : Number.NaN
    return Number.isSafeInteger(value) && !Object.is(value, -0) ? value : undefined
  },
  number: (text) => {
    const value = number.test(text) ? Number(text) : Number.NaN
    return Number.isFinite(value) ? value : undefined
  },
  boolean: (text) => (text === 'true' ? true : text === 'false' ? false : undefined),
  string: (text) => text,
} as const satisfies { readonly [T in PrimitiveType]: (text: string) => unknown }

const articles = {
  integer: 'an integer',
  number: 'a number',
  boolean: 'true or false',
  string: 'a string',
} as const
const order: readonly PrimitiveType[] = ['integer', 'number', 'boolean', 'string']

/**
 * Turns text into the first of the wanted types that it spells exactly as JSON would: no `+1`, no `0x1`, no
 * `TRUE`, no blanks. There is no coercion beyond that.
 */
export function readPrimitive(text: string, wanted: readonly PrimitiveType[]): Reading {
  for (const type of order) {
    if (!wanted.includes(type)) continue
    const value = readers[type](text)
    if (value !== undefined) return { ok: true, value }
  }
  return { ok: false, message: `must be ${wanted.map((type) => articles[type]).join(' or ')}` }
}

/** Reads pieces that were already split and decoded by the parameter's style. */
export function readPieces(type: ParameterType, pieces: readonly string[]): Reading {
  switch (type.kind) {
    case 'primitive':
      return pieces.length === 1 ? readPrimitive(pieces[0] as string, type.primitives) : repeated
    case 'array':
      return readArray(type.items, pieces)
    case 'object':
      return readMembers(type, pieces)
  }
}

export const repeated: Reading = { ok: false, message: 'must not be repeated' }
export const undecodable: Reading = { ok: false, message: 'must be percent-encoded UTF-8' }

function readArray(items: readonly PrimitiveType[], pieces: readonly string[]): Reading {
  const values: unknown[] = []
  for (const piece of pieces) {
    const item = readPrimitive(piece, items)
    if (!item.ok) return { ok: false, message: `every item ${item.message}` }
    values.push(item.value)
  }
  return { ok: true, value: values }
}

/** `name,value,name,value` (simple and form without explode). */
function readMembers(type: Extract<ParameterType, { kind: 'object' }>, pieces: readonly string[]): Reading {
  if (pieces.length % 2 === 1) return { ok: false, message: 'must be a list of names and values' }
  const entries: [string, string][] = []
  for (let i = 0; i < pieces.length; i += 2) entries.push([pieces[i] as string, pieces[i + 1] as string])
  return readEntries(type, entries)
}

/** Members of an object by name; unknown names are refused unless the schema is open, repeated ones always. */
export function readEntries(
  type: Extract<ParameterType, { kind: 'object' }>,
  entries: readonly (readonly [string, string])[],
): Reading {
  const value: Record<string, unknown> = Object.create(null)
  for (const [name, text] of entries) {
    if (Object.hasOwn(value, name)) return repeated
    const wanted = Object.hasOwn(type.properties, name) ? type.properties[name] : type.additional
    if (!wanted) return { ok: false, message: 'has a member that is not known' }
    const member = readPrimitive(text, wanted)
    if (!member.ok) return { ok: false, message: `every member ${member.message}` }
    value[name] = member.value
  }
  return { ok: true, value }
}

/** Percent-decodes strictly; null when the octets are not UTF-8. */
export function percentDecode(text: string): string | null {
  if (!text.includes('%')) return text
  try {
    return decodeURIComponent(text)
  } catch {
    return null
  }
}

/** Decodes each piece; null when one of them is not UTF-8. */
export function percentDecodeAll(pieces: readonly string[]): readonly string[] | null {
  const decoded: string[] = []
  for (const piece of pieces) {
    const text = percentDecode(piece)
    if (text === null) return null
    decoded.push(text)
  }
  return decoded
}

/** Reads a parameter that the contract describes by `content: application/json`. */
export function readJsonText(text: string): Reading {
  const read = readJson(encoder.encode(text), { maxDepth: 16 })
  return read.ok ? { ok: true, value: read.value } : { ok: false, message: read.fault.message }
}
