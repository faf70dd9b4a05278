import type { RawHeaders } from '../../base/message.ts'
import { allow, type Decision, deny } from '../decision.ts'
import type { FieldTable } from './head.ts'

/** Fields whose value is one thing; a second one makes two readings possible (RFC 9110 5.3; attack B8). */
const singletons: ReadonlySet<string> = new Set([
  'host',
  'content-length',
  'content-type',
  'content-encoding',
  'transfer-encoding',
  'authorization',
  'proxy-authorization',
  'cookie',
  'origin',
  'referer',
  'user-agent',
  'range',
  'expect',
  'upgrade',
  'if-modified-since',
  'if-unmodified-since',
  'if-range',
  'access-control-request-method',
  'idempotency-key',
  'dpop',
  'traceparent',
  'x-request-id',
])

/** Fields for the next hop only (RFC 9110 7.6.1), beside those that `Connection` names. */
const hopByHop: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
])

/** Fields beside the singletons that tell who calls, and from where. */
const aboutTheCaller = /^(?:forwarded|x-forwarded-.*|x-real-ip|client-cert.*|sec-fetch-.*)$/

const defaultMaxFields = 128
const none: ReadonlySet<string> = new Set()
// RFC 9110 5.5: visible ASCII, space and tab. obs-text is read differently by different parsers (attack H3).
const illegalValue = /[^\t\x20-\x7e]/

/**
 * Reads header fields into a table.
 *
 * A field that `Connection` names is for this hop: it is neither forwarded nor there to be read (RFC 9110 7.6.1).
 *
 * Names with an underscore are dropped: `X_User_Id` is `X-User-Id` to a CGI-like backend (attack B2). Those in which keys
 * come (`api_key`) can be read by exactly that name, and are not among what could be forwarded.
 * @param credentials lower-case names of fields that carry keys
 * @param maxFields most that a head may have
 * @see RFC 9110 5, RFC 9112 5
 */
export function parseFields(
  headers: RawHeaders,
  credentials: ReadonlySet<string> = none,
  maxFields: number = defaultMaxFields,
): Decision<FieldTable> {
  if (headers.length > 2 * maxFields)
    return deny('parse', 'header_too_large', `over ${maxFields} header fields`)
  const values = new Map<string, string[]>()
  const ordered: string[] = []
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = (headers[i] as string).toLowerCase()
    const value = headers[i + 1] as string
    if (illegalValue.test(value))
      return deny('parse', 'malformed_request', 'a field value holds illegal octets')
    const underscored = name.includes('_')
    if (underscored && !credentials.has(name)) continue
    const earlier = values.get(name)
    if (earlier === undefined) values.set(name, [value])
    else if (singletons.has(name)) {
      if (name === 'authorization') return deny('parse', 'credential_ambiguous', 'authorization stands twice')
      return deny('parse', 'malformed_request', `${name} stands twice`)
    } else earlier.push(value)
    if (!underscored) ordered.push(name, value)
  }
  const connection = values.get('connection')
  const nominated = connection && nominatedBy(connection)
  for (const name of nominated ?? none) {
    if (!values.has(name) || hopByHop.has(name)) continue
    // ATTACK: B7, `Connection: Content-Type` would have the content judged as what it is not forwarded as.
    if (singletons.has(name) || aboutTheCaller.test(name))
      return deny('parse', 'malformed_request', `Connection names ${name}, which is for all recipients`)
    values.delete(name)
  }
  return allow(new Fields(values, endToEnd(ordered, nominated)))
}

function endToEnd(ordered: readonly string[], nominated: ReadonlySet<string> | undefined): readonly string[] {
  const kept: string[] = []
  for (let i = 0; i < ordered.length; i += 2) {
    const name = ordered[i] as string
    // ATTACK: B7, `Connection: X-User-Id` must not remove what the gateway adds: ours are added after this.
    if (hopByHop.has(name) || nominated?.has(name)) continue
    kept.push(name, ordered[i + 1] as string)
  }
  return kept
}

function nominatedBy(connection: readonly string[]): ReadonlySet<string> | undefined {
  const [only] = connection
  if (connection.length === 1 && (only === 'keep-alive' || only === 'close')) return undefined
  return new Set(connection.flatMap((value) => value.split(',').map((option) => option.trim().toLowerCase())))
}

class Fields implements FieldTable {
  readonly #values: ReadonlyMap<string, readonly string[]>
  readonly endToEnd: readonly string[]

  constructor(values: ReadonlyMap<string, readonly string[]>, endToEnd: readonly string[]) {
    this.#values = values
    this.endToEnd = endToEnd
  }

  get(name: string): string | null {
    const values = this.#values.get(name)
    if (values === undefined) return null
    return values.length === 1 ? (values[0] as string) : values.join(', ')
  }

  all(name: string): readonly string[] {
    return this.#values.get(name) ?? []
  }
}
