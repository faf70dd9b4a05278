import { allow, type Decision, deny } from '../decision.ts'
import { normalizePath } from './normalize-path.ts'
import type { QueryPair, Target } from './target.ts'

// RFC 3986 3.4 without `;` (a pair separator to some parsers), with `[ ] |`, which clients send unencoded.
const plainQuery = /^[A-Za-z0-9\-._~!$&'()*+,=:@/?%[\]|]*$/
const brokenEncoding = /%(?![0-9A-Fa-f]{2})/
const maxPairs = 256
const none: readonly QueryPair[] = []

/** Reads an origin-form target into its canonical path and its query pairs. @see RFC 3986 3.3, 3.4 */
export function normalizeTarget(raw: string): Decision<Target> {
  const mark = raw.indexOf('?')
  const path = normalizePath(mark < 0 ? raw : raw.slice(0, mark))
  if (!path.allow) return path
  const search = mark < 0 ? '' : raw.slice(mark)
  const query = search.length > 1 ? readQuery(search.slice(1)) : allow(none)
  if (!query.allow) return query
  const { segments, encodedDelimiters } = path.value
  return allow({ path: path.value.path, segments, encodedDelimiters, search, query: query.value })
}

function readQuery(raw: string): Decision<readonly QueryPair[]> {
  if (!plainQuery.test(raw)) return deny('normalize', 'malformed_request', 'illegal character in the query')
  if (brokenEncoding.test(raw))
    return deny('normalize', 'malformed_request', 'broken percent-encoding in the query')
  const pairs: QueryPair[] = []
  for (const pair of raw.split('&')) {
    if (pair === '') continue
    if (pairs.length === maxPairs)
      return deny('normalize', 'malformed_request', `over ${maxPairs} query pairs`)
    const equals = pair.indexOf('=')
    const name = decodeName(equals < 0 ? pair : pair.slice(0, equals))
    if (name === null) return deny('normalize', 'malformed_request', 'a query name is not UTF-8')
    pairs.push({ name, value: equals < 0 ? null : pair.slice(equals + 1) })
  }
  return allow(pairs)
}

/** ATTACK: D13 `a+b` and `a%20b` are one name to whoever reads forms, so they are one here. */
function decodeName(raw: string): string | null {
  if (!raw.includes('%') && !raw.includes('+')) return raw
  try {
    return decodeURIComponent(raw.replaceAll('+', '%20'))
  } catch {
    return null
  }
}
