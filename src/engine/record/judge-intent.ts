import type { TrailPlan } from '../../program/program.ts'
import { allow, type Decision, denyWith } from '../decision.ts'
import type { Journal } from '../outcome.ts'
import type { Intended } from '../ports.ts'

const retryAfterSeconds = 5
const passes = allow(null)

/**
 * Decides what becomes of a request whose intent was to be written on the audit trail.
 * INVARIANT: what is not on the trail passes only where the plan says `continue`, and then the journal says so.
 */
export function judgeIntent(plan: TrailPlan, intended: Intended, journal: Journal): Decision<null> {
  if (intended.kind === 'fault') {
    if (plan.onFault === 'deny')
      return denyWith('record', 'trail_unavailable', intended.detail, { retryAfterSeconds })
    journal.trailFault = intended.detail
  }
  journal.intended = true
  return passes
}
