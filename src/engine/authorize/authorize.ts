import type { RequirementPlan } from '../../program/program.ts'
import { allow, type Decision, denyWith } from '../decision.ts'
import type { Principal } from '../principal.ts'

/**
 * Decides whether the caller's scopes suffice for one of the alternatives its credentials meet.
 *
 * Scopes compare as exact words (RFC 6749 3.3); all of an alternative's scopes are needed. The challenge names
 * those of the first alternative, so that the client can ask for them (RFC 6750 3.1).
 */
export function authorize(principal: Principal, met: readonly RequirementPlan[]): Decision<null> {
  if (met.length === 0) return allow(null)
  for (const requirement of met) {
    if (requirement.every(({ scopes }) => scopes.every((scope) => principal.scopes.has(scope))))
      return allow(null)
  }
  const wanted = (met[0] as RequirementPlan).flatMap(({ scopes }) => scopes)
  const lacking = wanted.filter((scope) => !principal.scopes.has(scope))
  return denyWith('authorize', 'scope_missing', `lacks ${lacking.join(' ')}`, {
    challenges: [`Bearer realm="api", error="insufficient_scope", scope="${wanted.join(' ')}"`],
  })
}
