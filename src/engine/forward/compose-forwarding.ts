import { formatIp } from '../../base/ip.ts'
import type { RawRequest } from '../../base/message.ts'
import type { OperationPlan, UpstreamPlan } from '../../program/program.ts'
import type { Client } from '../admit/client-address.ts'
import type { NormalizedPath, Target } from '../normalize/target.ts'
import type { Journal } from '../outcome.ts'
import type { FieldTable, Head } from '../parse/head.ts'
import type { ForwardedBody, Forwarding } from '../permit.ts'
import type { Principal } from '../principal.ts'
import type { LinkedResponses } from '../validate/link-responses.ts'
import { type CredentialPlaces, searchWithout } from './credential-places.ts'

/** Where and how requests of one operation go. */
export interface LinkedDestination {
  readonly upstream: UpstreamPlan
  /** Names of the client's fields that pass. */
  readonly forwardable: ReadonlySet<string>
  /** Names of the cookies that pass. */
  readonly cookies: readonly string[]
  readonly credentials: CredentialPlaces
  readonly identity: readonly IdentityField[]
  /** Answers are asked for whole and without a content coding, because they are to be judged. */
  readonly wholeAnswers: boolean
}

/** A field the gateway sets from what it knows of the caller; null leaves it out. */
export interface IdentityField {
  readonly name: string
  readonly valueFor: (principal: Principal) => string | null
}

/** Everything earlier stages read that the upstream request is made of. */
export interface Passage {
  readonly request: RawRequest
  readonly head: Head
  readonly client: Client
  readonly target: Target
  readonly cookies: ReadonlyMap<string, readonly string[]>
  readonly principal: Principal
  /** Goes in place of the client's `Authorization`; null leaves that as it is. */
  readonly upstreamCredential: string | null
  readonly body: ForwardedBody
  readonly responses: LinkedResponses | null
  readonly journal: Pick<Journal, 'requestId' | 'traceId' | 'traceSampled' | 'traceState'>
}

/**
 * Writes the upstream request: canonical path, query as received, an allow-list of the client's fields, and the
 * gateway's own fields after all of the client's are settled.
 * @see RFC 9110 7.6, RFC 7239 5 (spelled as `X-Forwarded-*`), W3C Trace Context 3.2
 */
export function composeForwarding(
  operation: OperationPlan,
  destination: LinkedDestination,
  passage: Passage,
): Forwarding {
  const { upstream } = destination
  const { request, head, client, target, principal, journal } = passage
  const headers: string[] = ['host', upstream.host]
  copyFields(head.fields, destination.forwardable, headers)
  if (destination.wholeAnswers) headers.push('accept-encoding', 'identity')
  const authorization = head.fields.get('authorization')
  // Only an access token passes, and only one that was verified: the backend is to validate it again.
  const verified = principal.schemes.some((scheme) => destination.credentials.tokens.has(scheme))
  if (passage.upstreamCredential !== null) {
    if (upstream.forwardCredential) headers.push('authorization', passage.upstreamCredential)
  } else if (authorization !== null && upstream.forwardCredential && verified) {
    if (head.fields.endToEnd.includes('authorization')) headers.push('authorization', authorization)
  }
  const cookies = forwardedCookies(destination.cookies, passage.cookies)
  if (cookies !== '') headers.push('cookie', cookies)
  for (const { name, valueFor } of destination.identity) {
    const value = valueFor(principal)
    if (value !== null) headers.push(name, value)
  }
  headers.push(
    'x-forwarded-for',
    formatIp(client.address),
    'x-forwarded-proto',
    request.peer.encrypted ? 'https' : 'http',
    'x-forwarded-host',
    head.host,
    'x-request-id',
    journal.requestId,
    'traceparent',
    `00-${journal.traceId}-${request.trace.spanId}-${journal.traceSampled ? '01' : '00'}`,
  )
  if (journal.traceState !== null) headers.push('tracestate', journal.traceState)
  const search = searchWithout(target, destination.credentials.withheldQuery)
  return {
    operation,
    upstream: operation.upstream,
    method: request.method,
    target: upstream.basePath + stripped(target.path, operation.stripSegments) + search,
    headers,
    body: passage.body,
    responses: passage.responses,
    timeoutMs: operation.timeoutMs,
  }
}

function copyFields(fields: FieldTable, forwardable: ReadonlySet<string>, headers: string[]): void {
  const { endToEnd } = fields
  for (let i = 0; i < endToEnd.length; i += 2) {
    const name = endToEnd[i] as string
    if (forwardable.has(name)) headers.push(name, endToEnd[i + 1] as string)
  }
}

function forwardedCookies(names: readonly string[], cookies: ReadonlyMap<string, readonly string[]>): string {
  if (names.length === 0) return ''
  const kept: string[] = []
  for (const name of names) for (const value of cookies.get(name) ?? []) kept.push(`${name}=${value}`)
  return kept.join('; ')
}

function stripped(path: NormalizedPath, segments: number): string {
  let start = 0
  for (let i = 0; i < segments; i++) start = path.indexOf('/', start + 1)
  if (start < 0) return '/'
  return start === 0 ? path : path.slice(start)
}
