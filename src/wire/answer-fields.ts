import type { Journal, Quota } from '../engine/outcome.ts'

/** What answers of one listener have in common. */
export interface AnswerStyle {
  readonly encrypted: boolean
}

const hsts = 'max-age=31536000; includeSubDomains'
const closedPolicy = "default-src 'none'; frame-ancestors 'none'"
/** Of a structured field (RFC 9651 3.3.1); one that is longer makes the whole field unreadable. */
const maxInteger = 999_999_999_999_999
const exposed = 'RateLimit, RateLimit-Policy, Retry-After, X-Request-Id, WWW-Authenticate, DPoP-Nonce'

/**
 * The fields every answer of the gateway carries, whoever wrote its body.
 * @param htmlPolicy the answer is HTML and brings its own Content-Security-Policy
 * @see RFC 6797 6.1 (HSTS), Fetch 3.3.3 (CORS), OWASP REST Security Cheat Sheet
 */
export function answerFields(journal: Journal, style: AnswerStyle, htmlPolicy: boolean): string[] {
  const fields = [
    'X-Request-Id',
    journal.requestId,
    'X-Content-Type-Options',
    'nosniff',
    'Referrer-Policy',
    'no-referrer',
  ]
  if (!htmlPolicy) fields.push('Content-Security-Policy', closedPolicy)
  if (style.encrypted) fields.push('Strict-Transport-Security', hsts)
  if (journal.quotas.length > 0) pushQuotas(fields, journal.quotas)
  if (journal.crossOrigin) {
    fields.push(
      'Access-Control-Allow-Origin',
      journal.crossOrigin.origin,
      'Access-Control-Expose-Headers',
      exposed,
    )
    if (journal.crossOrigin.plan.credentials) fields.push('Access-Control-Allow-Credentials', 'true')
  }
  if (journal.crossOrigin || journal.operation?.cors) fields.push('Vary', 'Origin')
  return fields
}

/** @see draft-ietf-httpapi-ratelimit-headers-10 sections 3 and 4; RFC 9651 3.1 (lists) */
function pushQuotas(fields: string[], quotas: readonly Quota[]): void {
  let policies = ''
  let states = ''
  for (const quota of quotas) {
    const separator = policies === '' ? '' : ', '
    if ('cap' in quota) {
      const { cap, remaining } = quota
      policies += `${separator}"${cap.name}";q=${cap.concurrent};qu="concurrent-requests"`
      states += `${separator}"${cap.name}";r=${remaining}`
      continue
    }
    const { limit, state } = quota
    policies += `${separator}"${limit.name}";q=${limit.rate};w=${limit.windowSeconds}`
    const seconds = Math.min(Math.ceil(state.resetMs / 1000), maxInteger)
    states += `${separator}"${limit.name}";r=${state.remaining};t=${seconds}`
  }
  fields.push('RateLimit-Policy', policies, 'RateLimit', states)
}
