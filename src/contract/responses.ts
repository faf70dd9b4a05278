import { isJsonObject, type Json } from '../base/json.ts'
import { pointerTo } from '../base/pointer.ts'
import type {
  ContentPlan,
  MediaTypePlan,
  ResponseHeaderPlan,
  ResponsePlan,
  ResponseValidation,
} from '../program/program.ts'
import type { SchemaLowering } from '../schema/lower.ts'
import { isOpaque, isSilent, jsonType, textType } from './body.ts'
import type { Documents, Located } from './documents.ts'
import { formPlan } from './form-body.ts'
import { openApiKeys } from './openapi-keys.ts'
import { parameterType } from './parameter-type.ts'
import type { Section } from './section.ts'

type Described = Pick<ResponsePlan, 'headers' | 'content'>

/**
 * Reads the answers that operations declare. What several operations share is read once.
 * @see OpenAPI 3.1.1 4.8.16 (Responses Object), 4.8.17 (Response Object), 4.8.21 (Header Object)
 */
export class ResponseReader {
  readonly lowering: SchemaLowering
  readonly #documents: Documents
  readonly #read = new Map<string, Described>()

  constructor(documents: Documents, lowering: SchemaLowering) {
    this.#documents = documents
    this.lowering = lowering
  }

  read(operation: Section, mode: ResponseValidation): readonly ResponsePlan[] {
    const section = operation.child('responses')
    if (Object.keys(section?.value ?? {}).length === 0) {
      const message = 'the operation declares no answer, so none can be held against the contract'
      const fix = 'write responses: { 200: … }'
      operation.report.warn('responses-missing', operation.position(undefined, 'key'), message, fix)
    }
    if (!section) return []
    const responses = Object.keys(section.value).flatMap((status) => {
      if (status.startsWith('x-')) return []
      if (!/^(?:[1-5]\d\d|[1-5]XX|default)$/.test(status)) {
        const fix = 'write a status such as 200 or 4XX, or default'
        section.problem(status, 'status-invalid', `${status} is no status of an answer`, fix)
        return []
      }
      const described = this.#readResponse(section, status)
      return described ? [{ status, ...described }] : []
    })
    if (mode === 'enforce' || mode === 'strip') reportUnread(section, responses, mode)
    return responses
  }

  #readResponse(parent: Section, status: string): Described | undefined {
    const response = this.#follow(parent, status)?.expect(openApiKeys.response, 'extensions')
    if (!response) return undefined
    const key = `${response.source.file}#${response.pointer}`
    const known = this.#read.get(key)
    if (known) return known
    const content = response.members('content').flatMap(([name, mediaType]) => {
      const plan = this.#readMediaType(name, mediaType.expect(openApiKeys.mediaType, 'extensions'))
      return plan ? [plan] : []
    })
    content.sort((a, b) => Number(a.mediaType.endsWith('*')) - Number(b.mediaType.endsWith('*')))
    const described = { headers: this.#readHeaders(response), content }
    this.#read.set(key, described)
    return described
  }

  #readMediaType(name: string, section: Section): MediaTypePlan | undefined {
    const mediaType = (name.split(';')[0] as string).trim().toLowerCase()
    if (!/^[a-z0-9!#$&^_.+*-]+\/[a-z0-9!#$&^_.+*-]+$/.test(mediaType)) {
      const message = `${name} is no media type`
      const fix = 'write one such as application/json'
      section.report.error('media-type-invalid', section.position(undefined, 'key'), message, fix)
      return undefined
    }
    // Answers are told apart by their media type alone.
    const parameters: MediaTypePlan['parameters'] = []
    const plan = { mediaType, parameters }
    const schema = section.get('schema')
    const at = below(section, 'schema')
    const followed = schema === undefined ? undefined : this.#documents.follow({ value: schema, at })
    if (schema === undefined || !followed) return { ...plan, reading: 'opaque', schema: true }
    if (jsonType.test(mediaType)) return { ...plan, reading: 'json', schema: this.lowering.lower(schema, at) }
    // An event stream has no end that could be waited for.
    if (mediaType === 'text/event-stream' || saysNothing(followed.value))
      return { ...plan, reading: 'opaque', schema: true }
    const reading = this.#readingOf(mediaType, followed, section)
    return reading
      ? { ...plan, ...reading, schema: this.lowering.lower(schema, at) }
      : { ...plan, reading: 'unread', schema: true }
  }

  #readingOf(mediaType: string, schema: Located, section: Section): ContentPlan | null {
    if (mediaType === 'application/x-www-form-urlencoded') {
      const form = formPlan(schema, section, this.#documents)
      return typeof form === 'string' ? null : { reading: 'form', ...form }
    }
    // Of a range that holds JSON, JSON is judged.
    if (mediaType === '*/*' || mediaType === 'application/*') return { reading: 'json' }
    if (!textType.test(mediaType)) return null
    const type = parameterType(schema, this.#documents)
    if (typeof type === 'string' || type.kind !== 'primitive') return null
    return { reading: 'text', primitives: type.primitives }
  }

  #readHeaders(response: Section): readonly ResponseHeaderPlan[] {
    const headers = response.child('headers')
    if (!headers) return []
    return Object.keys(headers.value).flatMap((written) => {
      const name = written.toLowerCase()
      const header = this.#follow(headers, written)?.expect(openApiKeys.header, 'extensions')
      // OpenAPI 3.1.1 4.8.17.1: a header called Content-Type is ignored; `content` says it.
      return header && name !== 'content-type' ? [this.#readHeader(name, header)] : []
    })
  }

  #readHeader(name: string, header: Section): ResponseHeaderPlan {
    const common = {
      name,
      required: header.flag('required') ?? false,
      explode: header.flag('explode') ?? false,
    }
    const content = header.child('content')
    const json = content !== undefined
    const owner = json ? content.child('application/json') : header
    const schema = owner?.get('schema')
    if (owner && schema === undefined)
      header.report.warn(
        'header-unvalidated',
        header.position(undefined, 'key'),
        `the value of ${name} is not validated: it has no schema`,
        'write schema: { type: string }',
      )
    // Cookies of one answer cannot be joined to one value (RFC 6265 3).
    if (!owner || schema === undefined || name === 'set-cookie') return { ...common, value: null }
    const at = below(owner, 'schema')
    const type = json
      ? { kind: 'primitive' as const, primitives: ['string' as const] }
      : parameterType({ value: schema, at }, this.#documents)
    if (typeof type !== 'string' && !type.single) {
      return { ...common, value: { type, json, schema: this.lowering.lower(schema, at) } }
    }
    header.report.warn(
      'header-unvalidated',
      header.position(undefined, 'key'),
      `the value of ${name} is not validated: its schema allows more than one reading of a text`,
      'describe it as one value, a list, or an object of simple values',
    )
    return { ...common, value: null }
  }

  #follow(parent: Section, key: string): Section | undefined {
    return this.#documents.section({ value: parent.value[key] ?? null, at: below(parent, key) })
  }
}

/** What cannot be judged does not pass there, so such an answer could never be given. */
function reportUnread(section: Section, responses: readonly ResponsePlan[], mode: ResponseValidation): void {
  for (const { status, content } of responses)
    for (const { mediaType, reading } of content)
      if (reading === 'unread')
        section.report.warn(
          'answer-unvalidated',
          section.position(status, 'key'),
          `answers of ${mediaType} cannot be validated by this version, and become a 502 under validate.responses: ${mode}`,
          'describe them by { type: string, format: binary } to pass them unseen, or write x-portcullis: { validate: { responses: report } }',
        )
}

/** No more than that it is octets or a text. */
function saysNothing(schema: Json): boolean {
  if (schema === true || isOpaque(schema)) return true
  return (
    isJsonObject(schema) &&
    schema.type === 'string' &&
    Object.keys(schema).every((key) => key === 'type' || isSilent(key))
  )
}

function below(section: Section, key: string): { readonly file: string; readonly pointer: string } {
  return { file: section.source.file, pointer: pointerTo(section.pointer, key) }
}
