import type { RawRequest } from '../../base/message.ts'
import { allow, type Decision, deny } from '../decision.ts'
import type { FieldTable, Head } from './head.ts'
import { parseFields } from './parse-fields.ts'

const maxTargetLength = 8192

/**
 * Reads the head of a request and refuses every head that two parsers could read differently.
 * @param credentials lower-case names of fields that carry keys
 * @param maxFields most fields that the head may have
 * @see RFC 9112 2 to 6
 */
export function parseHead(
  request: RawRequest,
  credentials?: ReadonlySet<string>,
  maxFields?: number,
): Decision<Head> {
  const { method, target } = request
  if (target.length > maxTargetLength)
    return deny('parse', 'uri_too_long', `target over ${maxTargetLength} octets`)
  // RFC 9112 3.2: absolute-form, authority-form and asterisk-form are for proxies and servers we are not (C6).
  if (target.charCodeAt(0) !== 0x2f)
    return deny('parse', 'malformed_request', 'the target is not in origin-form')

  const fields = parseFields(request.headers, credentials, maxFields)
  if (!fields.allow) return fields
  const framing = parseFraming(fields.value, request.httpVersion)
  if (!framing.allow) return framing
  const host = parseHost(fields.value, request.httpVersion)
  if (!host.allow) return host

  const expect = fields.value.get('expect')
  if (expect !== null && expect.toLowerCase() !== '100-continue') {
    return deny('parse', 'expectation_failed', 'Expect holds something other than 100-continue')
  }
  if (fields.value.get('upgrade') !== null)
    return deny('parse', 'upgrade_refused', 'the client asked to upgrade')

  return allow({ method, target, fields: fields.value, host: host.value, ...framing.value })
}

interface Framing {
  readonly hasBody: boolean
  readonly contentLength: number | null
}

/** RFC 9112 6: one way, and one way only, to say where the message ends (attacks E1, H3). */
function parseFraming(fields: FieldTable, httpVersion: string): Decision<Framing> {
  const length = fields.get('content-length')
  const coding = fields.get('transfer-encoding')
  if (coding !== null) {
    if (length !== null)
      return deny('parse', 'malformed_request', 'both Content-Length and Transfer-Encoding')
    if (httpVersion !== '1.1') return deny('parse', 'malformed_request', 'Transfer-Encoding outside HTTP/1.1')
    if (coding.toLowerCase() !== 'chunked')
      return deny('parse', 'malformed_request', 'transfer coding not chunked')
    return allow({ hasBody: true, contentLength: null })
  }
  if (length === null) return allow({ hasBody: false, contentLength: null })
  if (!/^\d{1,15}$/.test(length)) return deny('parse', 'malformed_request', 'Content-Length is not a number')
  const octets = Number(length)
  return allow({ hasBody: octets > 0, contentLength: octets })
}

// RFC 9112 3.2 and RFC 3986 3.2.2, without user information.
const hostSyntax = /^(?:[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/

function parseHost(fields: FieldTable, httpVersion: string): Decision<string> {
  const host = fields.get('host')
  if (host === null) {
    if (httpVersion === '1.0') return allow('')
    return deny('parse', 'malformed_request', 'Host is missing')
  }
  if (!hostSyntax.test(host)) return deny('parse', 'malformed_request', 'Host is not a host')
  return allow(host.toLowerCase())
}
