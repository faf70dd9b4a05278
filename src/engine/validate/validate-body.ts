import { type Coding, codingOf, decode } from '../../base/content-coding.ts'
import { type JsonFault, readJson } from '../../base/read-json.ts'
import { kindAt } from '../../base/value-kind.ts'
import type { MediaTypePlan } from '../../program/program.ts'
import type { Validator } from '../../schema/validator.ts'
import { allow, type Decision, type Denial, deny, denyWith, type Fault } from '../decision.ts'
import type { Head } from '../parse/head.ts'
import type { BodyInspector } from '../permit.ts'
import { type ContentReading, type LinkedMediaType, type ReadContent, unreadable } from './content.ts'
import { type ContentType, parseContentType } from './content-type.ts'
import { MultipartReading } from './read-multipart.ts'
import { settle } from './settle.ts'
import { maxFaults, summarize } from './validate-parameters.ts'

/** A request body as the contract describes it; null plan of the operation means: none allowed. */
export interface LinkedBody {
  readonly required: boolean
  /** In which content that is read whole may come. */
  readonly codings: readonly Coding[]
  readonly content: readonly LinkedMediaType[]
}

/** What is to be done with the body that is about to come. */
export type BodyExpectation =
  | { readonly kind: 'none' }
  | ExpectedContent
  /** Parts with files among them, judged on their way. */
  | { readonly kind: 'parts'; readonly inspector: BodyInspector }
  /** The inspector looks at nothing but whether there is a body at all. */
  | { readonly kind: 'opaque'; readonly inspector: BodyInspector | null }

/** Content that is read whole. */
interface ExpectedContent {
  readonly kind: 'content'
  readonly mediaType: LinkedMediaType
  readonly coding: Coding | null
  readonly required: boolean
}

/** Deepest nesting of a JSON body. */
const maxDepth = 64
const nothing: BodyExpectation = { kind: 'none' }
const opaque: BodyExpectation = { kind: 'opaque', inspector: null }

/**
 * Decides from the head alone whether a body may come and how it is read.
 * @see RFC 9110 8.3, 8.4; attacks D1, D2, D7, D8
 */
export function expectBody(
  body: LinkedBody | null,
  head: Head,
  maxBodyBytes: number,
): Decision<BodyExpectation> {
  if (!body && head.hasBody)
    return deny('validate', 'body_unexpected', 'the operation declares no request body')
  const coding = codingOf(head.fields.get('content-encoding') ?? 'identity')
  if (!body || !head.hasBody) {
    if (coding !== null) return unsupportedCoding('a content coding, and no content', [])
    return body?.required ? missingBody() : allow(nothing)
  }
  if (head.contentLength !== null && head.contentLength > maxBodyBytes) {
    return deny('validate', 'body_too_large', `Content-Length is above ${maxBodyBytes} octets`)
  }
  if (coding === undefined || (coding !== null && !body.codings.includes(coding)))
    return unsupportedCoding('the content coding is not accepted', body.codings)
  const contentType = parseContentType(head.fields.get('content-type') ?? '')
  if (!contentType) return unsupported('Content-Type is missing or not one media type')
  const declared = body.content.find(({ plan }) => fits(plan, contentType))
  if (!declared) return unsupported('the media type is not declared for the body')
  // What is not read whole cannot be bounded, let alone judged, beneath a coding.
  if (coding !== null && !declared.read)
    return unsupportedCoding('no content coding is accepted for this media type', [])
  const utf8 = (contentType.parameters.get('charset') ?? 'utf-8').toLowerCase() === 'utf-8'
  if (declared.parts && utf8) return expectParts(declared, declared.parts, contentType, body.required)
  if (!declared.read && !declared.parts) {
    const mayBeEmpty = !body.required || head.contentLength !== null
    return allow(mayBeEmpty ? opaque : { kind: 'opaque', inspector: presence() })
  }
  // RFC 8259 8.1: JSON between systems is UTF-8, and so is all content that is looked at.
  if (!utf8) return unsupported('the only charset is UTF-8')
  return allow({ kind: 'content', mediaType: declared, coding, required: body.required })
}

function unsupported(detail: string): Denial {
  return denyWith('validate', 'media_type_unsupported', detail, {})
}

/** @see RFC 9110 12.5.3, 15.5.16 */
function unsupportedCoding(detail: string, acceptEncoding: readonly Coding[]): Denial {
  return denyWith('validate', 'media_type_unsupported', detail, { acceptEncoding })
}

/** Parts without files are read whole. @see RFC 7578 4.1 */
function expectParts(
  declared: LinkedMediaType,
  parts: NonNullable<LinkedMediaType['parts']>,
  contentType: ContentType,
  required: boolean,
): Decision<BodyExpectation> {
  // ATTACK: some look for `boundary` anywhere: in `xboundary=a; boundary=b`, or in the value of another parameter.
  const named = declared.plan.parameters.map(([name]) => name)
  for (const name of contentType.parameters.keys())
    if (name !== 'boundary' && name !== 'charset' && !named.includes(name))
      return unsupported('multipart has no parameters but boundary and charset')
  const streams = [...parts.values()].some(({ plan }) => plan.kind === 'file')
  const reading = MultipartReading.open(contentType, parts, !streams)
  if (!reading) return unsupported('the boundary is missing, or is none')
  if (streams) return allow({ kind: 'parts', inspector: inspectParts(reading, declared.validator) })
  const read: ReadContent = (bytes) => {
    const faults = reading.push(bytes)
    return faults ? { ok: false, faults } : reading.finish()
  }
  return allow({ kind: 'content', mediaType: { ...declared, read }, coding: null, required })
}

function inspectParts(reading: MultipartReading, validator: Validator | null): BodyInspector {
  return {
    push: (octets) => {
      const faults = reading.push(octets)
      return faults && invalidBody(faults.map(inBody))
    },
    end: () => {
      const judged = judgeReading(reading.finish(), validator)
      return judged.allow ? null : judged
    },
  }
}

/** Chunks say only at their end that there were none. */
function presence(): BodyInspector {
  let octets = 0
  return {
    push: ({ length }) => {
      octets += length
      return null
    },
    end: () => (octets === 0 ? missingBody() : null),
  }
}

/**
 * Reads and checks a body; what is returned was read from the very bytes that are forwarded.
 * @returns null for a body without octets that may be absent
 */
export function validateContent(
  { mediaType: { read, validator }, coding, required }: ExpectedContent,
  bytes: Uint8Array,
  maxBodyBytes: number,
): Decision<unknown> {
  if (bytes.length === 0) return required ? missingBody() : allow(null)
  const plain = coding === null ? bytes : decode(coding, bytes, maxBodyBytes)
  if (plain === 'too_large')
    return deny(
      'validate',
      'body_too_large',
      `the body is above ${maxBodyBytes} octets without its content coding`,
    )
  if (plain === 'broken') return judgeReading(unreadable(`must be one stream of ${coding}`), validator)
  return judgeReading(read?.(plain) ?? unreadable('cannot be read'), validator)
}

function judgeReading(content: ContentReading, validator: Validator | null): Decision<unknown> {
  if (!validator) return invalidBody([inBody({ pointer: '', message: 'cannot be read' })])
  if (!content.ok) return invalidBody(content.faults.slice(0, maxFaults).map(inBody))
  const settled = settle(content, validator)
  if (settled) return allow(settled.value)
  const faults = validator.faults(content.value, maxFaults).map(inBody)
  return invalidBody(faults.map((fault) => ({ ...fault, seen: kindAt(content.value, fault.pointer) })))
}

export const readJsonContent: ReadContent = (bytes): ContentReading => {
  const read = readJson(bytes, { maxDepth })
  return read.ok ? read : { ok: false, faults: [read.fault] }
}

function inBody({ pointer, message }: JsonFault): Fault {
  return { in: 'body', pointer, message }
}

function missingBody(): Denial {
  return invalidBody([inBody({ pointer: '', message: 'is required' })])
}

function invalidBody(faults: readonly Fault[]): Denial {
  return denyWith('validate', 'body_invalid', summarize(faults), { faults })
}

/** RFC 9110 8.3.1: parameters that the contract names are part of the media type. */
function fits({ mediaType, parameters }: MediaTypePlan, actual: ContentType): boolean {
  for (const [name, value] of parameters) if (actual.parameters.get(name) !== value) return false
  return covers(mediaType, actual.mediaType)
}

/** Whether a media type, or a range of them, takes in an actual one. */
export function covers(declared: string, actual: string): boolean {
  if (declared === actual || declared === '*/*') return true
  return declared.endsWith('/*') && actual.startsWith(declared.slice(0, -1))
}
