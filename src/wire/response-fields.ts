import type { Journal } from '../engine/outcome.ts'
import { isOwnCookie } from '../engine/session-cookies.ts'
import { type AnswerStyle, answerFields } from './answer-fields.ts'

/** Fields of the upstream that end here: for this hop only, telling about the software, or the gateway's to say. */
const dropped: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authentication-info',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'server',
  'x-powered-by',
  'x-aspnet-version',
  'x-aspnetmvc-version',
  'x-runtime',
  'via',
  'x-request-id',
  'x-content-type-options',
  'referrer-policy',
  'strict-transport-security',
  'ratelimit',
  'ratelimit-policy',
  'alt-svc',
])

/**
 * The head of an answer that the upstream gave, as the client gets it.
 * @param headers as the HTTP client parsed them: lower-case names, lists for repeated fields
 */
export function responseFields(
  headers: { readonly [name: string]: string | readonly string[] | undefined },
  journal: Journal,
  style: AnswerStyle,
): string[] {
  const contentType = headers['content-type']
  const html = typeof contentType === 'string' && contentType.startsWith('text/html')
  const ownPolicy = html && headers['content-security-policy'] !== undefined
  const fields = answerFields(journal, style, ownPolicy)
  const nominated = nominatedBy(headers.connection)
  const crossOriginIsOurs = journal.operation?.cors != null
  for (const name in headers) {
    const value = headers[name]
    if (value === undefined || dropped.has(name) || nominated?.has(name)) continue
    if (name === 'content-security-policy' && !ownPolicy) continue
    if (crossOriginIsOurs && name.startsWith('access-control-')) continue
    if (name === 'set-cookie')
      for (const cookie of listOf(value)) {
        // An upstream that sets a session of ours would sign its callers in as somebody else (CWE-384).
        if (!isOwnCookie(cookie)) fields.push('Set-Cookie', hardenCookie(cookie))
      }
    else if (typeof value === 'string') fields.push(name, value)
    else for (const one of value) fields.push(name, one)
  }
  // What an identified caller got must not be served to the next one (RFC 9111 3.5).
  const identified = journal.principal !== null && journal.principal.schemes.length > 0
  if (identified && headers['cache-control'] === undefined) fields.push('Cache-Control', 'no-store')
  return fields
}

/** Adds the flags a cookie lacks; what it says stands. @see RFC 6265bis 4.1.2 */
function hardenCookie(cookie: string): string {
  const attributes = cookie
    .split(';')
    .slice(1)
    .map((attribute) => attribute.trim().toLowerCase())
  let hardened = cookie
  if (!attributes.includes('secure')) hardened += '; Secure'
  if (!attributes.includes('httponly')) hardened += '; HttpOnly'
  if (!attributes.some((attribute) => attribute.startsWith('samesite='))) hardened += '; SameSite=Lax'
  return hardened
}

/** Names of fields that are for this hop only; null for the usual connection options, which name none. */
function nominatedBy(connection: string | readonly string[] | undefined): ReadonlySet<string> | null {
  if (connection === undefined || connection === 'keep-alive' || connection === 'close') return null
  return new Set(
    listOf(connection).flatMap((value) => value.split(',').map((name) => name.trim().toLowerCase())),
  )
}

function listOf(value: string | readonly string[]): readonly string[] {
  return typeof value === 'string' ? [value] : value
}
