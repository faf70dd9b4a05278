import type { StepUpPlan } from '../../program/program.ts'
import { type Denial, denyWith } from '../decision.ts'
import type { Authenticated } from './authenticate.ts'
import type { LinkedScheme } from './scheme.ts'

/**
 * Decides whether the user authenticated well enough and lately enough for the operation. A caller whose token does not
 * say how or when is taken for one that did not.
 * @returns null when it did
 * @see RFC 9470 3, 4; OpenID Connect Core 2 (`acr`, `auth_time`)
 */
export function judgeStepUp(
  demands: readonly StepUpPlan[],
  { principal: { claims }, requirement }: Authenticated,
  schemes: readonly LinkedScheme[],
  nowMs: number,
): Denial | null {
  const unmet = demands.find(({ acr, maxAgeSeconds }) => {
    if (acr.length > 0 && !(typeof claims.acr === 'string' && acr.includes(claims.acr))) return true
    const { auth_time: at } = claims
    return maxAgeSeconds !== null && !(typeof at === 'number' && nowMs / 1000 - at <= maxAgeSeconds)
  })
  if (!unmet) return null
  const acrValues = unmet.acr.length > 0 ? `, acr_values="${unmet.acr.join(' ')}"` : ''
  const maxAge = unmet.maxAgeSeconds === null ? '' : `, max_age="${unmet.maxAgeSeconds}"`
  const challenges = schemes
    .filter(({ name }) => requirement.some(({ scheme }) => scheme === name))
    .flatMap(({ challenges: own }) => own.stepUp?.(acrValues + maxAge) ?? [])
  return denyWith('authenticate', 'step_up_required', 'the user must authenticate better or again', {
    challenges,
  })
}
