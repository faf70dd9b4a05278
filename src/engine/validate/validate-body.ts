import { readJson } from '../../base/read-json.ts'
import type { MediaTypePlan } from '../../program/program.ts'
import type { Validator } from '../../schema/validator.ts'
import { allow, type Decision, deny, denyWith, type Fault } from '../decision.ts'
import type { Head } from '../parse/head.ts'
import { parseContentType } from './content-type.ts'
import { maxFaults, summarize } from './validate-parameters.ts'

/** A request body as the contract describes it; null plan of the operation means: none allowed. */
export interface LinkedBody {
  readonly required: boolean
  readonly content: readonly LinkedMediaType[]
}

export interface LinkedMediaType {
  readonly plan: MediaTypePlan
  /** For `json`; null for `opaque`. */
  readonly validator: Validator | null
}

/** What is to be done with the body that is about to come. */
export type BodyExpectation =
  | { readonly kind: 'none' }
  | { readonly kind: 'json'; readonly validator: Validator }
  | { readonly kind: 'opaque' }

/** Deepest nesting of a JSON body. */
const maxDepth = 64
const nothing: BodyExpectation = { kind: 'none' }
const opaque: BodyExpectation = { kind: 'opaque' }

/**
 * Decides from the head alone whether a body may come and how it is read.
 * @see RFC 9110 8.3, 8.4; attacks D1, D2, D7, D8
 */
export function expectBody(
  body: LinkedBody | null,
  head: Head,
  maxBodyBytes: number,
): Decision<BodyExpectation> {
  if (!body) {
    return head.hasBody
      ? deny('validate', 'body_unexpected', 'the operation declares no request body')
      : allow(nothing)
  }
  if (!head.hasBody) return body.required ? invalidBody([missing]) : allow(nothing)
  if (head.contentLength !== null && head.contentLength > maxBodyBytes) {
    return deny('validate', 'body_too_large', `Content-Length is above ${maxBodyBytes} octets`)
  }
  const coding = head.fields.get('content-encoding')
  if (coding !== null && coding.toLowerCase() !== 'identity') {
    return deny('validate', 'media_type_unsupported', 'no content coding is accepted')
  }
  const contentType = parseContentType(head.fields.get('content-type') ?? '')
  if (!contentType)
    return deny('validate', 'media_type_unsupported', 'Content-Type is missing or not one media type')
  const declared = body.content.find(({ plan }) => covers(plan.mediaType, contentType.mediaType))
  if (!declared)
    return deny('validate', 'media_type_unsupported', 'the media type is not declared for the body')
  if (!declared.validator) return allow(opaque)
  // RFC 8259 8.1: JSON between systems is UTF-8.
  if (contentType.charset !== null && contentType.charset !== 'utf-8') {
    return deny('validate', 'media_type_unsupported', 'the charset of JSON is UTF-8')
  }
  return allow({ kind: 'json', validator: declared.validator })
}

/** Parses and checks a JSON body; what is returned was read from the very bytes that are forwarded. */
export function validateJson(validator: Validator, bytes: Uint8Array): Decision<unknown> {
  const read = readJson(bytes, { maxDepth })
  if (!read.ok) return invalidBody([{ in: 'body', ...read.fault }])
  if (validator.check(read.value)) return allow(read.value)
  return invalidBody(validator.faults(read.value, maxFaults).map((fault) => ({ in: 'body', ...fault })))
}

const missing: Fault = { in: 'body', pointer: '', message: 'is required' }

function invalidBody(faults: readonly Fault[]): Decision<never> {
  return denyWith('validate', 'body_invalid', summarize(faults), { faults })
}

/** Whether a media type, or a range of them, takes in an actual one. */
export function covers(declared: string, actual: string): boolean {
  if (declared === actual || declared === '*/*') return true
  return declared.endsWith('/*') && actual.startsWith(declared.slice(0, -1))
}
