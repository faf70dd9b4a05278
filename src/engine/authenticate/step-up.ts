import type { StepUpPlan } from '../../program/program.ts'
import { type Denial, denyWith } from '../decision.ts'
import type { Authenticated } from './authenticate.ts'
import type { LinkedScheme } from './scheme.ts'

/** No clock skew is wider. A login that is yet to come is none: an `auth_time` in milliseconds would never be too old. */
const maxClockSkewSeconds = 60

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
    if (maxAgeSeconds === null) return false
    if (typeof claims.auth_time !== 'number') return true
    const ageSeconds = nowMs / 1000 - claims.auth_time
    return ageSeconds > maxAgeSeconds || ageSeconds < -maxClockSkewSeconds
  })
  if (!unmet) return null
  const acrValues = unmet.acr.length > 0 ? `, acr_values="${unmet.acr.join(' ')}"` : ''
  const maxAge = unmet.maxAgeSeconds === null ? '' : `, max_age="${unmet.maxAgeSeconds}"`
  const told = (some: readonly LinkedScheme[]) =>
    some.flatMap(({ challenges: own }) => own.stepUp?.(acrValues + maxAge) ?? [])
  const own = told(schemes.filter(({ name }) => requirement.some(({ scheme }) => scheme === name)))
  // RFC 9110 15.5.2: a 401 names a way in; for a key or a certificate that is a token, where one is taken here.
  const others = own.length > 0 ? own : told(schemes)
  const challenges = others.length > 0 ? others : schemes.flatMap(({ challenges: { missing } }) => missing)
  return denyWith('authenticate', 'step_up_required', 'the user must authenticate better or again', {
    challenges,
  })
}
