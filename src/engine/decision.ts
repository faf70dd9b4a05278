import type { SourcePosition } from '../program/program.ts'
import type { Reason } from './reasons.ts'

/**
 * What a stage decides: go on with a value, or stop with a denial.
 * INVARIANT: there is no third way and no default; a stage that cannot decide denies.
 */
export type Decision<T> = Allow<T> | Denial

export interface Allow<T> {
  readonly allow: true
  readonly value: T
}

/** The stages in the order of the pipeline; a record names the one that answered. */
export type Stage =
  | 'parse'
  | 'admit'
  | 'normalize'
  | 'route'
  | 'authenticate'
  | 'limit'
  | 'authorize'
  | 'validate'
  | 'rules'
  | 'forward'
  | 'response'

export type Denial = { readonly [R in Reason]: DenialOf<R> }[Reason]

export interface DenialOf<R extends Reason> {
  readonly allow: false
  readonly reason: R
  readonly stage: Stage
  /** For the operator only; never a token, key, password or body, and never sent to the client. */
  readonly detail: string
  /** Where the rule stands that did not hold; absent where it was none. For the operator only. */
  readonly rule?: SourcePosition
  /** For the client. */
  readonly client: ClientPart<R>
}

/** What a client learns beyond status, title and request id. */
export interface ClientParts {
  readonly credential_missing: Challenged
  readonly credential_invalid: Challenged
  readonly proof_required: Challenged & {
    /** For `DPoP-Nonce` (RFC 9449 8); null when no nonce is wanted. */
    readonly dpopNonce: string | null
  }
  readonly step_up_required: Challenged
  readonly scope_missing: Challenged
  readonly method_not_allowed: { readonly allow: readonly string[] }
  readonly quota_exceeded: Retry & {
    /** Names of the limits that are spent, as they stand in `RateLimit-Policy`. */
    readonly violatedPolicies: readonly string[]
  }
  readonly verifier_unavailable: Retry
  readonly media_type_unsupported: {
    /** Codings that would have been accepted, when the content coding was what is wrong (RFC 9110 15.5.16). */
    readonly acceptEncoding?: readonly string[]
  }
  readonly parameter_invalid: { readonly faults: readonly Fault[] }
  readonly body_invalid: { readonly faults: readonly Fault[] }
}
export type ClientPart<R extends Reason> = R extends keyof ClientParts ? ClientParts[R] : null

export interface Challenged {
  /** Values of `WWW-Authenticate`, one each (RFC 9110 11.6.1). */
  readonly challenges: readonly string[]
  /** Own path that lets a person sign in and so mends this; absent where none does. */
  readonly signIn?: string
}

export interface Retry {
  /** Whole seconds for `Retry-After` (RFC 9110 10.2.3), at least 1. */
  readonly retryAfterSeconds: number
}

/** One thing wrong with the client's own input. Never holds a value the client sent. */
export interface Fault {
  readonly in: 'path' | 'query' | 'header' | 'cookie' | 'body'
  /** JSON Pointer (RFC 6901) into the body, or `/name` of the parameter. */
  readonly pointer: string
  readonly message: string
}

export const allow = <T>(value: T): Allow<T> => ({ allow: true, value })

/** A denial for a reason whose client part is empty. */
export function deny<R extends Exclude<Reason, keyof ClientParts>>(
  stage: Stage,
  reason: R,
  detail: string,
): DenialOf<R> {
  return { allow: false, reason, stage, detail, client: null as ClientPart<R> }
}

/** A denial for a reason that tells the client more. */
export function denyWith<R extends keyof ClientParts>(
  stage: Stage,
  reason: R,
  detail: string,
  client: ClientParts[R],
): DenialOf<R> {
  return { allow: false, reason, stage, detail, client: client as ClientPart<R> }
}
