/** When an upstream that fails is left alone, and how it is tried again. */
export interface BreakerRules {
  /** So many calls of a window must have failed. */
  readonly failures: number
  /** And such a share of all its calls. */
  readonly ratio: number
  readonly windowMs: number
  /** How long nothing is sent. */
  readonly openMs: number
  /** Requests that try it at once afterwards; as many more after each further `openMs` in which none of them told anything. */
  readonly probes: number
}

/** What is known of an upstream's health. Times are of one monotonic clock. */
export type Breaker =
  | {
      readonly kind: 'closed'
      /** When it closed; calls that were sent before say nothing about now. */
      readonly closedMs: number
      /** When the window began that is counted in. */
      readonly sinceMs: number
      readonly calls: number
      readonly failures: number
    }
  | { readonly kind: 'open'; readonly untilMs: number }
  | { readonly kind: 'halfOpen'; readonly probing: number; readonly untilMs: number }

/** How a request is sent: as usual, by a breaker that closed at this instant, or as a probe, of the half-open time that ends at this one. */
export type Pass = { readonly closedMs: number } | { readonly probeUntilMs: number }

export type Entry =
  | { readonly pass: Pass; readonly next: Breaker }
  | { readonly pass: 'refused'; readonly next: Breaker; readonly retryMs: number }

/** How a call came out. `abandoned`: through no fault of the upstream, e.g. the client went away. */
export type CallResult = 'answered' | 'failed' | 'abandoned'

export const closedBreaker = (nowMs: number): Breaker => ({
  kind: 'closed',
  closedMs: nowMs,
  sinceMs: nowMs,
  calls: 0,
  failures: 0,
})

/**
 * Whether a request may go to the upstream now. Pure: the caller keeps what comes next.
 * @see M. Nygard, Release It!, "Circuit Breaker"
 */
export function enter(breaker: Breaker, rules: BreakerRules, nowMs: number): Entry {
  if (breaker.kind === 'closed') return { pass: { closedMs: breaker.closedMs }, next: breaker }
  if (breaker.kind === 'open') {
    const retryMs = breaker.untilMs - nowMs
    if (retryMs > 0) return { pass: 'refused', next: breaker, retryMs }
    return probe(1, nowMs + rules.openMs)
  }
  if (breaker.probing < rules.probes) return probe(breaker.probing + 1, breaker.untilMs)
  const retryMs = breaker.untilMs - nowMs
  if (retryMs > 0) return { pass: 'refused', next: breaker, retryMs }
  // ATTACK: E3, a client whose body comes slowly would hold the only probe, and the upstream shut, for minutes.
  return probe(1, nowMs + rules.openMs)
}

/**
 * Takes note of how a call came out. Pure.
 * INVARIANT: a breaker that is not closed listens to its probes alone, and one that closed again to calls since then: what was
 * sent earlier may fail for its timeout long after the upstream has recovered.
 */
export function settle(
  breaker: Breaker,
  rules: BreakerRules,
  pass: Pass,
  result: CallResult,
  nowMs: number,
): Breaker {
  switch (breaker.kind) {
    case 'closed':
      if (result === 'abandoned' || !('closedMs' in pass) || pass.closedMs !== breaker.closedMs)
        return breaker
      return counted(breaker, rules, result === 'failed', nowMs)
    case 'open':
      return breaker
    case 'halfOpen':
      if (!('probeUntilMs' in pass)) return breaker
      if (result === 'answered') return closedBreaker(nowMs)
      // ATTACK: E3, slow probes of earlier half-open times, broken off one by one, would each let one more through in this one.
      if (pass.probeUntilMs !== breaker.untilMs) return breaker
      if (result === 'failed') return { kind: 'open', untilMs: nowMs + rules.openMs }
      return { ...breaker, probing: breaker.probing - 1 }
  }
}

function probe(probing: number, untilMs: number): Entry {
  return { pass: { probeUntilMs: untilMs }, next: { kind: 'halfOpen', probing, untilMs } }
}

function counted(
  breaker: Extract<Breaker, { kind: 'closed' }>,
  rules: BreakerRules,
  failed: boolean,
  nowMs: number,
): Breaker {
  const over = nowMs - breaker.sinceMs >= rules.windowMs
  const calls = (over ? 0 : breaker.calls) + 1
  const failures = (over ? 0 : breaker.failures) + (failed ? 1 : 0)
  if (failed && failures >= rules.failures && failures >= calls * rules.ratio)
    return { kind: 'open', untilMs: nowMs + rules.openMs }
  return { ...breaker, sinceMs: over ? nowMs : breaker.sinceMs, calls, failures }
}
