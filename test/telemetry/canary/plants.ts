export type Where =
  | 'log'
  | 'otlplog'
  | 'metric'
  | 'otlp'
  | 'state'
  | 'problem'
  | 'admin'
  | 'command'
  | 'stderr'

/** Where a planted secret may come out, by the table of field and sink; what is not named comes out nowhere. */
export const allowed: { readonly [place: string]: readonly Where[] } = {
  // `user_agent.original` is in the log alone, and in its records for a collector.
  useragent: ['log', 'otlplog'],
  // `enduser.id` of the log and its records, `subject` of the trail and of the last denials, told by the admin listener and `explain`.
  subject: ['log', 'otlplog', 'state', 'admin', 'command'],
  // `object`: parameters of the path in the trail.
  path: ['state', 'command'],
  // A fault points at the client's own field, to the client alone.
  jsonname: ['problem'],
  queryname: ['problem'],
  formname: ['problem'],
}

/** Places of all secrets that were made; that of `panic.ts` is spelled out there. */
const planted = new Set(['panic'])

export function secret(place: string): string {
  planted.add(place)
  return marked(place)
}

const marked = (place: string): string => `${marker}${place}-7f3a`
const marker = 'CANARY-'

/** Ways to write a text so that it does not look like itself; what stands before it may shift base64 by an octet or two. */
export const spellings: { readonly [name: string]: (text: string) => readonly string[] } = {
  plain: (text) => [text],
  base64: (text) => [0, 1, 2].map((shift) => base64Within(text, shift)),
  base64url: (text) =>
    [0, 1, 2].map((shift) => base64Within(text, shift).replaceAll('+', '-').replaceAll('/', '_')),
  hex: (text) => eitherCase(Buffer.from(text).toString('hex')),
  percent: (text) => eitherCase(Buffer.from(text).toString('hex').replace(/../g, '%$&')),
  unicode: (text) =>
    eitherCase(Buffer.from(text).toString('hex')).map((hex) => hex.replace(/../g, '\\u00$&')),
}

const eitherCase = (text: string): readonly string[] => [text, text.toUpperCase()]

/** The digits that the text alone decides, when so many octets stand before it. */
function base64Within(text: string, shift: number): string {
  const octets = Buffer.concat([Buffer.alloc(shift), Buffer.from(text)])
  return octets.toString('base64').slice(Math.ceil((shift * 8) / 6), Math.floor((octets.length * 8) / 6))
}

/** All spellings of a text, which names of fields and hosts make lower case. */
function spelled(text: string): readonly string[] {
  return Object.values(spellings).flatMap((spell) => [text, text.toLowerCase()].flatMap(spell))
}

const spelledMarker = spelled(marker)

/** Every place whose secret a text has, in whatever spelling, and its sink may not have. */
export function leaksIn(where: Where, text: string): readonly string[] {
  if (!spelledMarker.some((spelling) => text.includes(spelling))) return []
  return [...planted]
    .filter((place) => !allowed[place]?.includes(where))
    .filter((place) => spelled(marked(place)).some((spelling) => text.includes(spelling)))
    .map((place) => `${place} in ${where}`)
}
