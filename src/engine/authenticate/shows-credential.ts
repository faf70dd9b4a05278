import type { LinkedSecurity } from './authenticate.ts'
import type { Presentation } from './scheme.ts'

/** Names of the fields and query parameters that hold credentials. */
interface Places {
  readonly header: ReadonlySet<string>
  readonly query: ReadonlySet<string>
}

/**
 * Whether there is anything that authentication would have to verify. Looks at places alone, so that it costs nothing, and
 * rather sees one too many: whatever stands in `Authorization` counts, and every cookie where a scheme reads cookies.
 */
export function showsCredential(
  {
    security,
    destination,
  }: { readonly security: LinkedSecurity; readonly destination: { readonly credentials: Places } },
  { fields, cookies, target, certificate }: Presentation,
): boolean {
  if (security.alternatives.length === 0) return false
  if (certificate !== null || fields.get('authorization') !== null || cookies.size > 0) return true
  const { header, query } = destination.credentials
  for (const name of header) if (fields.get(name) !== null) return true
  return query.size > 0 && target.query.some(({ name }) => query.has(name))
}
