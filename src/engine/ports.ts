import type { Cidr } from '../base/ip.ts'
import type { JsonObject } from '../base/json.ts'
import type { Memo } from '../base/memo.ts'
import type { ShownCertificates } from '../base/message.ts'
import type { CapPlan, LimitPlan } from '../program/program.ts'
import type { AccessTokenPlan } from '../program/schemes.ts'
import type { Accepted } from './authenticate/scheme.ts'
import type { KeyRecord } from './ledger.ts'
import type { IntentEntry } from './record/trail-entry.ts'

/**
 * What the engine needs from outside. Every method answers at once when it knows, returns a promise only for
 * a miss, and never throws or rejects: an outage is a value, and the engine decides what it means.
 */
export interface Ports {
  readonly tokens: TokenVerifier
  readonly proofs: ProofReader
  readonly replays: ReplayMemory
  readonly certificates: Certificates
  readonly keys: ApiKeys
  readonly passwords: Passwords
  readonly revocations: Revocations
  readonly clock: Clock
  readonly load: Load
  readonly counters: Counters
  readonly places: Places
  readonly sessions: Sessions
  readonly trail: Trail
}

/** Learns who vouches for an access token, and what it says. Judges no claim but `iss`. */
export interface TokenVerifier {
  /**
   * @param scheme name of the scheme in the program; its issuers and algorithms apply
   * @param token the credential as it stood after `Bearer ` or `DPoP `: one word of visible ASCII, not yet known to be a token68 (RFC 9110 11.2)
   * @param nowMs epoch milliseconds, for the bounds on refetching and caches
   */
  verify(scheme: string, token: string, nowMs: number): SeenToken | Promise<SeenToken>
}

/** A token its issuer vouches for. */
export interface VouchedToken {
  /** `signed`: a signature holds (RFC 7515); `active`: the issuer said so when asked (RFC 7662). */
  readonly kind: 'signed' | 'active'
  /** Issuer whose key verified the signature, or who was asked. */
  readonly issuer: string
  readonly keyId: string | null
  /** Keyed hash of the token's text, for records. */
  readonly fingerprint?: string
  /** JOSE `typ`, lower case, without `application/`; null when absent. */
  readonly type: string | null
  readonly claims: JsonObject
  /** Lasts as long as the verifier remembers the token. */
  readonly accepted: Memo<AccessTokenPlan, Accepted>
}

export type SeenToken =
  | VouchedToken
  /** Wrong in a way no waiting will mend, unless it is for a key that the issuer has begun to use a moment ago. */
  | { readonly kind: 'invalid'; readonly detail: string; readonly unknownKey?: true }
  /** Could not be judged: the issuer, or its keys, are not to be had. */
  | { readonly kind: 'fault'; readonly detail: string }

/** Reads DPoP proofs and keeps nonces. Everything is at hand, so it answers at once. */
export interface ProofReader {
  /** @returns what a proof whose own signature holds says, or why it is none, as a text (RFC 9449 4.3, 1 to 7) */
  read(proof: string): SignedProof | string
  /** SHA-256 of a token, base64url (RFC 9449 4.3: `ath`). */
  tokenHash(token: string): string
  isCurrentNonce(nonce: string, nowMs: number): boolean
  /** A nonce to hand out now (RFC 9449 8). */
  nonce(nowMs: number): string
}

export interface SignedProof {
  /** RFC 7638 thumbprint of the key in the proof, base64url. */
  readonly keyThumbprint: string
  readonly claims: JsonObject
}

/** Remembers what may be used only once. */
export interface ReplayMemory {
  /**
   * @param key of bounded length, unique to the thing
   * @param untilMs epoch milliseconds from which on it is refused for its age anyway
   * @returns `full` when there is no room to remember it, so that it cannot be judged
   */
  use(key: string, untilMs: number, nowMs: number): 'first' | 'again' | 'full'
}

/** Reads client certificates and knows the authorities that are believed. Everything is at hand, so it answers at once. */
export interface Certificates {
  /** @returns one that is distrusted when it cannot be read; null where no authority is configured */
  read(shown: ShownCertificates): ClientCertificate | null
  /**
   * Reads what a TLS terminator forwarded, and judges its chain anew.
   * @param leaf value of `Client-Cert`, a structured field's byte sequence (RFC 9440 2.2)
   * @param chain value of `Client-Cert-Chain`; null when absent
   * @returns null where no authority is configured
   */
  readForwarded(leaf: string, chain: string | null): ClientCertificate | 'unreadable' | null
  /** `unknown`: lists are configured, and none that is current speaks for its issuer (RFC 5280 6.3). */
  revocation(certificate: ClientCertificate, nowMs: number): 'good' | 'revoked' | 'unknown'
}

/** A client's X.509 certificate, read; whether it opens anything is for the engine to decide (RFC 5280). */
export interface ClientCertificate {
  /** SHA-256 over the DER octets, base64url without padding (RFC 8705 3.1: `x5t#S256`). */
  readonly thumbprint: string
  /** Distinguished names, RFC 4514. */
  readonly subject: string
  readonly issuer: string
  /** Hexadecimal, lower case, without leading zeros. */
  readonly serial: string
  /** Subject alternative names by kind (RFC 5280 4.2.1.6); other kinds are left out. */
  readonly names: {
    readonly uri: readonly string[]
    readonly dns: readonly string[]
    readonly email: readonly string[]
  }
  /** From then until then it and every certificate above it is valid; epoch milliseconds. */
  readonly notBeforeMs: number
  readonly notAfterMs: number
  /** Why no configured authority vouches for it; null when one does. For the operator only. */
  readonly distrust: string | null
}

/** The API keys that exist. They are at hand, so it answers at once. */
export interface ApiKeys {
  /** @param text what stood in the place of a key; of any form */
  find(text: string, nowMs: number): SeenKey
  /** Notes that a key opened something. */
  used(id: string, nowMs: number): void
}

/** A key that the ledger holds, good or not. */
export interface KnownKey {
  readonly kind: 'key'
  readonly key: KeyRecord
  readonly addresses: readonly Cidr[]
  /** Lasts as long as the key is held as it is. */
  readonly accepted: Memo<KeyRecord, Accepted>
}

export type SeenKey =
  | KnownKey
  | { readonly kind: 'invalid'; readonly detail: string }
  /** What is at hand is too old to be believed. */
  | { readonly kind: 'fault'; readonly detail: string }

/** Verifies passwords against their hashes. A name that does not exist takes as long as a wrong password. */
export interface Passwords {
  verify(
    scheme: string,
    user: string,
    password: string,
    nowMs: number,
  ): PasswordState | Promise<PasswordState>
}

/** `busy`: so many are being verified that this one was not looked at. */
export type PasswordState = 'right' | 'wrong' | 'busy'

/** Access tokens that are no longer believed. They are at hand, so it answers at once. */
export interface Revocations {
  /** `unknown`: what is at hand is too old to be believed. */
  stateOf(issuer: string, claims: JsonObject, nowMs: number): 'good' | 'revoked' | 'unknown'
}

/** The time after something was waited for; until then the time at which a request was received is its own. */
export interface Clock {
  /** Epoch milliseconds. */
  nowMs(): number
}

/** How far behind its work the thread is that asks. It is at hand, so it answers at once. */
export interface Load {
  lateness(): Lateness
}

export interface Lateness {
  /** So long at least the request has waited to be read, on a monotonic clock. */
  readonly waitedMs: number
  /** For longer than a burst lasts there has always been a request waiting. */
  readonly standing: boolean
  /** What a turn may take; a rank above normal may have waited for several in a queue that stands. */
  readonly limitMs: number
  /** What a request of normal priority may have waited there: at most that, and less where turns get long. */
  readonly serveMs: number
  /** Requests in flight, as a share of the bound. */
  readonly fullness: number
}

/** Token buckets. */
export interface Counters {
  /**
   * Takes what each draw costs, or nothing at all when any bucket has too few (all or nothing).
   * @returns one state per draw, in order
   */
  take(draws: readonly Draw[], nowMs: number): Taken | Promise<Taken>
  /**
   * Whether any bucket of a limit may lack a token: where not, to ask with a cost of 0 is to be allowed. Left out by who
   * cannot tell without asking.
   */
  mayDeny?(limit: LimitPlan, nowMs: number): boolean
}

/** Whom a limit or a cap counts. In two parts, so that what very many callers have in common is not looked at for each. */
export interface BucketKey {
  /** What the name is one of, e.g. `subject https://login.example.com`: one text for all of them, never of a client. */
  readonly namespace: string
  /** Untrusted text, unique per caller within the namespace. */
  readonly name: string
}

export interface Draw {
  readonly limit: LimitPlan
  /** Whose bucket. */
  readonly key: BucketKey
  /** Tokens; 0 asks whether one is there, and takes none. */
  readonly cost: number
}

export interface Taken {
  readonly allowed: boolean
  readonly states: readonly BucketState[]
  /** Nothing was decided, and nothing taken: a store is not to be had whose limits let nobody through without it. */
  readonly outage?: LimiterOutage
}

export interface LimiterOutage {
  /** Names of those limits. */
  readonly limits: readonly string[]
  readonly retryAfterSeconds: number
}

export interface BucketState {
  /** Whole tokens left after this take. */
  readonly remaining: number
  /** Milliseconds until the bucket is full again. */
  readonly resetMs: number
  /** Milliseconds until the tokens asked for are there; 0 when they are now. */
  readonly retryMs: number
  /** At least `retryMs`: how long a caller that keeps coming too early is asked to stay away; 0 when allowed. */
  readonly backOffMs: number
}

/** Places of requests in flight, under caps. Everything is at hand, so it answers at once. */
export interface Places {
  /** Takes one place under each cap, or none at all where any is full (all or nothing). */
  take(placings: readonly Placing[], nowMs: number): Placed
  /** Gives places back. @param held as `take` answered it; each is given back once */
  leave(held: readonly string[]): void
}

export interface Placing {
  readonly cap: CapPlan
  /** Whose places. */
  readonly key: BucketKey
}

export interface Placed {
  readonly allowed: boolean
  /** One for each placing, in order; where it is denied and none of them is full, there was no room to count. */
  readonly states: readonly PlaceState[]
  /** What is to be given back. */
  readonly held: readonly string[]
}

export interface PlaceState {
  /** Places left after this take. */
  readonly remaining: number
  /** Above 0 where the cap is full: when it may be tried again at the earliest. */
  readonly retryMs: number
  /** At least `retryMs`: how long a caller that keeps coming too early is asked to stay away; 0 when allowed. */
  readonly backOffMs: number
}

/** Browser sessions: login at an issuer, and what the gateway keeps of it. */
export interface Sessions {
  /** @param id the cookie's value, of its form; answers at once when the store does and the access token lasts */
  find(scheme: string, id: string, nowMs: number): FoundSession | Promise<FoundSession>
  /** Begins a login: where the browser goes, and the cookie that binds the login to it. */
  begin(scheme: string, returnTo: string, nowMs: number): Promise<BegunLogin | Outage>
  /** Ends a login with what the issuer sent the browser back with. */
  finish(scheme: string, callback: LoginCallback, nowMs: number): Promise<FinishedLogin>
  /** Ends a session, known or not. @param id null when the browser showed none */
  end(scheme: string, id: string | null): Promise<EndedSession | Outage>
  /** Verifies the signature of a logout token. Judges no claim but `iss`. */
  vouch(scheme: string, logoutToken: string, nowMs: number): SeenToken | Promise<SeenToken>
  /** Ends all sessions that an issuer's logout token means, once for each `jti` (OpenID Connect Back-Channel Logout 2.6). */
  endAll(scheme: string, logout: LogoutOrder, nowMs: number): Promise<'ended' | 'again' | Outage>
}

/** The audit trail, as far as a request waits for it. */
export interface Trail {
  /** Resolves once the entry is as durable as configured, or cannot be made so. */
  intend(entry: IntentEntry): Promise<Intended>
}

export type Intended = { readonly kind: 'written' } | Outage

/** What is needed is not to be had. */
export interface Outage {
  readonly kind: 'fault'
  readonly detail: string
}

export type FoundSession = KnownSession | { readonly kind: 'unknown'; readonly detail: string } | Outage

export interface KnownSession {
  readonly kind: 'session'
  /** `kid` of the signature of the ID token. */
  readonly keyId: string | null
  /** Of the ID token. */
  readonly claims: JsonObject
  /** Those the issuer granted. */
  readonly scopes: readonly string[]
  readonly accessToken: string
  /** Epoch milliseconds; null when the issuer did not say. */
  readonly accessTokenEndsMs: number | null
  /** Login and end of the session, whatever its use; epoch milliseconds. */
  readonly begunMs: number
  readonly endsMs: number
}

export interface BegunLogin {
  readonly kind: 'begun'
  readonly location: string
  /** Tells logins of one browser apart; part of a cookie's name. */
  readonly tag: string
  /** For the cookie; only the gateway can read it. */
  readonly transaction: string
}

export interface LoginCallback {
  /** Query of the redirect, with its `?`. */
  readonly search: string
  /** Value of the login cookie with this tag; null without. */
  readonly transaction: (tag: string) => string | null
  /** Id of a session the browser had before; it ends. */
  readonly formerId: string | null
}

export type FinishedLogin =
  | { readonly kind: 'session'; readonly id: string; readonly tag: string; readonly returnTo: string }
  | { readonly kind: 'refused'; readonly detail: string }
  | Outage

export interface EndedSession {
  readonly kind: 'ended'
  /** Where the browser ends its session at the issuer (OpenID Connect RP-Initiated Logout 2); null when nowhere. */
  readonly location: string | null
}

/** Whose sessions end, as a logout token says it. */
export interface LogoutOrder {
  /** Session at the issuer. */
  readonly sid: string | null
  readonly subject: string | null
  /** `jti` of the order. */
  readonly id: string
  /** From then on the order is refused for its age; epoch milliseconds. */
  readonly untilMs: number
}
