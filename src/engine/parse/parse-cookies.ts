import type { FieldTable } from './head.ts'

const none: ReadonlyMap<string, readonly string[]> = new Map()

/** Splits `Cookie` into names and raw values; what is not `name=value` is a cookie without a name. @see RFC 6265 4.2.1 */
export function parseCookies(fields: FieldTable): ReadonlyMap<string, readonly string[]> {
  const header = fields.get('cookie')
  if (header === null) return none
  const cookies = new Map<string, string[]>()
  for (const pair of header.split(';')) {
    const equals = pair.indexOf('=')
    if (equals < 0 && pair.trim() === '') continue
    const name = pair.slice(0, Math.max(equals, 0)).trim()
    const value = pair.slice(equals + 1).trim()
    const earlier = cookies.get(name)
    if (earlier) earlier.push(value)
    else cookies.set(name, [value])
  }
  return cookies
}
