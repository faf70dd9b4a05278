import type { LimitPlan } from '../../program/program.ts'

/** One draw from a bucket, kept as the instant at which the bucket will be full again (GCRA). */
export interface Drawn {
  readonly allowed: boolean
  /** Epoch milliseconds at which the bucket is full again; what the caller stores when it commits the take. */
  readonly fullAtMs: number
  /** Whole tokens left. */
  readonly remaining: number
  /** Milliseconds until the bucket is full again. */
  readonly resetMs: number
  /** Milliseconds until the next token; 0 when allowed. */
  readonly retryMs: number
}

/**
 * Takes one token from a bucket. Pure: the caller stores `fullAtMs`, or does not.
 *
 * @param fullAtMs as stored by the last take; a time in the past, or undefined, is a full bucket
 * @param nowMs epoch milliseconds; a clock that steps back makes no tokens
 * @see RFC 6585 4; ITU-T I.371 (generic cell rate algorithm)
 */
export function draw(fullAtMs: number | undefined, limit: LimitPlan, nowMs: number): Drawn {
  const tokenMs = (limit.windowSeconds * 1000) / limit.rate
  const capacityMs = tokenMs * limit.burst
  const start = fullAtMs === undefined || fullAtMs < nowMs ? nowMs : fullAtMs
  const next = start + tokenMs
  // A part of a microsecond of tolerance: sums of fractions must not cost the last token.
  const overMs = next - nowMs - capacityMs
  if (overMs > 0.001) {
    return { allowed: false, fullAtMs: start, remaining: 0, resetMs: start - nowMs, retryMs: overMs }
  }
  const remaining = Math.max(0, Math.floor((capacityMs - (next - nowMs)) / tokenMs + 1e-6))
  return { allowed: true, fullAtMs: next, remaining, resetMs: next - nowMs, retryMs: 0 }
}

/** What is left of a bucket when nothing is taken. */
export function peek(fullAtMs: number | undefined, limit: LimitPlan, nowMs: number): Drawn {
  const tokenMs = (limit.windowSeconds * 1000) / limit.rate
  const filledMs = fullAtMs === undefined || fullAtMs < nowMs ? 0 : fullAtMs - nowMs
  const remaining = Math.max(0, Math.floor((tokenMs * limit.burst - filledMs) / tokenMs + 1e-6))
  return { allowed: true, fullAtMs: nowMs + filledMs, remaining, resetMs: filledMs, retryMs: 0 }
}
