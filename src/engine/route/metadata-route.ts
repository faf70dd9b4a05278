import { allow, denyWith } from '../decision.ts'
import type { OwnRoute } from './own-routes.ts'

const allowed = ['GET', 'HEAD']

/**
 * Serves the metadata of a protected resource. Any origin may read it: it is public, the same for all, and browser
 * clients need it before they have anything else (RFC 9728 3.2, Fetch 3.3.3).
 */
export function metadataRoute(document: string): OwnRoute {
  const headers = [
    ...['Content-Type', 'application/json', 'Cache-Control', 'public, max-age=3600'],
    ...['Access-Control-Allow-Origin', '*'],
  ]
  return ({ method }) =>
    allowed.includes(method)
      ? allow({ kind: 'reply', status: 200, headers, body: method === 'HEAD' ? '' : document })
      : denyWith('route', 'method_not_allowed', 'the metadata is only read', { allow: allowed })
}
