/** What a caller that was held back was told last. */
export interface HeldBack {
  /** On the clock of the buckets. */
  readonly toldAtMs: number
  /** For how long it was asked to stay away. */
  readonly waitMs: number
  /** How often in a row it came before that time. */
  readonly strikes: number
}

/** Requests that were on their way when the first was told are not held against it. */
const graceMs = 1000
const maxStrikes = 10
/** What is told anew within the grace is the same instant, but for what sums of fractions cost. */
const roundingMs = 1
const maxBackOffMs = 3_600_000

/**
 * Tells a caller that is denied how long to stay away: until its tokens are there, and twice as long each time that it
 * comes before the time it was told, up to an hour. Pure; a caller that waited starts anew.
 *
 * Only a hint: whoever comes earlier, and finds tokens, is served.
 * @param before null for a caller that was not held back lately
 * @param retryMs until its tokens are there
 * @see RFC 9110 10.2.3
 */
export function holdBack(before: HeldBack | null, retryMs: number, nowMs: number): HeldBack {
  const early = before !== null && nowMs < before.toldAtMs + before.waitMs
  const sinceMs = before === null ? 0 : nowMs - before.toldAtMs
  if (early && sinceMs < graceMs) {
    const { toldAtMs, strikes } = before
    return { toldAtMs, waitMs: Math.max(before.waitMs, sinceMs + retryMs), strikes }
  }
  const strikes = early ? Math.min(before.strikes + 1, maxStrikes) : 0
  const waitMs = Math.max(retryMs, Math.min(retryMs * 2 ** strikes, maxBackOffMs))
  return { toldAtMs: nowMs, waitMs, strikes }
}

/**
 * Seconds for `Retry-After`. Who is asked to stay away for longer than its tokens need is given up to half as much again,
 * so that callers who were turned away together do not come back together.
 * @param spread from 0 up to 1, another for each request
 */
export function retryAfterSeconds(retryMs: number, backOffMs: number, spread: number): number {
  const waitMs = backOffMs > retryMs + roundingMs ? backOffMs * (1 + spread / 2) : retryMs
  return Math.max(1, Math.ceil(waitMs / 1000))
}
