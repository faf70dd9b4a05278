import type { FieldTable } from '../parse/head.ts'

/** What the client presented in `Authorization` for a scheme of access tokens, before anyone has judged it. */
export type PresentedToken =
  | { readonly kind: 'none' }
  | { readonly kind: 'token'; readonly token: string; readonly sentAs: 'bearer' | 'dpop' }
  /** Something came in the place of a credential and is not of its form. */
  | { readonly kind: 'malformed'; readonly detail: string }

// RFC 6750 2.1, RFC 9449 7.1: scheme SP token68; the scheme's name has no case (RFC 9110 11.1).
const credential = /^(bearer|dpop) ([A-Za-z0-9\-._~+/]+=*)$/i
const schemeName = /^(?:bearer|dpop)(?:$|[ \t,])/i

/**
 * Reads an access token from `Authorization`, and from nowhere else: a token in a query or a body is not a
 * credential here (RFC 9700 4.3.2; attacks A21, A22).
 */
export function presentedToken(fields: FieldTable): PresentedToken {
  const value = fields.get('authorization')
  if (value === null) return { kind: 'none' }
  const match = credential.exec(value)
  if (match) {
    const sentAs = (match[1] as string).toLowerCase() === 'dpop' ? 'dpop' : 'bearer'
    return { kind: 'token', token: match[2] as string, sentAs }
  }
  if (schemeName.test(value)) return { kind: 'malformed', detail: 'what follows the scheme is not one token' }
  return { kind: 'none' }
}
