/** `Content-Type`, read once: the parser of the body and its validator take the media type from here. */
export interface ContentType {
  /** `type/subtype`, lower case. */
  readonly mediaType: string
  /** Lower case; null when not given. */
  readonly charset: string | null
}

const token = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+"
const mediaType = new RegExp(
  `^(${token}/${token})((?:[ \\t]*;[ \\t]*${token}=(?:${token}|"[^"\\\\]*"))*)[ \\t]*$`,
)
const parameter = new RegExp(`;[ \\t]*(${token})=(?:(${token})|"([^"\\\\]*)")`, 'g')

/**
 * Reads one media type. Null when the value is anything else, a comma list included: what two parsers could
 * read differently is not a media type here (attack D1).
 * @see RFC 9110 8.3
 */
export function parseContentType(value: string): ContentType | null {
  const plain = known.get(value)
  if (plain !== undefined) return plain
  const match = mediaType.exec(value)
  if (!match) return null
  let charset: string | null = null
  for (const [, name = '', plain, quoted] of (match[2] as string).matchAll(parameter)) {
    if (name.toLowerCase() !== 'charset') continue
    if (charset !== null) return null
    charset = (plain ?? quoted ?? '').toLowerCase()
  }
  return { mediaType: (match[1] as string).toLowerCase(), charset }
}

const known: ReadonlyMap<string, ContentType> = new Map([
  ['application/json', { mediaType: 'application/json', charset: null }],
])
