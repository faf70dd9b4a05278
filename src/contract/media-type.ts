import type { MediaTypePlan } from '../program/program.ts'

type MediaType = Pick<MediaTypePlan, 'mediaType' | 'parameters'>

const token = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+"
/** No media type of a request has a parameter with an asterisk in its name (RFC 2231), so none could match. */
const name = token.replace('*', '')
const whole = new RegExp(`^(${token}/${token})((?:\\s*;\\s*${name}=(?:${token}|"[^"\\\\]*"))*)$`)
const parameter = new RegExp(`;\\s*(${name})=(?:(${token})|"([^"\\\\]*)")`, 'g')

/** Reads a media type or a range as a key of `content`; null when it is none. @see RFC 9110 8.3.1, 12.5.1 */
export function readMediaTypeName(written: string): MediaType | null {
  const match = whole.exec(written.trim())
  if (!match) return null
  const parameters = [...(match[2] as string).matchAll(parameter)].flatMap(
    ([, key = '', plain, quoted]): [string, string][] => {
      const value = plain ?? quoted ?? ''
      const lower = key.toLowerCase()
      return lower === 'charset' && value.toLowerCase() === 'utf-8' ? [] : [[lower, value]]
    },
  )
  return { mediaType: (match[1] as string).toLowerCase(), parameters }
}

/** Sorts the most specific first, others in their order. */
export function bySpecificity(a: MediaType, b: MediaType): number {
  return rank(a) - rank(b) || b.parameters.length - a.parameters.length
}

/** The key of `content` that a request's `Content-Type` is read by. */
export function entryFor(contentType: string, keys: readonly string[]): string | undefined {
  const actual = readMediaTypeName(contentType)
  const entries = keys.flatMap((key) => {
    const named = readMediaTypeName(key)
    return named ? [{ key, ...named }] : []
  })
  return entries.toSorted(bySpecificity).find((entry) => actual && fits(entry, actual))?.key
}

function fits({ mediaType, parameters }: MediaType, actual: MediaType): boolean {
  const values = new Map(actual.parameters)
  if (parameters.some(([name, value]) => values.get(name) !== value)) return false
  const range = mediaType.endsWith('/*') && actual.mediaType.startsWith(mediaType.slice(0, -1))
  return mediaType === actual.mediaType || mediaType === '*/*' || range
}

function rank({ mediaType }: MediaType): number {
  return mediaType === '*/*' ? 2 : mediaType.endsWith('/*') ? 1 : 0
}
