import type { Denial } from '../decision.ts'
import type { Target } from '../normalize/target.ts'
import type { Reply } from '../outcome.ts'
import type { FieldTable } from '../parse/head.ts'
import { isNewPage } from '../request-site.ts'
import { readReturnTo } from '../session-paths.ts'

const html = /(?:^|,)\s*(?:text\/html|application\/xhtml\+xml)\s*(?:;|,|$)/i

/**
 * Where a denial can be mended by signing in and a person waits for a page, the browser is sent there. A call of a
 * program never is: a redirect to a login page is no answer to it.
 * @returns null when the denial stands
 */
export function signIn(found: Denial, method: string, target: Target, fields: FieldTable): Reply | null {
  const path = found.client !== null && 'signIn' in found.client ? found.client.signIn : undefined
  if (path === undefined || method !== 'GET' || !isNewPage(fields)) return null
  if (!html.test(fields.get('accept') ?? '')) return null
  const returnTo = readReturnTo(target.path + target.search) ?? readReturnTo(target.path) ?? '/'
  const location = `${path}?return_to=${encodeURIComponent(returnTo)}`
  return {
    kind: 'reply',
    status: 302,
    headers: ['Location', location, 'Cache-Control', 'no-store', 'Vary', 'Cookie'],
    body: '',
  }
}
