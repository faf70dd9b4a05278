import { type Coding, codingOf } from '../../base/content-coding.ts'
import { pointerSteps } from '../../base/pointer.ts'
import type { JsonFault } from '../../base/read-json.ts'
import type { MediaTypePlan } from '../../program/program.ts'
import { type Denial, deny } from '../decision.ts'
import { parseContentType } from './content-type.ts'
import type {
  JudgedContent,
  LinkedResponse,
  LinkedResponseHeader,
  LinkedResponses,
} from './link-responses.ts'
import { readJsonText, readPieces } from './parameter-value.ts'
import { settle } from './settle.ts'
import { stripUnknown } from './strip-unknown.ts'
import { covers } from './validate-body.ts'

/** Header fields of an answer: lower-case names, lists for repeated fields. */
export interface AnswerFields {
  readonly [name: string]: string | readonly string[] | undefined
}

/** Why the content of an answer was not looked at, although the contract says something about it. */
export type Unseen = 'too_large' | 'partial' | 'content_coding' | 'charset' | 'media_type'

export type ExpectedContent =
  /** Nothing is said about it, or none can come: it passes as it comes. */
  | { readonly kind: 'any' }
  /** The contract declares none, so its first octet is a fault. */
  | { readonly kind: 'none' }
  | { readonly kind: 'unseen'; readonly why: Unseen }
  | { readonly kind: 'judged'; readonly content: JudgedContent; readonly coding: Coding | null }

export interface JudgedAnswer {
  /** What is wrong with status, fields and media type. For the operator only. */
  readonly faults: readonly string[]
  readonly content: ExpectedContent
}

const maxFaults = 20
const anyContent: ExpectedContent = { kind: 'any' }
const none: ExpectedContent = { kind: 'none' }
const withoutContent: Pick<LinkedResponse, 'content'> = { content: [] }

/**
 * Judges the head of an answer, and says what is to be done with its content.
 *
 * Fields that the contract does not declare are no fault: HTTP has many that no contract names.
 * 304 answers a conditional GET or HEAD, and 206 a range, whether the contract declares them or not.
 * @see RFC 9110 6.4.1 (which answers have content), 15.3.7, 15.4.5; OpenAPI 3.1.1 4.8.16
 */
export function judgeResponse(
  responses: LinkedResponses,
  method: string,
  status: number,
  fields: AnswerFields,
): JudgedAnswer {
  const conditional = status === 304 && (method === 'GET' || method === 'HEAD')
  if (conditional) return { faults: [], content: anyContent }
  const declared = declaredFor(responses.byStatus, status)
  if (!declared) return { faults: [`the status ${status} is not declared`], content: anyContent }
  const faults = declared.headers.flatMap((header) => judgeField(header, fields))
  if (method === 'HEAD' || status === 204 || status === 304) return { faults, content: anyContent }
  // RFC 9110 15.3.6: a 205 must have no content, yet readers of HTTP/1.1 take what it has.
  const content = judgeContent(status === 205 ? withoutContent : declared, status, fields, responses.maxBytes)
  return typeof content === 'string'
    ? { faults: [...faults, content], content: anyContent }
    : { faults, content }
}

/** @returns what is wrong with the content; empty when nothing is. For the operator only. */
export function judgeContentOf(content: JudgedContent, bytes: Uint8Array): readonly string[] {
  const read = content.read(bytes)
  if (!read.ok) return read.faults.map((fault) => phrase(fault))
  const validator = content.validator()
  return settle(read, validator) ? [] : validator.faults(read.value, maxFaults).map((fault) => phrase(fault))
}

export type StrippedContent =
  | { readonly ok: true; readonly bytes: Uint8Array; readonly members: number }
  | { readonly ok: false; readonly faults: readonly string[] }

/** Like `judgeContentOf`, but what the contract does not declare is cut out; what is left matches its schema. */
export function stripContentOf(content: JudgedContent, bytes: Uint8Array): StrippedContent {
  const read = content.read(bytes)
  if (!read.ok) return { ok: false, faults: read.faults.map((fault) => phrase(fault)) }
  const validator = content.validator()
  if (settle(read, validator)) return { ok: true, bytes, members: 0 }
  const stripped = content.strippable ? stripUnknown(validator, read.value, bytes) : null
  if (stripped) return { ok: true, ...stripped }
  return { ok: false, faults: validator.faults(read.value, maxFaults).map((fault) => phrase(fault)) }
}

const maxShown = 3

/** What is wrong with an answer, as a denial: a generic 502 to the client, the detail for the operator. */
export function responseDenial(status: number, faults: readonly string[]): Denial {
  const shown = faults.slice(0, maxShown).join('; ')
  const more = faults.length > maxShown ? `; ${faults.length - maxShown} more` : ''
  return deny('response', 'response_invalid', `answer ${status}: ${shown}${more}`)
}

function declaredFor(byStatus: LinkedResponses['byStatus'], status: number): LinkedResponse | undefined {
  const own = byStatus.get(String(status))
  if (own) return own
  const whole = status === 206 ? byStatus.get('200') : undefined
  return whole ?? byStatus.get(`${Math.trunc(status / 100)}XX`) ?? byStatus.get('default')
}

function judgeField({ plan, validator }: LinkedResponseHeader, fields: AnswerFields): readonly string[] {
  const { name, required, explode, value } = plan
  const found = fields[name]
  if (found === undefined) return required ? [`header ${name} is required`] : []
  if (!value || !validator) return []
  if (typeof found !== 'string' && (value.json || value.type.kind === 'primitive')) {
    return [`header ${name} must not be repeated`]
  }
  const text = typeof found === 'string' ? found : found.join(',')
  const separator = value.type.kind === 'object' && explode ? /[,=]/ : ','
  const pieces = value.type.kind === 'primitive' ? [text] : text.split(separator).map((piece) => piece.trim())
  const reading = value.json ? readJsonText(text) : readPieces(value.type, pieces)
  if (!reading.ok) return reading.faults.map((fault) => phrase(fault, `header ${name}`))
  const check = validator()
  if (settle(reading, check)) return []
  return check.faults(reading.value, maxFaults).map((fault) => phrase(fault, `header ${name}`))
}

/** @returns what is wrong, as a text */
function judgeContent(
  { content }: Pick<LinkedResponse, 'content'>,
  status: number,
  fields: AnswerFields,
  maxBytes: number,
): ExpectedContent | string {
  const announced = fields['content-length']
  if (content.length === 0) {
    const comes = typeof announced === 'string' && announced !== '0'
    return comes ? undeclaredContent : none
  }
  const written = fields['content-type']
  if (written === undefined && announced === '0') return 'it is empty, and the contract declares content'
  const contentType = typeof written === 'string' ? parseContentType(written) : null
  if (!contentType) return 'Content-Type is missing or not one media type'
  const ranges = status === 206 && contentType.mediaType === 'multipart/byteranges'
  const declared = content.find(({ plan }) => covers(plan.mediaType, contentType.mediaType))
  if (!declared && !ranges) return `the media type ${contentType.mediaType} is not declared`
  if (ranges) return content.some(({ judged }) => judged) ? unseen('partial') : anyContent
  // It has no end that could be waited for.
  if (contentType.mediaType === 'text/event-stream') return anyContent
  if (declared && !isRead(declared.plan, contentType.mediaType)) return unseen('media_type')
  if (!declared?.judged) return anyContent
  // RFC 8259 8.1; texts may be in any charset, and are read in one.
  if ((contentType.parameters.get('charset') ?? 'utf-8').toLowerCase() !== 'utf-8')
    return declared.plan.reading === 'json' ? 'the charset of JSON is UTF-8' : unseen('charset')
  if (status === 206) return unseen('partial')
  const coding = codingOfAnswer(fields['content-encoding'])
  if (coding === undefined) return unseen('content_coding')
  if (typeof announced === 'string' && Number(announced) > maxBytes) return unseen('too_large')
  return { kind: 'judged', content: declared.judged, coding }
}

const jsonType = /^application\/(?:json|[^/]+\+json)$/

/** What stands under a range such as `*\/*` is read as JSON when it is JSON. */
function isRead({ reading }: MediaTypePlan, actual: string): boolean {
  return reading !== 'unread' && (reading !== 'json' || jsonType.test(actual))
}

/** What is wrong with content where none may be. */
export const undeclaredContent = 'it has content, and the contract declares none'

function unseen(why: Unseen): ExpectedContent {
  return { kind: 'unseen', why }
}

/** @returns null for none; undefined for one, or a chain of them, that is not undone here */
function codingOfAnswer(written: AnswerFields[string]): Coding | null | undefined {
  if (written === undefined) return null
  return typeof written === 'string' ? codingOf(written) : undefined
}

/** Names in pointers come from the upstream: what does not look like a field's name may be data, and is not told. */
function phrase({ pointer, message }: JsonFault, holder = ''): string {
  const steps = pointerSteps(pointer).map((step) => (/^[A-Za-z0-9_.-]{1,64}$/.test(step) ? `/${step}` : '/*'))
  return `${`${holder} ${steps.join('')}`.trim() || 'the content'} ${message}`
}
