import type { ParameterReading, ParameterType, PrimitiveType } from '../../program/program.ts'
import type { QueryPair } from '../normalize/target.ts'
import {
  decodeAll,
  percentDecode,
  type Reading,
  readEntries,
  readingsOf,
  readJsonText,
  readPieces,
  readPrimitive,
  repeated,
  undecodable,
  unread,
  whole,
} from './parameter-value.ts'

type ObjectType = Extract<ParameterType, { kind: 'object' }>

/** Values of the query that belong to no declared parameter are a fault, so each plan says which pairs it takes. */
export interface QueryClaim {
  readonly plan: ParameterReading
  readonly name: string
  /** Takes the pairs called exactly so. */
  readonly whole: boolean
  /** Takes `name[member]` (deepObject) or the members by their own names (form, explode). */
  readonly members: 'none' | 'bracketed' | 'own'
}

export function claimFor(plan: ParameterReading): QueryClaim {
  const exploded = plan.type.kind === 'object' && !plan.json
  const members = !exploded
    ? 'none'
    : plan.style === 'deepObject'
      ? 'bracketed'
      : plan.explode
        ? 'own'
        : 'none'
  const whole = members === 'none' || (plan.type.kind === 'object' && plan.type.single !== null)
  return { plan, name: plan.name, whole, members }
}

/** Whether a pair of this name is the parameter or a member of it; null when it is neither. */
export function claims(claim: QueryClaim, name: string): 'whole' | 'member' | null {
  if (claim.whole && claim.name === name) return 'whole'
  return memberOf(claim, name) === null ? null : 'member'
}

/** The member of a claim's object that a query name means; null when the pair is not this claim's. */
function memberOf(claim: QueryClaim, name: string): string | null {
  if (claim.members === 'bracketed') {
    const open = claim.name.length
    const shaped = name.startsWith(claim.name) && name[open] === '[' && name.endsWith(']')
    const member = shaped ? name.slice(open + 1, -1) : ''
    if (member === '' || /[[\]]/.test(member)) return null
    // ATTACK: D9 `a[999999999]=1` is a list with holes to some parsers, so an index must be a declared name.
    const declared = Object.hasOwn((claim.plan.type as ObjectType).properties, member)
    return declared || !/^\d+$/.test(member) ? member : null
  }
  if (claim.members === 'own') {
    const type = claim.plan.type as ObjectType
    return Object.hasOwn(type.properties, name) || type.additional !== null ? name : null
  }
  return null
}

/** Whether the schema spells out a member that stands under its own name. */
export function isMember({ plan, members }: QueryClaim, name: string): boolean {
  return members === 'own' && Object.hasOwn((plan.type as ObjectType).properties, name)
}

/**
 * Whether a name that no schema spells out is that of a declared thing to parsers that know brackets: `role[]` and
 * `role[0]` are taken for `role`, so that what is open must not let them in.
 */
export function isAlias(name: string, isDeclared: (name: string) => boolean): boolean {
  const bracket = name.indexOf('[')
  return bracket > 0 && isDeclared(name.slice(0, bracket))
}

/** Reads one parameter from the pairs it claimed. @see OpenAPI 3.1.1 Parameter Object, style values */
export function readQueryParameter(claim: QueryClaim, pairs: readonly QueryPair[]): Reading {
  const { plan } = claim
  const texts: string[] = []
  for (const pair of pairs) {
    if (pair.value === null && !plan.allowEmptyValue) return unread('must have a value')
    texts.push(pair.value ?? '')
  }
  if (plan.allowEmptyValue && isEmpty(plan.type, texts)) return { ok: true, value: undefined }
  if (claim.members !== 'none') {
    const { length: wholes } = claim.whole ? pairs.filter(({ name }) => name === claim.name) : []
    if (wholes === 0) return readMemberPairs(plan, claim, pairs, texts)
    if (wholes < pairs.length) return unread('must be one value or have members, not both')
  }
  if (plan.json) return texts.length === 1 ? decodeThen(texts[0] as string, readJsonText) : repeated
  if (plan.type.kind === 'primitive') {
    const { primitives } = plan.type
    return texts.length === 1
      ? decodeThen(texts[0] as string, (text) => readPrimitive(text, primitives))
      : repeated
  }
  const { single } = plan.type
  if (single && texts.length === 1)
    return decodeThen(texts[0] as string, (text) => readSingle(text, single, plan.type))
  if (plan.type.kind === 'array' && plan.explode) return readDecoded(plan, texts.map(plusIsSpace))
  if (texts.length !== 1) return repeated
  return readDecoded(plan, split(plan, texts[0] as string))
}

/** One text where a list or an object could have been; it may also be a list of one item. */
function readSingle(text: string, single: readonly PrimitiveType[], type: ParameterType): Reading {
  const items = type.kind === 'array' ? readingsOf(text, type.items).map((item) => [item]) : []
  const readings = [...readingsOf(text, single), ...items]
  return readings.length === 0 ? readPrimitive(text, single) : { ok: true, ...whole(readings) }
}

/** OpenAPI 3.1.1 4.8.12: a zero-length text in place of a parameter that would otherwise be omitted. */
function isEmpty(type: ParameterType, texts: readonly string[]): boolean {
  if (texts.length !== 1 || texts[0] !== '') return false
  return type.kind === 'primitive' && !type.primitives.includes('string')
}

function readMemberPairs(
  plan: ParameterReading,
  claim: QueryClaim,
  pairs: readonly QueryPair[],
  texts: readonly string[],
): Reading {
  const entries: [string, string][] = []
  for (const [index, pair] of pairs.entries()) {
    const text = percentDecode(plusIsSpace(texts[index] as string))
    if (text === null) return undecodable
    entries.push([memberOf(claim, pair.name) as string, text])
  }
  return readEntries(plan.type as ObjectType, entries)
}

function readDecoded(plan: ParameterReading, pieces: readonly string[]): Reading {
  const decoded = decodeAll(pieces, percentDecode)
  return decoded === null ? undecodable : readPieces(plan.type, decoded)
}

function decodeThen(raw: string, read: (text: string) => Reading): Reading {
  const text = percentDecode(plusIsSpace(raw))
  return text === null ? undecodable : read(text)
}

/** Delimiters count as such before decoding, so that an encoded one is data (RFC 6570 3.2.1). */
function split(plan: ParameterReading, text: string): readonly string[] {
  switch (plan.style) {
    case 'spaceDelimited':
      return text.split(/%20|\+/)
    case 'pipeDelimited':
      return text.split(/\||%7[Cc]/)
    default:
      return plusIsSpace(text).split(',')
  }
}

/** `+` is a space in `application/x-www-form-urlencoded`, which form style is modelled on. */
function plusIsSpace(text: string): string {
  return text.includes('+') ? text.replaceAll('+', '%20') : text
}
