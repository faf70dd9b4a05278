import { toPointer } from '../../base/fault-pointer.ts'
import { isInexact } from '../../base/inexact-number.ts'
import { isPrototypeName, type JsonFault, readJson } from '../../base/read-json.ts'
import type { ParameterType, PrimitiveType } from '../../program/program.ts'
import { unknownField } from '../../schema/faults.ts'
import type { Ambiguity, Readable } from './settle.ts'

/** A parameter's typed value, or what is wrong with its text. */
export type Reading =
  /** The value is undefined for an empty text that stands for an omitted parameter. */
  | ({ readonly ok: true } & Readable)
  | {
      readonly ok: false
      readonly faults: readonly JsonFault[]
      /** With texts where no wanted type was spelled, so that all else in it can be judged. */
      readonly value?: unknown
    }

/** What is wrong with a parameter as a whole. */
export function unread(message: string): Reading {
  return { ok: false, faults: [{ pointer: '', message }] }
}

const encoder = new TextEncoder()
const integer = /^-?(?:0|[1-9]\d{0,15})$/
const number = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/

const readers = {
  integer: (text) => {
    const value = integer.test(text) ? Number(text) : Number.NaN
    return Number.isSafeInteger(value) ? value : undefined
  },
  number: (text) => {
    const value = number.test(text) ? Number(text) : Number.NaN
    return Number.isFinite(value) && !isInexact(text, value) ? value : undefined
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
 * What a text means in each of the wanted types that it spells exactly as JSON would: no `+1`, no `0x1`, no `TRUE`,
 * no blanks. There is no coercion beyond that.
 */
export function readingsOf(text: string, wanted: readonly PrimitiveType[]): readonly unknown[] {
  const values: unknown[] = []
  for (const type of order) {
    if (!wanted.includes(type)) continue
    const value = readers[type](text)
    if (value !== undefined && !values.includes(value)) values.push(value)
  }
  return values
}

export function readPrimitive(text: string, wanted: readonly PrimitiveType[]): Reading {
  const readings = readingsOf(text, wanted)
  return readings.length === 0 ? unread(notOf(wanted)) : { ok: true, ...whole(readings) }
}

/** A value that is one text. */
export function whole(readings: readonly unknown[]): Readable {
  const value = readings[0]
  if (readings.length === 1) return { value }
  return { value, ambiguities: [{ readings, holder: null, keys: [], pointer: '' }] }
}

function notOf(wanted: readonly PrimitiveType[]): string {
  return `must be ${wanted.map((type) => articles[type]).join(' or ')}`
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

const twice = 'must not be repeated'
export const repeated: Reading = unread(twice)
export const undecodable: Reading = unread('must be percent-encoded UTF-8')

/** Items of a list and members of an object, whatever their schema says. */
const maxPieces = 1000
const tooMany: Reading = unread(`must have at most ${maxPieces} items`)

function readArray(items: readonly PrimitiveType[], pieces: readonly string[]): Reading {
  if (pieces.length > maxPieces) return tooMany
  const lists = pieces.map((piece) => readingsOf(piece, items))
  if (lists.some(({ length }) => length === 0)) {
    const faults = lists.flatMap(({ length }, index) =>
      length === 0 ? [{ pointer: `/${index}`, message: notOf(items) }] : [],
    )
    return { ok: false, faults, value: lists.map(([value], index) => value ?? pieces[index]) }
  }
  return { ok: true, ...listOf(pieces, lists) }
}

/** @param readings of each text */
export function listOf(texts: readonly string[], readings: readonly (readonly unknown[])[]): Readable {
  const value = readings.map(([preferred]) => preferred)
  const places = new Map<string, string[]>()
  for (const [index, { length }] of readings.entries()) {
    if (length === 1) continue
    const text = texts[index] as string
    const known = places.get(text)
    if (known) known.push(String(index))
    else places.set(text, [String(index)])
  }
  if (places.size === 0) return { value }
  const ambiguities = [...places.values()].map((keys): Ambiguity => {
    const [first] = keys
    return { readings: readings[Number(first)] as readonly unknown[], holder: value, keys, pointer: '' }
  })
  return { value, ambiguities }
}

/** `name,value,name,value` (simple and form without explode). */
function readMembers(type: Extract<ParameterType, { kind: 'object' }>, pieces: readonly string[]): Reading {
  if (pieces.length % 2 === 1) return unread('must be a list of names and values')
  const entries: [string, string][] = []
  for (let i = 0; i < pieces.length; i += 2) entries.push([pieces[i] as string, pieces[i + 1] as string])
  return readEntries(type, entries)
}

/** Reads raw `name=value` pieces (explode). Only the first equals sign of each separates. */
export function readAssignments(
  type: Extract<ParameterType, { kind: 'object' }>,
  pieces: readonly string[],
  decode: (text: string) => string | null,
): Reading {
  const entries: [string, string][] = []
  for (const piece of pieces) {
    const equals = piece.indexOf('=')
    if (equals < 0) return unread('must be a list of name=value')
    const name = decode(piece.slice(0, equals))
    const value = decode(piece.slice(equals + 1))
    if (name === null || value === null) return undecodable
    entries.push([name, value])
  }
  return readEntries(type, entries)
}

/** Names that reach an object's prototype in careless code behind the gate, also between brackets (attack D6). */
export function leadsToPrototype(name: string): boolean {
  return name.includes('[') ? name.split(/[[\]]/).some(isPrototypeName) : isPrototypeName(name)
}

/** Members of an object by name; unknown names are refused unless the schema is open, repeated ones always. */
export function readEntries(
  type: Extract<ParameterType, { kind: 'object' }>,
  entries: readonly (readonly [string, string])[],
): Reading {
  if (entries.length > maxPieces) return tooMany
  const value: Record<string, unknown> = Object.create(null)
  const ambiguities: Ambiguity[] = []
  const faults: JsonFault[] = []
  for (const [name, text] of entries) {
    const wanted = Object.hasOwn(type.properties, name) ? type.properties[name] : type.additional
    const readings = wanted ? readingsOf(text, wanted) : []
    const message = wrongWith(name, value, wanted || null, readings)
    if (message !== null) faults.push({ pointer: toPointer([name]), message })
    if (!wanted || message === notAName || message === twice) continue
    value[name] = readings.length > 0 ? readings[0] : text
    if (readings.length > 1) ambiguities.push({ readings, holder: value, keys: [name], pointer: '' })
  }
  return faults.length === 0 ? { ok: true, value, ambiguities } : { ok: false, faults, value }
}

const notAName = 'is not an acceptable name'

/** @param known members before it */
function wrongWith(
  name: string,
  known: object,
  wanted: readonly PrimitiveType[] | null,
  readings: readonly unknown[],
): string | null {
  if (leadsToPrototype(name)) return notAName
  if (Object.hasOwn(known, name)) return twice
  if (!wanted) return unknownField
  return readings.length === 0 ? notOf(wanted) : null
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

/** Decodes each piece; null when one of them cannot be. */
export function decodeAll(
  pieces: readonly string[],
  decode: (text: string) => string | null,
): readonly string[] | null {
  const decoded: string[] = []
  for (const piece of pieces) {
    const text = decode(piece)
    if (text === null) return null
    decoded.push(text)
  }
  return decoded
}

/** Reads a parameter that the contract describes by `content: application/json`. */
export function readJsonText(text: string): Reading {
  const read = readJson(encoder.encode(text), { maxDepth: 16 })
  return read.ok ? { ok: true, value: read.value } : { ok: false, faults: [read.fault] }
}
