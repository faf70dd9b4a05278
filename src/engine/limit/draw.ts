import type { LimitPlan } from '../../program/program.ts'

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
  if (overMs > toleranceMs(tokenMs, capacityMs))
    return {
      allowed: false,
      fullAtMs: start,
      remaining: remaining(start - nowMs, tokenMs, capacityMs),
      resetMs: start - nowMs,
      retryMs: overMs,
    }
  const next = start + tokenMs * cost
  return {
    allowed: true,
    fullAtMs: next,
    remaining: remaining(next - nowMs, tokenMs, capacityMs),
    resetMs: next - nowMs,
    retryMs: 0,
  }
}

/** What is left of a bucket when nothing is taken. */
export function peek(fullAtMs: number | undefined, limit: LimitPlan, nowMs: number): Drawn {
  const tokenMs = (limit.windowSeconds * 1000) / limit.rate
  const resetMs = fullAtMs === undefined || fullAtMs < nowMs ? 0 : fullAtMs - nowMs
  const left = remaining(resetMs, tokenMs, tokenMs * limit.burst)
  return { allowed: true, fullAtMs: nowMs + resetMs, remaining: left, resetMs, retryMs: 0 }
}

/** Until when a bucket has no whole token; a time in the past when it has. */
export function heldBackUntilMs(fullAtMs: number, { windowSeconds, rate, burst }: LimitPlan): number {
  return fullAtMs - ((windowSeconds * 1000) / rate) * (burst - 1)
}

function remaining(resetMs: number, tokenMs: number, capacityMs: number): number {
  return Math.max(0, Math.floor((capacityMs - resetMs + toleranceMs(tokenMs, capacityMs)) / tokenMs))
}

/**
 * What sums of fractions may cost, so that they never cost the last token: a microsecond, or a thousand-millionth of the
 * capacity where that is long; at most half a token.
 */
function toleranceMs(tokenMs: number, capacityMs: number): number {
  return Math.min(Math.max(0.001, capacityMs * 1e-9), tokenMs / 2)
}
