/** `Content-Type`, read once: the parser of the body and its validator take the media type from here. */
export interface ContentType {
  /** `type/subtype`, lower case. */
  readonly mediaType: string
  /** By name in lower case; values as written, without quotes. */
  readonly parameters: ReadonlyMap<string, string>
}

const token = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+"
const mediaType = new RegExp(
  `^(${token}/${token})((?:[ \\t]*;[ \\t]*${token}=(?:${token}|"[^"\\\\]*"))*)[ \\t]*$`,
)
const parameter = new RegExp(`;[ \\t]*(${token})=(?:(${token})|"([^"\\\\]*)")`, 'g')

/**
 * Reads one media type. Null when the value is anything else, a comma list or a parameter that stands twice included:
 * what two parsers could read differently is not a media type here (attack D1).
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
