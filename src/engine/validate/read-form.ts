import { toPointer } from '../../base/fault-pointer.ts'
import { isPrototypeName, type JsonFault, readJson } from '../../base/read-json.ts'
import type { FieldPlan, FormPlan, ParameterType, PrimitiveType } from '../../program/program.ts'
import type { QueryPair } from '../normalize/target.ts'
import { type ContentReading, type ReadContent, unreadable } from './content.ts'
import { leadsToPrototype, listOf, percentDecode, repeated, whole } from './parameter-value.ts'
import { claimFor, claims, isAlias, isMember, type QueryClaim, readQueryParameter } from './read-query.ts'
import type { Ambiguity, Readable } from './settle.ts'
import { spelledReadings } from './spelled-value.ts'

// ATTACK: `;` separates pairs to some parsers, and octets that should have been encoded are read by each in its way.
const plain = /^[\x21-\x3a\x3c-\x7e]*$/
const brokenEncoding = /%(?![0-9A-Fa-f]{2})/
const maxPairs = 1000
const maxDepth = 64
const twice = 'must not stand twice'
const notAName = 'is not an acceptable name'
const encoder = new TextEncoder()

/** A field, and the pairs it takes. Texts are taken apart by its style, and typed by `FieldPlan.type` afterwards. */
interface Field {
  readonly plan: FieldPlan
  readonly claim: QueryClaim
}

/**
 * Makes the reader of a urlencoded form. Whatever does not spell the wanted type stays a text, so that the schema
 * says what is wrong, where, and in the words it has for JSON.
 * @see WHATWG URL 5.1; OpenAPI 3.1.1 4.8.15.1
 */
export function linkForm(plan: FormPlan): ReadContent {
  const fields = plan.fields.map((field) => ({ plan: field, claim: claimFor(untyped(field)) }))
  return (bytes) => readForm(bytes, fields, plan.others)
}

function readForm(
  bytes: Uint8Array,
  fields: readonly Field[],
  others: readonly PrimitiveType[],
): ContentReading {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
  if (!plain.test(text) || brokenEncoding.test(text)) return unreadable('must be percent-encoded')
  const pairs = readPairs(text)
  if (typeof pairs === 'string') return unreadable(pairs)
  const faults: JsonFault[] = []
  const value: Record<string, unknown> = Object.create(null)
  const ambiguities: Ambiguity[] = []
  const put = (name: string, read: Readable) => {
    value[name] = read.value
    for (const one of read.ambiguities ?? []) ambiguities.push(within(one, value, name))
  }
  const claimed = new Map<Field, QueryPair[]>()
  const fault = (name: string, message: string) => faults.push({ pointer: toPointer([name]), message })
  for (const pair of pairs) {
    const { name } = pair
    if (leadsToPrototype(name)) {
      fault(name, notAName)
      continue
    }
    const owner =
      fields.find(({ claim }) => claims(claim, name) === 'whole') ??
      fields.find(({ claim }) => claims(claim, name) === 'member')
    const spelled = owner && (owner.claim.members !== 'own' || isMember(owner.claim, name))
    if (
      !spelled &&
      isAlias(name, (base) => fields.some(({ claim }) => claim.name === base || isMember(claim, base)))
    ) {
      fault(name, 'is not a known field')
    } else if (owner) {
      const own = claimed.get(owner)
      if (own) own.push(pair)
      else claimed.set(owner, [pair])
    } else if (Object.hasOwn(value, name)) fault(name, twice)
    else {
      const other = decode(pair.value)
      if (other === null) fault(name, 'must be percent-encoded UTF-8')
      else put(name, whole(spelledReadings(other, others)))
    }
  }
  for (const [field, own] of claimed) {
    const read = readField(field, own)
    if (read.ok) put(field.plan.name, read)
    else
      for (const { pointer, message } of read.faults)
        faults.push({ pointer: toPointer([field.plan.name]) + pointer, message })
  }
  return faults.length > 0 ? { ok: false, faults } : { ok: true, value, ambiguities }
}

/** What is open about a field, as a part of the form. */
function within(one: Ambiguity, form: object, name: string): Ambiguity {
  if (one.holder === null) return { ...one, holder: form, keys: [name] }
  return { ...one, pointer: toPointer([name]) + one.pointer }
}

function readPairs(text: string): readonly QueryPair[] | string {
  const pieces = text === '' ? [] : text.split('&', maxPairs + 1)
  if (pieces.length > maxPairs) return `must not have more than ${maxPairs} fields`
  const pairs: QueryPair[] = []
  for (const piece of pieces) {
    const equals = piece.indexOf('=')
    // ATTACK: a name without `=` is the empty text to one parser, and absent to another.
    if (equals < 0) return 'must be fields of a name, = and a value'
    const name = decode(piece.slice(0, equals))
    if (name === null) return 'must be percent-encoded UTF-8'
    pairs.push({ name, value: piece.slice(equals + 1) })
  }
  return pairs
}

function readField({ plan, claim }: Field, pairs: readonly QueryPair[]): ContentReading {
  if (plan.json) return readJsonField(plan, pairs)
  const read = readQueryParameter(claim, pairs)
  if (!read.ok) return read === repeated ? unreadable(twice) : read
  if (plan.type.kind === 'object') {
    const name = Object.keys(read.value as object).find(isPrototypeName)
    if (name !== undefined) return { ok: false, faults: [{ pointer: toPointer([name]), message: notAName }] }
  }
  return { ok: true, ...typed(plan.type, read.value) }
}

function readJsonField({ jsonItems }: FieldPlan, pairs: readonly QueryPair[]): ContentReading {
  if (!jsonItems && pairs.length > 1) return unreadable(twice)
  const items: unknown[] = []
  for (const [index, pair] of pairs.entries()) {
    const text = decode(pair.value)
    if (text === null) return unreadable('must be percent-encoded UTF-8')
    const read = readJson(encoder.encode(text), { maxDepth })
    if (!read.ok) {
      const pointer = (jsonItems ? `/${index}` : '') + read.fault.pointer
      return { ok: false, faults: [{ pointer, message: read.fault.message }] }
    }
    items.push(read.value)
  }
  return { ok: true, value: jsonItems ? items : items[0] }
}

/** The same field with texts for all values; members that are not known are left to the schema. */
function untyped(field: FieldPlan): FieldPlan {
  const { type } = field
  const texts: readonly PrimitiveType[] = ['string']
  switch (type.kind) {
    case 'primitive':
      return { ...field, type: { kind: 'primitive', primitives: texts } }
    case 'array':
      return { ...field, type: { kind: 'array', items: texts, single: type.single && texts } }
    case 'object': {
      const properties = Object.fromEntries(Object.keys(type.properties).map((name) => [name, texts]))
      const own = field.style === 'form' && field.explode
      return {
        ...field,
        type: {
          kind: 'object',
          properties,
          additional: own ? type.additional && texts : texts,
          single: type.single && texts,
        },
      }
    }
  }
}

function typed(type: ParameterType, value: unknown): Readable {
  if (typeof value === 'string') return typedText(type, value)
  if (Array.isArray(value) && type.kind === 'array') {
    const texts = value as readonly string[]
    return listOf(
      texts,
      texts.map((text) => spelledReadings(text, type.items)),
    )
  }
  if (type.kind !== 'object') return { value }
  const members: Record<string, unknown> = Object.create(null)
  const ambiguities: Ambiguity[] = []
  for (const [name, text] of Object.entries(value as Record<string, string>)) {
    const wanted = Object.hasOwn(type.properties, name) ? type.properties[name] : type.additional
    const readings = spelledReadings(text, wanted ?? ['string'])
    members[name] = readings[0]
    if (readings.length > 1) ambiguities.push({ readings, holder: members, keys: [name], pointer: '' })
  }
  return { value: members, ambiguities }
}

/** One text, which may also be a list of one item. */
function typedText(type: ParameterType, text: string): Readable {
  if (type.kind === 'primitive') return whole(spelledReadings(text, type.primitives))
  const single = spelledReadings(text, type.single ?? ['string'])
  const items = type.kind === 'array' ? spelledReadings(text, type.items).map((item) => [item]) : []
  return whole([...single, ...items])
}

/** `+` is a space in forms. */
function decode(raw: string | null): string | null {
  return raw === null ? null : percentDecode(raw.replaceAll('+', '%20'))
}
