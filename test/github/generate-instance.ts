import fc from 'fast-check'
import { isJsonObject, type Json, type JsonObject } from '../../src/base/json.ts'

/** A value inside an instance, with the schema it was made for. */
export interface Site {
  readonly pointer: string
  /** Without `allOf`, `anyOf` and `oneOf`: what they demand is merged in. */
  readonly schema: JsonObject
  readonly value: Json
  /** False inside a branch of `anyOf` or `oneOf`, whose faults may be told of the whole. */
  readonly sure: boolean
}

export interface Instance {
  readonly value: Json
  readonly sites: readonly Site[]
}

/** Which members an object gets beside those that are required. */
export type Fullness = 'required' | 'some' | 'all'

/**
 * Makes an instance for a Schema Object of OpenAPI 3.0 without references. Whether it is valid is for others to say:
 * branches may exclude one another.
 */
export function generateInstance(schema: Json, fullness: Fullness, seed: number): Instance {
  const random = sequence(seed)
  const sites: Site[] = []
  const value = make(schema, '', true)
  return { value, sites }

  function make(source: Json, pointer: string, within: boolean): Json {
    if (!isJsonObject(source)) return 'anything'
    const { schema: merged, sure } = merge(source, random)
    const made = makePlain(merged, pointer, within && sure)
    sites.push({ pointer, schema: merged, value: made, sure: within && sure })
    return made
  }

  function makePlain(plain: JsonObject, pointer: string, sure: boolean): Json {
    if (Array.isArray(plain.enum))
      return choose((plain.enum as readonly Json[]).filter((one) => one !== null))
    switch (plain.type ?? (plain.properties ? 'object' : plain.items ? 'array' : 'string')) {
      case 'object':
        return makeObject(plain, pointer, sure)
      case 'array':
        return makeArray(plain, pointer, sure)
      case 'boolean':
        return random() < 0.5
      case 'integer':
      case 'number':
        return Math.min(Math.max(7, bound(plain.minimum, 7)), bound(plain.maximum, 7))
      default:
        return text(plain, seed)
    }
  }

  function makeObject(plain: JsonObject, pointer: string, sure: boolean): Json {
    const made: Record<string, Json> = {}
    const required = (plain.required ?? []) as readonly string[]
    for (const [name, member] of Object.entries((plain.properties ?? {}) as JsonObject)) {
      if (isJsonObject(member) && member.readOnly === true) continue
      const wanted = fullness === 'all' || (fullness === 'some' && random() < 0.5)
      if (wanted || required.includes(name)) made[name] = make(member, `${pointer}/${step(name)}`, sure)
    }
    const { additionalProperties: more } = plain
    const room = Object.keys(made).length < bound(plain.maxProperties, Number.POSITIVE_INFINITY)
    if (more !== undefined && more !== false && fullness !== 'required' && room)
      made.other = make(more, `${pointer}/other`, sure)
    return made
  }

  function makeArray(plain: JsonObject, pointer: string, sure: boolean): Json {
    const least = bound(plain.minItems, 0)
    const count = Math.min(bound(plain.maxItems, 2), fullness === 'required' ? least : Math.max(least, 1))
    return Array.from({ length: count }, (_, index) => make(plain.items ?? {}, `${pointer}/${index}`, sure))
  }

  function choose<T>(values: readonly T[]): T {
    return values[Math.floor(random() * values.length)] as T
  }
}

function merge(
  { allOf, anyOf, oneOf, ...own }: JsonObject,
  random: () => number,
): { readonly schema: JsonObject; readonly sure: boolean } {
  let schema: JsonObject = own
  let sure = true
  const include = (part: Json) => {
    const inner = merge(part as JsonObject, random)
    schema = {
      ...schema,
      ...inner.schema,
      properties: { ...(schema.properties as JsonObject), ...(inner.schema.properties as JsonObject) },
      required: [...((schema.required ?? []) as Json[]), ...((inner.schema.required ?? []) as Json[])],
    }
    sure &&= inner.sure
  }
  for (const part of (allOf ?? []) as readonly Json[]) include(part)
  for (const branches of [anyOf, oneOf] as readonly (readonly Json[] | undefined)[]) {
    if (!branches) continue
    include(branches[Math.floor(random() * branches.length)] as Json)
    sure = false
  }
  return { schema, sure }
}

const formats: { readonly [format: string]: string } = {
  uri: 'https://example.com/a?b=c',
  date: '2026-02-28',
  'date-time': '2026-02-28T12:00:00Z',
}

function text(schema: JsonObject, seed: number): string {
  const { format, pattern } = schema
  if (typeof format === 'string' && formats[format] !== undefined) return formats[format]
  if (typeof pattern === 'string') {
    const [found = ''] = fc.sample(fc.stringMatching(new RegExp(pattern, 'u')), { seed, numRuns: 1 })
    return found
  }
  const length = Math.min(Math.max(5, bound(schema.minLength, 0)), bound(schema.maxLength, 5))
  return [...'aé漢😀'.repeat(length)].slice(0, length).join('')
}

function bound(value: Json | undefined, otherwise: number): number {
  return typeof value === 'number' ? value : otherwise
}

export function step(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1')
}

/** Mulberry32: the same numbers for the same seed. */
function sequence(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
