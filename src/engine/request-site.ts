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

/** The browser loads a whole new page, in a window of its own. */
export function isNewPage(fields: FieldTable): boolean {
  return fields.get('sec-fetch-mode') === 'navigate' && fields.get('sec-fetch-dest') === 'document'
}
