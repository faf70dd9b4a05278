import type { JsonObject } from '../base/json.ts'
import type { LimitPlan } from '../program/program.ts'

/**
 * What the engine needs from outside. Every method answers at once when it knows, returns a promise only for
 * a miss, and never throws or rejects: an outage is a value, and the engine decides what it means.
 */
export interface Ports {
  readonly tokens: TokenVerifier
  readonly counters: Counters
}

/** Verifies signatures of access tokens and binds each key to its issuer. Judges no claim but `iss`. */
export interface TokenVerifier {
  /**
   * @param scheme name of the scheme in the program; its issuers and algorithms apply
   * @param token the credential as it stood after `Bearer `, already of the form of a compact JWS
   * @param nowMs epoch milliseconds, for the bounds on refetching
   */
  verify(scheme: string, token: string, nowMs: number): SeenToken | Promise<SeenToken>
}

export type SeenToken =
  | {
      readonly kind: 'signed'
      /** Issuer whose key verified the signature; equal to `claims.iss`. */
      readonly issuer: string
      readonly keyId: string | null
      readonly algorithm: string
      /** JOSE `typ`, lower case, without `application/`; null when absent. */
      readonly type: string | null
      readonly claims: JsonObject
    }
  /** Wrong in a way no waiting will mend. */
  | { readonly kind: 'invalid'; readonly detail: string }
  /** Could not be judged: the issuer's keys are not to be had. */
  | { readonly kind: 'fault'; readonly detail: string }

/** Token buckets. */
export interface Counters {
  /**
   * Takes one token for each draw, or none at all when any of them has too few (all or nothing).
   * @returns one state per draw, in order
   */
  take(draws: readonly Draw[], nowMs: number): Taken | Promise<Taken>
}

export interface Draw {
  readonly limit: LimitPlan
  /** Whose bucket, e.g. an address prefix or issuer + subject. Untrusted text, unique per caller. */
  readonly key: string
}

export interface Taken {
  readonly allowed: boolean
  readonly states: readonly BucketState[]
}

export interface BucketState {
  /** Whole tokens left after this take. */
  readonly remaining: number
  /** Milliseconds until the bucket is full again. */
  readonly resetMs: number
  /** Milliseconds until one token is there; 0 when there is one now. */
  readonly retryMs: number
}
