/** `Content-Type`, read once: the parser of the body and its validator take the media type from here. */
export interface ContentType {
  /** `type/subtype`, lower case. */
  readonly mediaType: string
  /** By name in lower case; values as written, without quotes. */
  readonly parameters: ReadonlyMap<string, string>
}

const token = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+"
/** ATTACK: `boundary*0=…` and `boundary*=…` (RFC 2231, RFC 8187) are the boundary to some, and nothing to others. */
const name = token.replace('*', '')
const mediaType = new RegExp(
  `^(${token}/${token})((?:[ \\t]*;[ \\t]*${name}=(?:${token}|"[^"\\\\]*"))*)[ \\t]*$`,
)
const parameter = new RegExp(`;[ \\t]*(${name})=(?:(${token})|"([^"\\\\]*)")`, 'g')

/**
 * Reads one media type. Null when the value is anything else, a comma list, a parameter that stands twice or one whose
 * name has an asterisk included: what two parsers could read differently is not a media type here (attack D1).
 * @see RFC 9110 8.3
 */
export function parseContentType(value: string): ContentType | null {
  const plain = known.get(value)
  if (plain !== undefined) return plain
  const match = mediaType.exec(value)
  if (!match) return null
  const parameters = new Map<string, string>()
  for (const [, name = '', plain, quoted] of (match[2] as string).matchAll(parameter)) {
    const key = name.toLowerCase()
    if (parameters.has(key)) return null
    parameters.set(key, plain ?? quoted ?? '')
  }
  return { mediaType: (match[1] as string).toLowerCase(), parameters }
}

const known: ReadonlyMap<string, ContentType> = new Map([
  ['application/json', { mediaType: 'application/json', parameters: new Map() }],
])
