import { isJsonObject, type Json, type JsonObject } from '../../src/base/json.ts'
import { type Instance, type Site, step } from './generate-instance.ts'

/** A text that was a valid instance but for one thing. */
export interface Corruption {
  readonly kind: string
  readonly text: string
  /** Where the fault is. */
  readonly pointer: string
  /** Whether the fault is told there, or may be told of a value around it. */
  readonly sure: boolean
  /** What the text reads as, where a schema alone can say that it is wrong. */
  readonly value?: Json
}

/** Everything that can be broken in an instance, one thing at a time. */
export function* corruptions({ value, sites }: Instance): Generator<Corruption> {
  const whole = JSON.stringify(value)
  yield { kind: 'octets behind the end', text: `${whole} {}`, pointer: '', sure: true }
  yield { kind: 'the end is missing', text: whole.slice(0, -1), pointer: '', sure: true }
  yield { kind: 'no octets', text: '', pointer: '', sure: true }
  yield { kind: 'byte order mark', text: `\ufeff${whole}`, pointer: '', sure: true }
  yield { kind: 'nests too deep', text: '['.repeat(65) + ']'.repeat(65), pointer: '', sure: true }
  for (const site of sites) {
    yield* corruptText(value, site)
    for (const [kind, broken, below = ''] of corruptValue(site)) {
      const made = replaced(value, site.pointer, broken)
      const pointer = site.pointer + below
      yield { kind, text: JSON.stringify(made), value: made, pointer, sure: site.sure }
    }
    if (isClosed(site)) {
      const made = replaced(value, site.pointer, { ...(site.value as JsonObject), no_such_field: 1 })
      const pointer = `${site.pointer}/no_such_field`
      yield { kind: 'unknown field', text: JSON.stringify(made), pointer, sure: site.sure }
    }
  }
}

/** Faults of the text itself, told before any schema is asked. */
function* corruptText(whole: Json, { pointer, schema, value }: Site): Generator<Corruption> {
  if (isJsonObject(value)) {
    const [name] = Object.keys(value)
    if (name !== undefined) {
      const at = `${pointer}/${step(name)}`
      const twice = raw(whole, pointer, { ...value, [mark]: 1 }, JSON.stringify(mark), JSON.stringify(name))
      yield { kind: 'duplicate key', text: twice, pointer: at, sure: true }
    }
    const named = raw(whole, pointer, { ...value, [mark]: 1 }, JSON.stringify(mark), '"__proto__"')
    yield { kind: 'prototype key', text: named, pointer: `${pointer}/__proto__`, sure: true }
  }
  if (schema.type !== 'integer' && schema.type !== 'number') return
  const text = raw(whole, pointer, mark, JSON.stringify(mark), '9007199254740993')
  yield { kind: 'number that loses precision', text, pointer, sure: true }
}

type Broken = readonly [kind: string, value: Json, below?: string]

function* corruptValue({ schema, value, pointer }: Site): Generator<Broken> {
  const other = otherType[schema.type as string]
  if (other !== undefined) yield [pointer === '' ? 'wrong type of the whole' : 'wrong type', other]
  if (schema.nullable !== true) yield ['null', null]
  if (Array.isArray(schema.enum))
    yield ['outside the enumeration', typeof value === 'string' ? `${value}?` : 0.5]
  if (typeof value === 'number') {
    if (typeof schema.minimum === 'number') yield ['below the minimum', schema.minimum - 1]
    if (typeof schema.maximum === 'number') yield ['above the maximum', schema.maximum + 1]
    if (schema.type === 'integer') yield ['fraction', value + 0.5]
  }
  if (typeof value === 'string') yield* corruptString(schema, value)
  if (Array.isArray(value)) yield* corruptArray(schema, value as readonly Json[])
  if (isJsonObject(value)) yield* corruptObject(schema, value)
}

const otherType: { readonly [type: string]: Json } = {
  string: 17,
  integer: 'seven',
  number: '7',
  boolean: 'true',
  array: {},
  object: [],
}

function* corruptString(schema: JsonObject, value: string): Generator<Broken> {
  const { maxLength, minLength, pattern, format } = schema
  if (typeof maxLength === 'number')
    yield ['too long', value + '😀'.repeat(maxLength + 1 - [...value].length)]
  if (typeof minLength === 'number' && minLength > 0)
    yield ['too short', [...value].slice(0, minLength - 1).join('')]
  if (typeof pattern === 'string') yield ['against the pattern', '\n!']
  if (format === 'date' || format === 'date-time') yield ['against the format', '2026-02-30']
  if (format === 'uri') yield ['against the format', 'http://exa mple.com']
}

function* corruptArray(
  { maxItems, minItems, uniqueItems }: JsonObject,
  value: readonly Json[],
): Generator<Broken> {
  const [first] = value
  if (first === undefined) return
  if (typeof maxItems === 'number')
    yield ['too many items', Array.from({ length: maxItems + 1 }, () => first)]
  if (typeof minItems === 'number' && minItems > 0) yield ['too few items', value.slice(0, minItems - 1)]
  if (uniqueItems === true) yield ['repeated item', [...value, first]]
}

function* corruptObject({ required, maxProperties }: JsonObject, value: JsonObject): Generator<Broken> {
  for (const name of new Set((required ?? []) as readonly string[])) {
    const { [name]: _, ...rest } = value
    if (name in value) yield ['missing member', rest, `/${step(name)}`]
  }
  const [first] = Object.values(value)
  if (typeof maxProperties !== 'number' || first === undefined) return
  yield [
    'too many members',
    Object.fromEntries(Array.from({ length: maxProperties + 1 }, (_, i) => [`m${i}`, first])),
  ]
}

function isClosed({ schema, value }: Site): boolean {
  const { additionalProperties: more } = schema
  return isJsonObject(value) && (more === undefined || more === false)
}

const mark = '~ the place ~'

/** The text of the whole with one piece of it spelled by hand. */
function raw(whole: Json, pointer: string, value: Json, from: string, to: string): string {
  return JSON.stringify(replaced(whole, pointer, value)).replace(from, () => to)
}

function replaced(whole: Json, pointer: string, value: Json): Json {
  const [, first, ...rest] = pointer.split('/')
  if (first === undefined) return value
  const below = rest.map((part) => `/${part}`).join('')
  if (Array.isArray(whole))
    return whole.map((item, index) => (String(index) === first ? replaced(item as Json, below, value) : item))
  const name = first.replaceAll('~1', '/').replaceAll('~0', '~')
  const members = whole as JsonObject
  return { ...members, [name]: replaced(members[name] as Json, below, value) }
}
