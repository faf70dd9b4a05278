import type { ChallengeError, Challenges } from './scheme.ts'

/** What the challenges of a scheme of access tokens say beside what went wrong. */
export interface ChallengeFacts {
  /** The scheme or the operation takes no plain bearer token. */
  readonly bearer: boolean
  /** DPoP is demanded, or one of the ways demanded. */
  readonly dpop: boolean
  /** Where the metadata of this resource stands (RFC 9728 5.1); null when unknown. */
  readonly metadataUrl: string | null
}

/** Algorithms of DPoP proofs (RFC 9449 7.1), as its challenge lists them. */
export const proofAlgorithms = ['ES256', 'PS256', 'RS256', 'EdDSA'] as const

/** @see RFC 6750 3, RFC 9449 7.1, RFC 9728 5.1 */
export function tokenChallenges({ bearer, dpop, metadataUrl }: ChallengeFacts): Challenges {
  const metadata = metadataUrl === null ? '' : `, resource_metadata="${metadataUrl}"`
  const asBearer = (more: string) => (bearer ? [`Bearer realm="api"${more}${metadata}`] : [])
  const asDpop = (more: string) =>
    dpop || more.includes('dpop')
      ? [`DPoP realm="api"${more}, algs="${proofAlgorithms.join(' ')}"${metadata}`]
      : []
  const told = (more: string) => [...asBearer(more), ...asDpop(more)]
  const invalid: { readonly [E in ChallengeError]: readonly string[] } = {
    invalid_token: told(', error="invalid_token"'),
    invalid_dpop_proof: [...asBearer(''), ...asDpop(', error="invalid_dpop_proof"')],
    use_dpop_nonce: [...asBearer(''), ...asDpop(', error="use_dpop_nonce"')],
  }
  return {
    missing: told(''),
    invalid: (error) => invalid[error],
    scope: (scopes) => told(`, error="insufficient_scope", scope="${scopes.join(' ')}"`),
    stepUp: (parameters) => told(`, error="insufficient_user_authentication"${parameters}`),
  }
}
