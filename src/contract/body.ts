import { isJsonObject } from '../base/json.ts'
import { pointerTo } from '../base/pointer.ts'
import type { BodyPlan, MediaTypePlan } from '../program/program.ts'
import { openApiKeys } from './openapi-keys.ts'
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
  content.sort((a, b) => Number(a.mediaType.endsWith('*')) - Number(b.mediaType.endsWith('*')))
  return { required: section.flag('required') ?? false, content }
}

export const jsonType = /^application\/(?:json|[a-z0-9.!#$&^_-]+\+json)$/

function readMediaType(
  name: string,
  section: Section,
  { documents, lowering }: ParameterContext,
): MediaTypePlan | undefined {
  const mediaType = (name.split(';')[0] as string).trim().toLowerCase()
  const schema = section.get('schema')
  const at = { file: section.source.file, pointer: pointerTo(section.pointer, 'schema') }
  if (!/^[a-z0-9!#$&^_.+*-]+\/[a-z0-9!#$&^_.+*-]+$/.test(mediaType)) {
    section.report.error(
      'media-type-invalid',
      section.position(undefined, 'key'),
      `${name} is no media type`,
      'write one such as application/json',
    )
    return undefined
  }
  if (jsonType.test(mediaType))
    return { mediaType, reading: 'json', schema: lowering.lower(schema ?? {}, at) }
  if (isOpaque(schema === undefined ? undefined : documents.follow({ value: schema, at })?.value))
    return { mediaType, reading: 'opaque', schema: true }
  section.report.warn(
    'media-type-unvalidated',
    section.position(undefined, 'key'),
    `bodies of ${mediaType} cannot be validated by this version and are refused with 415`,
    'offer application/json, or declare the schema { type: string, format: binary } for content that is passed on unseen',
  )
  return undefined
}

/** No schema, an empty one, or binary content: there is nothing to check but the size. */
function isOpaque(schema: unknown): boolean {
  if (schema === undefined) return true
  if (!isJsonObject(schema)) return false
  const said = Object.keys(schema).filter(
    (key) => !['description', 'title', 'example', 'examples', 'contentMediaType'].includes(key),
  )
  if (said.length === 0) return true
  return schema.type === 'string' && schema.format === 'binary'
}
