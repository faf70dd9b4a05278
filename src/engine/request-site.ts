import type { FieldTable } from './parse/head.ts'

/**
 * Decides whether a page of another site may have caused a request whose credential the browser sends by itself. Unsafe
 * methods must come from a page of the own origin; safe ones also from the person, and from elsewhere only as a whole new
 * page (a link that is followed).
 * @param origin the gateway's own
 * @returns why it may have, as a text for the operator; null when it did not
 * @see W3C Fetch Metadata 2; RFC 6454 7; OWASP Cross-Site Request Forgery Prevention; CWE-352
 */
export function crossSite(method: string, fields: FieldTable, origin: string): string | null {
  const site = fields.get('sec-fetch-site')
  const from = fields.get('origin')
  const safe = method === 'GET' || method === 'HEAD'
  if (site === null) {
    // No browser of these years leaves it out on a secure connection; then only Origin speaks.
    if (from !== null) return from === origin ? null : 'Origin is not the own one'
    return safe ? null : 'neither Sec-Fetch-Site nor Origin says where it comes from'
  }
  // A page without a referrer sends `null` even to its own origin (Fetch 3.2), which Sec-Fetch-Site then vouches for.
  if (from !== null && from !== origin && !(from === 'null' && site === 'same-origin'))
    return 'Origin is not the own one'
  if (site === 'same-origin') return null
  if (site === 'none' && safe) return null
  if (method === 'GET' && isNewPage(fields)) return null
  return safe ? 'a page of another origin asked for it' : 'an unsafe method from another origin'
}

/**
 * The same question for credentials that programs send, too, and that a browser adds by itself once it has them: passwords,
 * certificates and keys in cookies. Only what says that a browser sent it can be judged, and only where something may be
 * changed: what another site reads is the contract's `cors` to decide.
 * @param trusted origins whose pages may use the person's credentials; the own one, where it is known, among them
 * @see CWE-352, Fetch 4.6 (credentials of a request)
 */
export function crossSiteBrowser(
  method: string,
  fields: FieldTable,
  trusted: readonly string[],
): string | null {
  if (safeMethods.has(method)) return null
  const from = fields.get('origin')
  if (from !== null && trusted.includes(from)) return null
  const site = fields.get('sec-fetch-site')
  if (site !== null)
    return site === 'same-origin' || site === 'none' ? null : 'an unsafe method from another origin'
  // An old browser, or none. A page cannot choose the Host that its request is sent to.
  return from === null || from.endsWith(`://${fields.get('host')}`) ? null : 'Origin is not the own one'
}
/** @see RFC 9110 9.2.1 */
const safeMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

/** The browser loads a whole new page, in a window of its own. */
export function isNewPage(fields: FieldTable): boolean {
  return fields.get('sec-fetch-mode') === 'navigate' && fields.get('sec-fetch-dest') === 'document'
}
