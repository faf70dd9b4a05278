import type { JwtPlan } from '../../program/schemes.ts'
import type { SeenToken } from '../ports.ts'
import { presentedBearer } from './credential.ts'
import { judgeAccessToken } from './judge-access-token.ts'
import { type Challenges, type LinkedScheme, missing, type Presentation, type Verdict } from './scheme.ts'

/** A scheme whose credential is a JSON Web Token in `Authorization: Bearer` (RFC 6750, RFC 9068). */
export function linkJwt(name: string, plan: JwtPlan): LinkedScheme {
  return {
    name,
    place: 'authorization: bearer',
    challenges: bearerChallenges,
    judge({ fields }: Presentation, { tokens }, nowMs) {
      const presented = presentedBearer(fields)
      if (presented.kind === 'none') return missing
      if (presented.kind === 'malformed') return { kind: 'invalid', detail: presented.detail }
      const seen = tokens.verify(name, presented.token, nowMs)
      return seen instanceof Promise ? seen.then(conclude) : conclude(seen)

      function conclude(token: SeenToken): Verdict {
        return token.kind === 'signed' ? judgeAccessToken(token, plan, nowMs) : token
      }
    },
  }
}

/** RFC 6750 3, 3.1 */
const bearerChallenges: Challenges = {
  missing: ['Bearer realm="api"'],
  invalid: ['Bearer realm="api", error="invalid_token"'],
  scope: (scopes) => `Bearer realm="api", error="insufficient_scope", scope="${scopes.join(' ')}"`,
}
