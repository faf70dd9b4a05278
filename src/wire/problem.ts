import type { Denial } from '../engine/decision.ts'
import type { Journal } from '../engine/outcome.ts'
import { type Reason, type ReasonRow, reasons } from '../engine/reasons.ts'
import { type AnswerStyle, answerFields } from './answer-fields.ts'

/** A whole answer, ready to be written. */
export interface Answer {
  readonly status: number
  /** Name, value, name, value … */
  readonly fields: string[]
  readonly body: string
}

/**
 * Turns a denial into what the client sees. This is the only place where a client-visible error is written:
 * reason, title, request id, and for the client's own input where it is wrong. No value the client sent, no claim.
 *
 * @param explanation words of ours for the client, where title and reason are not enough
 * @see RFC 9457 3, RFC 9110 11.6.1 (WWW-Authenticate), 10.2.1 (Allow), 10.2.3 (Retry-After), 12.5.3 (Accept-Encoding),
 * draft-ietf-httpapi-ratelimit-headers-10 (violated-policies)
 */
export function problemAnswer(
  denial: Denial,
  journal: Journal,
  style: AnswerStyle,
  explanation?: string,
): Answer {
  const { status, title } = reasons[denial.reason]
  const document: Record<string, unknown> = {
    type: problemType(denial.reason),
    title,
    status,
    instance: journal.requestId,
  }
  if (explanation !== undefined) document.detail = explanation
  const fields = answerFields(journal, style, false)
  if (denial.client !== null) {
    if ('faults' in denial.client) {
      document.errors = denial.client.faults.map(({ in: place, pointer, message }) => ({
        in: place,
        pointer,
        message,
      }))
    }
    if ('violatedPolicies' in denial.client) document['violated-policies'] = denial.client.violatedPolicies
    if ('challenges' in denial.client)
      for (const challenge of denial.client.challenges) fields.push('WWW-Authenticate', challenge)
    if ('dpopNonce' in denial.client && denial.client.dpopNonce !== null)
      fields.push('DPoP-Nonce', denial.client.dpopNonce)
    if ('acceptEncoding' in denial.client)
      fields.push('Accept-Encoding', denial.client.acceptEncoding.join(', ') || 'identity')
    if ('allow' in denial.client) fields.push('Allow', denial.client.allow.join(', '))
    if ('retryAfterSeconds' in denial.client)
      fields.push('Retry-After', String(denial.client.retryAfterSeconds))
  }
  const body = JSON.stringify(document)
  fields.push(
    'Content-Type',
    'application/problem+json',
    'Cache-Control',
    'no-store',
    'Content-Length',
    String(Buffer.byteLength(body)),
  )
  return { status, fields, body }
}

/** `type` of the problem document. @see RFC 9457 3.1.1, 4.2 */
export function problemType(reason: Reason): string {
  const { type }: ReasonRow = reasons[reason]
  return type ?? `urn:portcullis:problem:${reason}`
}
