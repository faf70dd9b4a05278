import type { FieldTable } from '../parse/head.ts'

/** What the client presented for one scheme, before anyone has judged it. */
export type Presented =
  | { readonly kind: 'none' }
  | { readonly kind: 'token'; readonly token: string }
  /** Something came in the place of a credential and is not of its form. */
  | { readonly kind: 'malformed'; readonly detail: string }

// RFC 6750 2.1: `Bearer` SP b64token; the scheme's name has no case (RFC 9110 11.1).
const bearer = /^bearer ([A-Za-z0-9\-._~+/]+=*)$/i
const bearerName = /^bearer(?:$|[ \t,])/i

/**
 * Reads a bearer token from `Authorization`, and from nowhere else: a token in a query or a body is not a
 * credential here (RFC 9700 4.3.2; attacks A21, A22).
 */
export function presentedBearer(fields: FieldTable): Presented {
  const value = fields.get('authorization')
  if (value === null) return { kind: 'none' }
  const match = bearer.exec(value)
  if (match) return { kind: 'token', token: match[1] as string }
  if (bearerName.test(value)) return { kind: 'malformed', detail: 'what follows Bearer is not one token' }
  return { kind: 'none' }
}
