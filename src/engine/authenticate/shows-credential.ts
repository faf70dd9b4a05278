import { isOwnCookie } from '../session-cookies.ts'
import type { LinkedSecurity } from './authenticate.ts'
import { certificatePlace } from './client-certificate.ts'
import type { Presentation } from './scheme.ts'

/** Names of the fields, cookies and query parameters that hold credentials, beside the gateway's own cookies. */
interface Places {
  readonly header: ReadonlySet<string>
  readonly cookie: ReadonlySet<string>
  readonly query: ReadonlySet<string>
}

/**
 * Whether there is anything that authentication would have to verify. Looks at places alone, so that it costs nothing, and
 * rather sees one too many: whatever stands in `Authorization` counts, and the credential of any scheme. Not so a certificate,
 * which stands on the connection whatever is asked for on it.
 */
export function showsCredential(
  {
    security,
    destination,
  }: { readonly security: LinkedSecurity; readonly destination: { readonly credentials: Places } },
  { fields, cookies, target, certificate }: Presentation,
): boolean {
  if (security.alternatives.length === 0) return false
  if (fields.get('authorization') !== null) return true
  if (certificate !== null && security.schemes.some(({ place }) => place === certificatePlace)) return true
  const { header, cookie, query } = destination.credentials
  for (const name of cookies.keys()) if (cookie.has(name) || isOwnCookie(name)) return true
  for (const name of header) if (fields.get(name) !== null) return true
  return query.size > 0 && target.query.some(({ name }) => query.has(name))
}
