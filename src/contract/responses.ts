import { isJsonObject } from '../base/json.ts'
import { pointerTo } from '../base/pointer.ts'
import type { MediaTypePlan, PrimitiveType, ResponseHeaderPlan, ResponsePlan } from '../program/program.ts'
import type { SchemaLowering } from '../schema/lower.ts'
import { isOpaque, isSilent, jsonType, textType } from './body.ts'
import type { Documents, Located } from './documents.ts'
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

  read(operation: Section): readonly ResponsePlan[] {
    const section = operation.child('responses')
    if (Object.keys(section?.value ?? {}).length === 0) {
      const message = 'the operation declares no answer, so none can be held against the contract'
      const fix = 'write responses: { 200: … }'
      operation.report.warn('responses-missing', operation.position(undefined, 'key'), message, fix)
    }
    if (!section) return []
    return Object.keys(section.value).flatMap((status) => {
      if (status.startsWith('x-')) return []
      if (!/^(?:[1-5]\d\d|[1-5]XX|default)$/.test(status)) {
        const fix = 'write a status such as 200 or 4XX, or default'
        section.problem(status, 'status-invalid', `${status} is no status of an answer`, fix)
        return []
      }
      const described = this.#readResponse(section, status)
      return described ? [{ status, ...described }] : []
    })
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
    const schema = section.get('schema')
    const at = below(section, 'schema')
    if (schema !== undefined && jsonType.test(mediaType))
      return { mediaType, parameters, reading: 'json', schema: this.lowering.lower(schema, at) }
    const primitives =
      schema !== undefined && textType.test(mediaType) && this.#saysOfText({ value: schema, at })
    if (primitives)
      return { mediaType, parameters, reading: 'text', primitives, schema: this.lowering.lower(schema, at) }
    return { mediaType, parameters, reading: 'opaque', schema: true }
  }

  /** What a text is, where its schema says more than that it is one; null for what never ends or has structure. */
  #saysOfText(schema: Located): readonly PrimitiveType[] | null {
    const followed = this.#documents.follow(schema)
    const type = followed && parameterType(followed, this.#documents)
    if (!type || typeof type === 'string' || type.kind !== 'primitive') return null
    const { value } = followed
    const plain = isJsonObject(value) && Object.keys(value).every((key) => key === 'type' || isSilent(key))
    const anyText = plain && type.primitives.every((one) => one === 'string')
    return anyText || isOpaque(value) ? null : type.primitives
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

function below(section: Section, key: string): { readonly file: string; readonly pointer: string } {
  return { file: section.source.file, pointer: pointerTo(section.pointer, key) }
}
