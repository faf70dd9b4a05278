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

export const secret = (place: string): string => `CANARY-${place}-7f3a`

/** Every place whose secret a text has and its sink may not have. */
export function leaksIn(where: Where, text: string): readonly string[] {
  const found = new Set(
    [...text.matchAll(/canary-(\w+)-7f3a/gi)].map(([, place = '']) => place.toLowerCase()),
  )
  return [...found].filter((place) => !allowed[place]?.includes(where)).map((place) => `${place} in ${where}`)
}
