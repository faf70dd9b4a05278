import { allow, type Decision, denyWith } from '../decision.ts'
import type { Draw, Taken } from '../ports.ts'
import { spreadOf } from '../spread.ts'
import { retryAfterSeconds } from './back-off.ts'
import type { Countable, LinkedLimit } from './limit-key.ts'

/**
 * Names the bucket each limit draws from.
 * @param cost tokens that the request takes of each
 * @param fellBack told why a caller is counted by its address, where an expression should have named it
 */
export function drawsFor(
  limits: readonly LinkedLimit[],
  who: Countable,
  cost: number,
  fellBack: (detail: string) => void,
): readonly Draw[] {
  return limits.map(({ plan, keyFor }) => ({ limit: plan, key: keyFor(who, fellBack), cost }))
}

/**
 * Turns what the counters answered into a decision.
 * @param requestId spreads the hints of those who are turned away together
 * @see RFC 6585 4, RFC 9110 10.2.3
 */
export function judgeTaken(draws: readonly Draw[], taken: Taken, requestId: string): Decision<null> {
  if (taken.allowed) return allow(null)
  const spread = spreadOf(requestId)
  const waits = taken.states.map(({ retryMs, backOffMs }) => retryAfterSeconds(retryMs, backOffMs, spread))
  const spent = draws
    .filter((_, index) => (taken.states[index]?.retryMs ?? 0) > 0)
    .map(({ limit }) => limit.name)
  return denyWith('limit', 'quota_exceeded', `spent: ${spent.join(', ')}`, {
    retryAfterSeconds: Math.max(...waits),
    violatedPolicies: spent,
  })
}
