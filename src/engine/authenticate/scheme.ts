import type { Memo } from '../../base/memo.ts'
import type { Client } from '../admit/client-address.ts'
import type { Decision } from '../decision.ts'
import type { Target } from '../normalize/target.ts'
import type { FieldTable } from '../parse/head.ts'
import type { ClientCertificate, Ports, ReplayMemory } from '../ports.ts'
import type { Identity } from '../principal.ts'
import type { Authenticated, LinkedSecurity } from './authenticate.ts'

/** What one request shows to the schemes. Each part was read once, by an earlier stage. */
export interface Presentation {
  readonly method: string
  readonly target: Target
  readonly fields: FieldTable
  readonly cookies: ReadonlyMap<string, readonly string[]>
  /** Null when the client showed none. */
  readonly certificate: ClientCertificate | null
  readonly client: Client
  /** What came of using up the DPoP proof, once a scheme did: a request has one, however many schemes read it. */
  proofUse?: ReturnType<ReplayMemory['use']>
}

/** What one scheme finds in a request. */
export type Verdict =
  | { readonly kind: 'missing' }
  | Accepted
  | Refusal
  /** It came by itself, with a request that another site may have caused; it is not looked at. */
  | { readonly kind: 'cross_site'; readonly detail: string }
  | Fault

/** It could not be judged: what is needed for it is not to be had. */
export interface Fault {
  readonly kind: 'fault'
  readonly detail: string
}

export interface Accepted {
  readonly kind: 'accepted'
  readonly identity: Identity
  /** What the upstream gets as `Authorization` in place of what the client showed. */
  readonly upstreamCredential?: string
  /** What follows where it is the only verdict; absent on one that ends with the request. */
  readonly conclusion?: Memo<LinkedSecurity, Decision<Authenticated>>
}

/** A credential that will not do, for a reason no waiting will mend. */
export interface Refusal {
  /** `unproven`: it may be good, but its sender has not shown to be its holder. */
  readonly kind: 'invalid' | 'unproven'
  /** For the operator only. */
  readonly detail: string
  /** Error of the challenge, where it is not the scheme's usual one. */
  readonly error?: ChallengeError
  /** A browser still sends what was good once; where other credentials meet a requirement, it counts as missing. */
  readonly ended?: true
  /** For the `DPoP-Nonce` field (RFC 9449 8). */
  readonly dpopNonce?: string
}

/** @see RFC 9449 7.1, 8 */
export type ChallengeError = 'invalid_token' | 'invalid_dpop_proof' | 'use_dpop_nonce'

export const missing: Verdict = { kind: 'missing' }

/** One scheme that an operation demands, made ready to judge what a request presents for it. */
export interface LinkedScheme {
  readonly name: string
  /**
   * Where its credential stands, e.g. `authorization: bearer`. Schemes of one place read one credential: if any of
   * them accepts it, it is accepted; if none does, it is a bad credential, whatever stands in other places.
   */
  readonly place: string
  readonly challenges: Challenges
  /** Own path at which a browser gets this credential; absent where none leads to it. */
  readonly signIn?: string
  /** At once when what is needed is at hand; a promise only for a miss. Never rejects. */
  readonly judge: (presented: Presentation, ports: Ports, nowMs: number) => Verdict | Promise<Verdict>
}

/** Values of `WWW-Authenticate` (RFC 9110 11.6.1), by what is wrong; made once. */
export interface Challenges {
  readonly missing: readonly string[]
  readonly invalid: (error: ChallengeError) => readonly string[]
  /** The credential is good and lacks scopes; null where the scheme has no word for that. */
  readonly scope: ((scopes: readonly string[]) => readonly string[]) | null
  /** The user must authenticate anew or better (RFC 9470 3); `parameters` begins with a comma. */
  readonly stepUp: ((parameters: string) => readonly string[]) | null
}

/** The same challenge whatever is wrong, for schemes that have no words for more. */
export function oneChallenge(challenge: string): Challenges {
  const told = [challenge]
  return { missing: told, invalid: () => told, scope: () => told, stepUp: null }
}
