import type { LimitPlan } from '../../program/program.ts'

const longSeconds = 86_400

/** Whether a limit is over a day or longer. Its buckets outlast a restart, and stand apart from short ones of its name. */
export function isLong({ windowSeconds }: LimitPlan): boolean {
  return windowSeconds >= longSeconds
}

/**
 * A request may draw after one that came later: it waited for its identity, or for another thread. What is further behind than
 * this did not wait: the clock was set back.
 */
export const maxBehindMs = 10_000

/** How the buckets of a limit fill, in milliseconds; of what a draw computes, all that is the same each time. */
export interface Pace {
  /** For one token. */
  readonly tokenMs: number
  /** For all that a bucket holds. */
  readonly capacityMs: number
  /**
   * What sums of fractions may cost, so that they never cost the last token: a microsecond, or a thousand-millionth of the
   * capacity where that is long; at most half a token.
   */
  readonly slackMs: number
  /** See `LimitPlan`. */
  readonly overdraws: boolean
}

export function paceOf({ windowSeconds, rate, burst, overdraws }: LimitPlan): Pace {
  const tokenMs = (windowSeconds * 1000) / rate
  const capacityMs = tokenMs * burst
  const slackMs = Math.min(Math.max(0.001, capacityMs * 1e-9), tokenMs / 2)
  return { tokenMs, capacityMs, slackMs, overdraws: overdraws === true }
}

/** One draw from a bucket, kept as the instant at which the bucket will be full again (GCRA). */
export interface Drawn {
  readonly allowed: boolean
  /** The instant at which the bucket is full again; what the caller stores when it commits the take. */
  readonly fullAtMs: number
  /** Whole tokens left. */
  readonly remaining: number
  /** Milliseconds until the bucket is full again. */
  readonly resetMs: number
  /** Milliseconds until as many tokens are there as were asked for; 0 when allowed. */
  readonly retryMs: number
}

/**
 * Takes tokens from a bucket. Pure: the caller stores `fullAtMs`, or does not.
 *
 * @param fullAtMs as stored by the last take; a time in the past, or undefined, is a full bucket
 * @param cost tokens; 0 asks whether one is there, and takes none
 * @param nowMs on the clock of `fullAtMs`; a clock that steps back makes no tokens
 * @see RFC 6585 4; ITU-T I.371 (generic cell rate algorithm)
 */
export function draw(fullAtMs: number | undefined, pace: Pace, cost: number, nowMs: number): Drawn {
  const { tokenMs, capacityMs, slackMs, overdraws } = pace
  const start = fullAtMs === undefined || fullAtMs < nowMs ? nowMs : fullAtMs
  const overMs = start + tokenMs * Math.max(1, cost) - nowMs - capacityMs
  const allowed = overMs <= slackMs || (overdraws && cost > 0)
  const next = allowed ? start + tokenMs * cost : start
  return drawn(allowed, next, remaining(next - nowMs, pace), next - nowMs, allowed ? 0 : overMs)
}

/** What is left of a bucket when nothing is taken. */
export function peek(fullAtMs: number | undefined, pace: Pace, nowMs: number): Drawn {
  const resetMs = fullAtMs === undefined || fullAtMs < nowMs ? 0 : fullAtMs - nowMs
  return drawn(true, nowMs + resetMs, remaining(resetMs, pace), resetMs, 0)
}

/** One literal for all: of several in which a member is now 0 and now a fraction, V8 makes each the slow way (90 ns). */
function drawn(
  allowed: boolean,
  fullAtMs: number,
  remaining: number,
  resetMs: number,
  retryMs: number,
): Drawn {
  return { allowed, fullAtMs, remaining, resetMs, retryMs }
}

/** Until when a bucket has no whole token; a time in the past when it has. */
export function heldBackUntilMs(fullAtMs: number, { tokenMs, capacityMs }: Pace): number {
  return fullAtMs - (capacityMs - tokenMs)
}

function remaining(resetMs: number, { tokenMs, capacityMs, slackMs }: Pace): number {
  return Math.max(0, Math.floor((capacityMs - resetMs + slackMs) / tokenMs))
}
