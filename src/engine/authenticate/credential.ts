import type { FieldTable } from '../parse/head.ts'

/** What the client presented in `Authorization` for a scheme of access tokens, before anyone has judged it. */
export type PresentedToken =
  | { readonly kind: 'none' }
  | { readonly kind: 'token'; readonly token: string; readonly sentAs: 'bearer' | 'dpop' }
  /** Something came in the place of a credential and is not of its form. */
  | { readonly kind: 'malformed'; readonly detail: string }

// RFC 6750 2.1, RFC 9449 7.1: scheme SP token68; the scheme's name has no case (RFC 9110 11.1).
const scheme = /^(bearer|dpop)(?:$|[ \t,])/i
const separators = [' ', '\t', ',']

/**
 * Reads an access token from `Authorization`, and from nowhere else: a token in a query or a body is not a
 * credential here (RFC 9700 4.3.2; attacks A21, A22).
 *
 * That it is one word is decided here; of which letters, by the verifier that has not seen it before.
 */
export function presentedToken(fields: FieldTable): PresentedToken {
  const value = fields.get('authorization')
  if (value === null) return { kind: 'none' }
  const match = scheme.exec(value)
  if (!match) return { kind: 'none' }
  const [begin, name] = match as unknown as readonly [string, string]
  const token = value.slice(begin.length)
  const isOneWord = begin.endsWith(' ') && token !== '' && !separators.some((one) => token.includes(one))
  if (!isOneWord) return { kind: 'malformed', detail: 'what follows the scheme is not one token' }
  return { kind: 'token', token, sentAs: name.length === 'dpop'.length ? 'dpop' : 'bearer' }
}
