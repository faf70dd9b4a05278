/**
 * A security scheme of the contract, bound to its verifier. `kind` decides where a credential stands, who verifies it
 * and how it is judged; every kind has one file in `contract/configuration/identity/`, one in `engine/authenticate/`
 * and one verifier behind a port. Secrets of a scheme are in the settings, never here.
 */
export type SchemePlan = JwtPlan

/** A JSON Web Token, verified against keys of its issuer. */
export interface JwtPlan {
  readonly kind: 'jwt'
  readonly issuers: readonly string[]
  /** Any one of them must stand in `aud`. Never empty. */
  readonly audiences: readonly string[]
  readonly algorithms: readonly string[]
  /** Largest `exp - iat` accepted, in seconds; null when not limited. */
  readonly maxTokenAgeSeconds: number | null
  readonly clockSkewSeconds: number
}
