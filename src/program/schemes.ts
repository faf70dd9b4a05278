/**
 * A security scheme of the contract, bound to its verifier. `kind` decides where a credential stands, who verifies it
 * and how it is judged; every kind has one file in `contract/configuration/identity/`, one in `engine/authenticate/`
 * and one verifier behind a port. Secrets of a scheme are in the settings, never here.
 */
export type SchemePlan = JwtPlan | IntrospectionPlan | MutualTlsPlan | ApiKeyPlan | BasicPlan | SessionPlan

/** What every access token must say, whoever vouches for it. */
export interface AccessTokenPlan {
  readonly issuers: readonly string[]
  /** Any one of them must stand in `aud`. Never empty. */
  readonly audiences: readonly string[]
  /** Largest `exp - iat` accepted, in seconds; null when not limited. */
  readonly maxTokenAgeSeconds: number | null
  readonly clockSkewSeconds: number
  /** Claims that must be there, with one of these values; null: with any. */
  readonly requiredClaims: { readonly [claim: string]: readonly string[] | null }
  /** Member names that lead to the claim that lists roles, e.g. `realm_access`, `roles`. */
  readonly rolesClaim: readonly string[]
  /** A token must be bound in one of these ways; empty: a plain bearer token will do. */
  readonly senderConstraint: readonly SenderConstraint[]
  /** A DPoP proof must carry a nonce of ours (RFC 9449 9). */
  readonly dpopNonce: boolean
}

/** How a token can be bound to a key of its holder: a DPoP proof (RFC 9449), a client certificate (RFC 8705). */
export type SenderConstraint = 'dpop' | 'mutualTLS'

/** A JSON Web Token, verified against keys of its issuer. */
export interface JwtPlan extends AccessTokenPlan {
  readonly kind: 'jwt'
  readonly algorithms: readonly string[]
  /** `rfc9068`: it says that it is an access token, and all that this profile demands. Null: it may leave that open. */
  readonly profile: 'rfc9068' | null
}

/** An opaque token that its issuer is asked about (RFC 7662). */
export interface IntrospectionPlan extends AccessTokenPlan {
  readonly kind: 'introspection'
  readonly clientId: string
  /** Longest time an answer is used again, in seconds; never beyond the token's `exp`. 0: never. */
  readonly cacheSeconds: number
}

/** A client certificate, of the connection or forwarded by a trusted TLS terminator (RFC 9440). */
export interface MutualTlsPlan {
  readonly kind: 'mutualTLS'
  /** The first that fits names the caller. */
  readonly rules: readonly CertificateRule[]
  /** Every certificate of the configured authorities will do. */
  readonly anyTrusted: boolean
}

/** A name a certificate must carry: in its subject alternative names, or as its whole subject. */
export interface CertificateRule {
  readonly kind: 'uri' | 'dns' | 'email' | 'subject'
  /** Exact; a `uri` may end in `/*`, which takes everything below. */
  readonly value: string
  readonly scopes: readonly string[]
}

/** A key that the ledger knows (OpenAPI `apiKey`). */
export interface ApiKeyPlan {
  readonly kind: 'apiKey'
  readonly in: 'header' | 'query' | 'cookie'
  /** Of the field, parameter or cookie; a field's in lower case. */
  readonly name: string
  /** Leave to take keys from the query, where they end up in histories and logs. */
  readonly allowInQuery: boolean
}

/** A name and a password (RFC 7617). The hashes are in the settings. */
export interface BasicPlan {
  readonly kind: 'basic'
  readonly users: { readonly [name: string]: { readonly scopes: readonly string[] } }
}

/** A browser session that the gateway keeps, begun by a login at the issuer (OpenID Connect Core 3.1). */
export interface SessionPlan {
  readonly kind: 'session'
  readonly issuer: string
  readonly clientId: string
  /** API the access token is asked for (RFC 8707 `resource`); null: the issuer's default. */
  readonly audience: string | null
  /** Asked for at login; `openid` is one of them. */
  readonly scopes: readonly string[]
  /** Of ID tokens and logout tokens. */
  readonly algorithms: readonly string[]
  /** Member names that lead to the claim of the ID token that lists roles. */
  readonly rolesClaim: readonly string[]
  readonly clockSkewSeconds: number
  /** A session that is not used for so long ends. */
  readonly idleSeconds: number
  /** Every session ends so long after its login. */
  readonly lifetimeSeconds: number
  /** Path of the own origin where a browser ends up after a logout. */
  readonly afterLogout: string
}
