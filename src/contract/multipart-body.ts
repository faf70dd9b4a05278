import type { Json, JsonObject } from '../base/json.ts'
import { isJsonObject } from '../base/json.ts'
import { pointerTo } from '../base/pointer.ts'
import type { MultipartPlan, PartPlan } from '../program/program.ts'
import type { Documents, Located } from './documents.ts'
import { topTypes } from './object-shape.ts'
import { openApiKeys } from './openapi-keys.ts'
import { parameterType } from './parameter-type.ts'
import type { Section } from './section.ts'

export interface ReadMultipart {
  readonly plan: MultipartPlan
  /** The schema with a text in the place of each file, to be lowered where the schema stood. */
  readonly schema: JsonObject
}

const annotations = ['title', 'description', 'example', 'examples', 'externalDocs', 'deprecated', '$comment']
const plainKeywords = [
  'type',
  'properties',
  'required',
  'additionalProperties',
  'minProperties',
  'maxProperties',
]

/**
 * Finds out what each part of a `multipart/form-data` body is: a text, JSON or a file.
 * @returns what cannot be read, as a text, otherwise
 * @see OpenAPI 3.1.1 4.8.14.4, 4.8.15; RFC 7578
 */
export function multipartPlan(
  schema: Located,
  mediaType: Section,
  documents: Documents,
): ReadMultipart | string {
  const { value, at } = schema
  if (!isJsonObject(value) || topTypes(schema, documents).join() !== 'object')
    return 'parts of what is no object'
  const odd = Object.keys(value).find(
    (key) => !plainKeywords.includes(key) && !annotations.includes(key) && !key.startsWith('x-'),
  )
  if (odd !== undefined) return `${odd} beside the parts`
  if ((value.additionalProperties ?? false) !== false) return 'parts that are not named'
  const encodings = new Map(mediaType.members('encoding'))
  const named = isJsonObject(value.properties) ? value.properties : {}
  const parts: PartPlan[] = []
  const properties: { [name: string]: Json } = {}
  for (const [name, property] of Object.entries(named)) {
    const located = {
      value: property,
      at: { file: at.file, pointer: pointerTo(pointerTo(at.pointer, 'properties'), name) },
    }
    const encoding = encodings.get(name)?.expect(openApiKeys.encoding, 'extensions')
    const read = readPart(name, located, encoding, documents)
    if (typeof read === 'string') return `${read} as part ${name}`
    parts.push(read)
    properties[name] = read.kind === 'file' ? standIn(property, read) : property
  }
  return { plan: { parts }, schema: { ...value, properties } }
}

function readPart(
  name: string,
  schema: Located,
  encoding: Section | undefined,
  documents: Documents,
): PartPlan | string {
  const told = encoding && ['headers', 'style', 'explode', 'allowReserved'].find((key) => encoding.has(key))
  if (told) return `encoding with ${told}`
  const found = documents.follow(schema)
  if (!found) return 'a schema that is not there'
  const list = topTypes(found, documents).join() === 'array'
  const item = list ? itemOf(found, documents) : found
  if (!item) return 'a list of anything'
  const said = encoding?.text('contentType')?.toLowerCase()
  const contentTypes = said?.split(',').map((one) => (one.split(';')[0] as string).trim()) ?? []
  const base = { name, list, primitives: [], minBytes: 0, maxBytes: null }
  if (isFile(item.value, contentTypes)) {
    const { minLength, maxLength, contentMediaType } = isJsonObject(item.value) ? item.value : {}
    return {
      ...base,
      kind: 'file',
      contentTypes:
        said === undefined && typeof contentMediaType === 'string'
          ? [contentMediaType.toLowerCase()]
          : contentTypes,
      minBytes: typeof minLength === 'number' ? minLength : 0,
      maxBytes: typeof maxLength === 'number' ? maxLength : null,
    }
  }
  const types = topTypes(item, documents)
  const json = types.join() === 'object' || contentTypes.some((one) => jsonType.test(one))
  if (json)
    return { ...base, kind: 'json', contentTypes: said === undefined ? ['application/json'] : contentTypes }
  const type = parameterType(item, documents)
  if (typeof type === 'string' || type.kind !== 'primitive') return 'a list of lists, or of several kinds'
  return {
    ...base,
    kind: 'text',
    primitives: type.primitives,
    contentTypes: said === undefined ? ['text/plain'] : contentTypes,
  }
}

const jsonType = /^application\/(?:[\w.-]+\+)?json$/

function itemOf({ value, at }: Located, documents: Documents): Located | undefined {
  const items = isJsonObject(value) ? value.items : undefined
  return items === undefined
    ? undefined
    : documents.follow({ value: items, at: { file: at.file, pointer: pointerTo(at.pointer, 'items') } })
}

/** OpenAPI 3.0 `format: binary`; 3.1 a content type without an encoding, or no type at all. */
function isFile(value: Json, contentTypes: readonly string[]): boolean {
  if (value === true) return true
  if (!isJsonObject(value)) return false
  if (value.type !== undefined && value.type !== 'string') return false
  if (value.format === 'binary') return true
  if (value.contentMediaType !== undefined && value.contentEncoding === undefined) return true
  if (Object.keys(value).every((key) => annotations.includes(key))) return true
  return (
    value.type === 'string' && contentTypes.some((one) => !one.startsWith('text/') && !jsonType.test(one))
  )
}

/** Files are judged as they stream; the whole then holds an empty text for each. */
function standIn(property: Json, { list }: PartPlan): Json {
  if (!list) return { type: 'string' }
  const { minItems, maxItems } = isJsonObject(property) ? property : {}
  return {
    type: 'array',
    items: { type: 'string' },
    ...(minItems !== undefined && { minItems }),
    ...(maxItems !== undefined && { maxItems }),
  }
}
