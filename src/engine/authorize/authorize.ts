import type { Authenticated } from '../authenticate/authenticate.ts'
import type { LinkedScheme } from '../authenticate/scheme.ts'
import { allow, type Decision, denyWith } from '../decision.ts'
import { lackingScopes } from '../principal.ts'

/**
 * Decides whether the caller's scopes suffice for the alternative its credentials meet.
 *
 * The challenge names all scopes of the alternative, so that the client can ask for them (RFC 6750 3.1).
 */
export function authorize(
  { principal, requirement }: Authenticated,
  schemes: readonly LinkedScheme[],
): Decision<null> {
  const lacking = lackingScopes(requirement, principal.identities)
  if (lacking.length === 0) return authorized
  const challenges = requirement.flatMap(({ scheme, scopes }) => {
    const challenge = schemes.find(({ name }) => name === scheme)?.challenges.scope
    return challenge && scopes.length > 0 ? challenge(scopes) : []
  })
  return denyWith('authorize', 'scope_missing', `lacks ${lacking.join(' ')}`, { challenges })
}
const authorized = allow(null)
