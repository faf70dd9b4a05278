import { isJsonObject } from '../base/json.ts'
import { pointerTo } from '../base/pointer.ts'
import type { BodyPlan, MediaTypePlan } from '../program/program.ts'
import { formPlan } from './form-body.ts'
import { bySpecificity, readMediaTypeName } from './media-type.ts'
import { multipartPlan } from './multipart-body.ts'
import { openApiKeys } from './openapi-keys.ts'
import { parameterType } from './parameter-type.ts'
import type { ParameterContext } from './parameters.ts'
import type { Section } from './section.ts'

/** Reads the request body of an operation; null when none is declared. */
export function readBody(operation: Section, context: ParameterContext): BodyPlan | null {
  const value = operation.get('requestBody')
  if (value === undefined) return null
  const at = { file: operation.source.file, pointer: pointerTo(operation.pointer, 'requestBody') }
  const section = context.documents.section({ value, at })?.expect(openApiKeys.requestBody, 'extensions')
  if (!section) return null
  section.require('content', '{ application/json: { schema: … } }')
  const content = section.members('content').flatMap(([name, mediaType]) => {
    const plan = readMediaType(name, mediaType.expect(openApiKeys.mediaType, 'extensions'), context)
    return plan ? [plan] : []
  })
  content.sort(bySpecificity)
  return { required: section.flag('required') ?? false, content }
}

export const jsonType = /^application\/(?:json|[a-z0-9.!#$&^_-]+\+json)$/
/** An event stream has no end that could be waited for. */
export const textType = /^(?:text\/(?!event-stream$).+|application\/(?:xml|yaml|.+\+(?:xml|yaml)))$/

function readMediaType(
  name: string,
  section: Section,
  { documents, lowering }: ParameterContext,
): MediaTypePlan | undefined {
  const named = readMediaTypeName(name)
  if (!named) {
    section.report.error(
      'media-type-invalid',
      section.position(undefined, 'key'),
      `${name} is no media type`,
      'write one such as application/json',
    )
    return undefined
  }
  const schema = section.get('schema')
  const at = { file: section.source.file, pointer: pointerTo(section.pointer, 'schema') }
  const { mediaType } = named
  const json = jsonType.test(mediaType)
  const followed = schema === undefined ? undefined : documents.follow({ value: schema, at })
  if (!json && isOpaque(followed?.value)) return { ...named, reading: 'opaque', schema: true }
  // RFC 8259 8.1; content in another charset is not looked at.
  if (named.parameters.some(([key]) => key === 'charset'))
    return unreadable(section, mediaType, 'a charset that is not UTF-8')
  if (json) return { ...named, reading: 'json', schema: lowering.lower(schema ?? {}, at) }
  if (followed && mediaType === 'application/x-www-form-urlencoded') {
    const form = formPlan(followed, section, documents)
    if (typeof form === 'string') return unreadable(section, mediaType, form)
    return { ...named, reading: 'form', ...form, schema: lowering.lower(schema, at) }
  }
  if (followed && mediaType === 'multipart/form-data') {
    const multipart = multipartPlan(followed, section, documents)
    if (typeof multipart === 'string') return unreadable(section, mediaType, multipart)
    const lowered = lowering.lower(multipart.schema, followed.at)
    return { ...named, reading: 'multipart', ...multipart.plan, schema: lowered }
  }
  if (followed && textType.test(mediaType)) {
    const type = parameterType(followed, documents)
    if (typeof type === 'string' || type.kind !== 'primitive')
      return unreadable(section, mediaType, 'a text that is a list or an object')
    return { ...named, reading: 'text', primitives: type.primitives, schema: lowering.lower(schema, at) }
  }
  return unreadable(section, mediaType, null)
}

function unreadable(section: Section, mediaType: string, what: string | null): undefined {
  section.report.warn(
    'media-type-unvalidated',
    section.position(undefined, 'key'),
    `bodies of ${mediaType} cannot be validated by this version and are refused with 415${what === null ? '' : `: ${what}`}`,
    'offer application/json, or declare the schema { type: string, format: binary } for content that is passed on unseen',
  )
  return undefined
}

/** No schema, an empty one, or binary content: there is nothing to check but the size. */
export function isOpaque(schema: unknown): boolean {
  if (schema === undefined) return true
  if (!isJsonObject(schema)) return false
  if (Object.keys(schema).every(isSilent)) return true
  return schema.type === 'string' && schema.format === 'binary'
}

const silent: ReadonlySet<string> = new Set([
  'description',
  'title',
  'example',
  'examples',
  'contentMediaType',
])

/** Whether a keyword says nothing that content could break. */
export function isSilent(keyword: string): boolean {
  return silent.has(keyword)
}
