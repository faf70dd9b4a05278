import type { LimitPlan } from '../../program/program.ts'

const longSeconds = 86_400

/** Whether a limit is over a day or longer. Its buckets outlast a restart, and stand apart from short ones of its name. */
export function isLong({ windowSeconds }: LimitPlan): boolean {
  return windowSeconds >= longSeconds
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
export function draw(fullAtMs: number | undefined, limit: LimitPlan, cost: number, nowMs: number): Drawn {
  const tokenMs = (limit.windowSeconds * 1000) / limit.rate
  const capacityMs = tokenMs * limit.burst
  const start = fullAtMs === undefined || fullAtMs < nowMs ? nowMs : fullAtMs
  const overMs = start + tokenMs * Math.max(1, cost) - nowMs - capacityMs
  const slackMs = toleranceMs(tokenMs, capacityMs)
  const allowed = overMs <= slackMs
  const next = allowed ? start + tokenMs * cost : start
  const left = remaining(next - nowMs, tokenMs, capacityMs, slackMs)
  return drawn(allowed, next, left, next - nowMs, allowed ? 0 : overMs)
}

/** What is left of a bucket when nothing is taken. */
export function peek(fullAtMs: number | undefined, limit: LimitPlan, nowMs: number): Drawn {
  const tokenMs = (limit.windowSeconds * 1000) / limit.rate
  const resetMs = fullAtMs === undefined || fullAtMs < nowMs ? 0 : fullAtMs - nowMs
  const capacityMs = tokenMs * limit.burst
  const left = remaining(resetMs, tokenMs, capacityMs, toleranceMs(tokenMs, capacityMs))
  return drawn(true, nowMs + resetMs, left, resetMs, 0)
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
export function heldBackUntilMs(fullAtMs: number, { windowSeconds, rate, burst }: LimitPlan): number {
  return fullAtMs - ((windowSeconds * 1000) / rate) * (burst - 1)
}

function remaining(resetMs: number, tokenMs: number, capacityMs: number, slackMs: number): number {
  return Math.max(0, Math.floor((capacityMs - resetMs + slackMs) / tokenMs))
}

/**
 * What sums of fractions may cost, so that they never cost the last token: a microsecond, or a thousand-millionth of the
 * capacity where that is long; at most half a token.
 */
function toleranceMs(tokenMs: number, capacityMs: number): number {
  return Math.min(Math.max(0.001, capacityMs * 1e-9), tokenMs / 2)
}
