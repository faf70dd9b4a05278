import { allow, type Decision, deny } from '../decision.ts'
import type { EncodedDelimiter, NormalizedPath } from './target.ts'

export interface PathReading {
  readonly path: NormalizedPath
  readonly segments: readonly string[]
  readonly encodedDelimiters: readonly EncodedDelimiter[]
}

// RFC 3986 3.3 pchar without `%` and without `;`.
const plainPath = /^[A-Za-z0-9\-._~!$&'()*+,=:@/]*$/
const unreserved = /[A-Za-z0-9\-._~]/
/** Octets that a later hop may take for structure: NUL # % / ; ? \. A plain `;` is listed like them. */
const delimiters: ReadonlySet<string> = new Set(['%00', '%23', '%25', '%2F', '%3B', '%3F', '%5C'])
const noDelimiters: readonly EncodedDelimiter[] = []

/**
 * Brings a path to its canonical spelling, or refuses one that could be read in two ways.
 *
 * Percent-encoded unreserved characters are decoded and hex is upper-cased (RFC 3986 6.2.2). Dot segments, empty
 * segments and a backslash are refused rather than interpreted. Encoded delimiters and `;` are listed for the router,
 * which lets them pass only where a parameter of the contract may hold them.
 *
 * ATTACK: C1 `%2e%2e`, C2 `//admin`, C3 `%2f ;x`, C5 `/%61dmin`, overlong UTF-8 `%c0%af`.
 */
export function normalizePath(raw: string): Decision<PathReading> {
  const decoded = plainPath.test(raw) ? allow(raw) : decodeUnreserved(raw)
  if (!decoded.allow) return decoded
  const segments = decoded.value.slice(1).split('/')
  let encodedDelimiters = noDelimiters
  for (let i = 0; i < segments.length; i++) {
    const segment = segments[i] as string
    if (segment === '.' || segment === '..') return deny('normalize', 'path_ambiguous', 'dot segment')
    if (segment === '' && i < segments.length - 1) return deny('normalize', 'path_ambiguous', 'empty segment')
    if (segment.includes(';')) encodedDelimiters = [...encodedDelimiters, { segment: i, octet: ';' }]
    if (segment.includes('%')) {
      const checked = checkEncoded(segment, i)
      if (!checked.allow) return checked
      if (checked.value.length > 0) encodedDelimiters = [...encodedDelimiters, ...checked.value]
    }
  }
  return allow({ path: decoded.value as NormalizedPath, segments, encodedDelimiters })
}

function decodeUnreserved(raw: string): Decision<string> {
  let path = ''
  for (let i = 0; i < raw.length; i++) {
    const character = raw[i] as string
    if (character === '\\') return deny('normalize', 'path_ambiguous', 'a backslash in the path')
    if (character !== '%') {
      if (character !== ';' && !plainPath.test(character))
        return deny('normalize', 'malformed_request', 'illegal character in the path')
      path += character
      continue
    }
    const hex = raw.slice(i + 1, i + 3)
    if (!/^[0-9A-Fa-f]{2}$/.test(hex))
      return deny('normalize', 'malformed_request', 'broken percent-encoding')
    const octet = String.fromCharCode(Number.parseInt(hex, 16))
    path += unreserved.test(octet) ? octet : `%${hex.toUpperCase()}`
    i += 2
  }
  return allow(path)
}

function checkEncoded(segment: string, index: number): Decision<readonly EncodedDelimiter[]> {
  const found: EncodedDelimiter[] = []
  for (const octet of segment.match(/%[0-9A-F]{2}/g) ?? []) {
    if (delimiters.has(octet)) found.push({ segment: index, octet })
    else if (Number.parseInt(octet.slice(1), 16) < 0x20 || octet === '%7F') {
      return deny('normalize', 'path_ambiguous', 'encoded control character')
    }
  }
  try {
    decodeURIComponent(segment)
  } catch {
    return deny('normalize', 'path_ambiguous', 'percent-encoding that is not UTF-8')
  }
  return allow(found)
}
