const unitMs: { readonly [unit: string]: number } = {
  ms: 1,
  s: 1000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/** Longest delay of a timer of Node.js, which takes a longer one for 1 ms. */
export const maxTimerMs = 2 ** 31 - 1

/** Reads `500ms`, `5s`, `10min`, `1h`, `1d`. Milliseconds; null when it is none of these. */
export function parseDuration(text: string): number | null {
  const match = /^(\d{1,9})(ms|s|min|h|d)$/.exec(text)
  return match ? Number(match[1]) * (unitMs[match[2] as string] as number) : null
}

const unitBytes: { readonly [unit: string]: number } = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 }

/** Reads `512B`, `64KiB`, `1MiB`, `2GiB`. Octets; null when it is none of these. */
export function parseSize(text: string): number | null {
  const match = /^(\d{1,9})(B|KiB|MiB|GiB)$/.exec(text)
  return match ? Number(match[1]) * (unitBytes[match[2] as string] as number) : null
}

/** A month is thirty days, since a bucket refills evenly. */
const windowSeconds: { readonly [unit: string]: number } = {
  s: 1,
  min: 60,
  h: 3600,
  day: 86_400,
  month: 30 * 86_400,
}
/** Above it the time that one token takes to come is lost in the rounding of a clock in milliseconds. */
const maxPerSecond = 1_000_000

/** What is said of a text that is no rate. */
export const wantedRate =
  'a rate such as 100/min (per s, min, h, day or month; at most a million a second, of at most nine digits)'

/** Reads `100/min`: tokens and the seconds that refill them; null when it is no rate, or above a million a second. */
export function parseRate(text: string): { readonly rate: number; readonly windowSeconds: number } | null {
  const match = /^([1-9]\d{0,8})\/(s|min|h|day|month)$/.exec(text)
  if (!match) return null
  const read = { rate: Number(match[1]), windowSeconds: windowSeconds[match[2] as string] as number }
  return read.rate / read.windowSeconds <= maxPerSecond ? read : null
}
