import type { AccessTokenPlan } from '../../program/schemes.ts'
import type { Ports, SeenToken } from '../ports.ts'
import { type ConfirmationDemand, judgeConfirmation } from './confirmation.ts'
import { presentedToken } from './credential.ts'
import { judgeAccessToken } from './judge-access-token.ts'
import { type LinkedScheme, missing, type Presentation, type Verdict } from './scheme.ts'
import { tokenChallenges } from './token-challenges.ts'

/** What is known of the place a token is shown at, beside its scheme. */
export interface TokenSetting {
  /** Ways of binding that the operation demands, see `OperationPlan.senderConstraints`. */
  readonly constraints: ConfirmationDemand['constraints']
  readonly origin: string | null
  readonly metadataUrl: string | null
}

/** A scheme whose credential is an access token in `Authorization` (RFC 6750, RFC 9449 7, RFC 9068, RFC 7662). */
export function linkAccessToken(name: string, plan: AccessTokenPlan, setting: TokenSetting): LinkedScheme {
  const own = plan.senderConstraint.length > 0 ? [plan.senderConstraint] : []
  const demand: ConfirmationDemand = {
    constraints: [...own, ...setting.constraints],
    dpopNonce: plan.dpopNonce,
    origin: setting.origin,
  }
  return {
    name,
    place: 'authorization: access token',
    challenges: tokenChallenges({
      bearer: demand.constraints.every((ways) => ways.includes('mutualTLS')),
      dpop: demand.constraints.some((ways) => ways.includes('dpop')),
      metadataUrl: setting.metadataUrl,
    }),
    judge(presented: Presentation, ports: Ports, nowMs: number) {
      const shown = presentedToken(presented.fields)
      if (shown.kind === 'none') return missing
      if (shown.kind === 'malformed') return { kind: 'invalid', detail: shown.detail }
      const seen = ports.tokens.verify(name, shown.token, nowMs)
      return seen instanceof Promise ? seen.then(conclude) : conclude(seen)

      function conclude(token: SeenToken): Verdict {
        if (token.kind === 'invalid' || token.kind === 'fault') return token
        const judged = judgeAccessToken(token, plan, nowMs)
        if (judged.kind === 'invalid') return judged
        // On every hit: a token that was verified may have been revoked since.
        const state = ports.revocations.stateOf(token.issuer, token.claims, nowMs)
        if (state === 'revoked') return { kind: 'invalid', detail: 'the token is revoked' }
        if (state === 'unknown') return { kind: 'fault', detail: 'the list of revoked tokens is too old' }
        return (
          judgeConfirmation(
            token,
            shown as Extract<typeof shown, { kind: 'token' }>,
            presented,
            demand,
            ports,
            nowMs,
          ) ?? judged
        )
      }
    },
  }
}
