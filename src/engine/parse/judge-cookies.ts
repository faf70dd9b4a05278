import type { ParameterPlan } from '../../program/program.ts'
import { type Denial, deny } from '../decision.ts'

/** What the value of a cookie may look like, by the names of those that an operation reads. */
export type CookieSyntax = ReadonlyMap<string, RegExp>

// RFC 6265 4.1.1 cookie-value: no controls, blanks, quotes, commas, semicolons or backslashes.
const octets = '[\\x21\\x23-\\x2b\\x2d-\\x3a\\x3c-\\x5b\\x5d-\\x7e]*'
const value = new RegExp(`^(?:${octets}|"${octets}")$`)
/** OpenAPI 3.1.1 4.8.12.6 has the items of a list stand between commas, unquoted. */
const list = new RegExp(`^${octets}(?:,${octets})*$`)

/** @param credentials names of cookies in which keys come */
export function cookieSyntax(
  parameters: readonly ParameterPlan[],
  credentials: ReadonlySet<string>,
): CookieSyntax {
  const syntax = new Map<string, RegExp>()
  for (const { in: place, name, type } of parameters)
    if (place === 'cookie') syntax.set(name, type.kind === 'primitive' ? value : list)
  for (const name of credentials) syntax.set(name, value)
  return syntax
}

/**
 * Refuses a request in which a cookie that the operation reads has a value that is none.
 *
 * ATTACK: `a=1, b=2` is one cookie to some servers and two to those that still read commas as RFC 2109 4.3.4 did, and
 * `a="1; b=2"` is one to those that know quoted strings. Cookies that nothing here reads go nowhere, so whatever
 * browsers send in them is no matter.
 */
export function judgeCookies(
  cookies: ReadonlyMap<string, readonly string[]>,
  syntax: CookieSyntax,
): Denial | null {
  if (cookies.size === 0) return null
  for (const [name, form] of syntax)
    for (const text of cookies.get(name) ?? [])
      if (!form.test(text))
        return deny('parse', 'malformed_request', `the cookie ${name} has a malformed value`)
  return null
}
