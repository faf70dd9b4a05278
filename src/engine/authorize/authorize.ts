import type { Authenticated } from '../authenticate/authenticate.ts'
import type { LinkedScheme } from '../authenticate/scheme.ts'
import { allow, type Decision, deny, denyWith } from '../decision.ts'
import { lackingScopes } from '../principal.ts'

/**
 * Decides whether the caller's keys are meant for the operation, and its scopes suffice for the alternative its
 * credentials meet.
 *
 * The challenge names all scopes of the alternative, so that the client can ask for them (RFC 6750 3.1).
 */
export function authorize(
  { principal, requirement }: Authenticated,
  schemes: readonly LinkedScheme[],
  operationId: string,
): Decision<null> {
  for (const { key } of principal.identities.values()) {
    if (key && key.operations.length > 0 && !key.operations.includes(operationId))
      return deny('authorize', 'not_authorized', 'the API key is not meant for this operation')
  }
  const lacking = lackingScopes(requirement, principal.identities)
  if (lacking.length === 0) return authorized
  const challenges = requirement.flatMap(({ scheme, scopes }) => {
    const challenge = schemes.find(({ name }) => name === scheme)?.challenges.scope
    return challenge && scopes.length > 0 ? challenge(scopes) : []
  })
  return denyWith('authorize', 'scope_missing', `lacks ${lacking.join(' ')}`, { challenges })
}
const authorized = allow(null)
