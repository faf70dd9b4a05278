import type { JsonObject } from '../base/json.ts'

/** An API key as it is kept: everything but the key itself, of which only a hash remains. Times are epoch milliseconds. */
export interface KeyRecord {
  /** Public; stands in logs and in what rules see. */
  readonly id: string
  /** SHA-256 of the whole key, hex. */
  readonly hash: string
  /** Scheme of the configuration that it opens, and no other. */
  readonly scheme: string
  readonly name: string
  /** Who answers for it; the subject of its requests. */
  readonly owner: string | null
  readonly scopes: readonly string[]
  /** Operations it may call; empty: all that demand its scheme. */
  readonly operations: readonly string[]
  /** CIDRs it may come from; empty: anywhere. */
  readonly addresses: readonly string[]
  readonly createdMs: number
  readonly expiresMs: number | null
  readonly revokedMs: number | null
  /** The key that follows it after a rotation. */
  readonly replacedBy: string | null
}

/** Access tokens that are no longer believed, whatever their signature says. Times are epoch milliseconds. */
export interface TokenRevocation {
  readonly id: string
  readonly issuer: string
  /** `token`: one `jti`; `subject`: tokens of one `sub`; `issuer`: all of them. */
  readonly kind: 'token' | 'subject' | 'issuer'
  /** The `jti` or `sub`; empty for `issuer`. */
  readonly value: string
  /** Tokens with a later `iat` are good again; null: none is. */
  readonly issuedBeforeMs: number | null
  readonly createdMs: number
  /** Taken back. */
  readonly restoredMs: number | null
}

/** Who runs a command that writes a ledger, as the machine says where it runs. */
export interface Actor {
  /** e.g. `keys revoke`; never its options, which name people. */
  readonly command: string
  /** Of the operating system. */
  readonly user: string
  /** Who became that user, as `sudo` says in the environment: a claim, which anybody may set there. */
  readonly sudoUser: string | null
  readonly host: string
}

/** One write of an actor. */
export interface Act extends Actor {
  /** Ids of the keys and revocations it wrote. */
  readonly records: readonly string[]
}

/** What changed in a ledger after a revision. */
export interface LedgerChanges {
  /** The revision these changes lead to. */
  readonly revision: number
  /** The ledger is not the one the revision asked about came from; `keys` and `revocations` are all there are. */
  readonly whole: boolean
  readonly keys: readonly KeyRecord[]
  readonly revocations: readonly TokenRevocation[]
  /** In order; none of what was written by something else than a command, or before acts were kept. */
  readonly acts: readonly Act[]
}

/** Where API keys and revocations of tokens are kept. Every method rejects when the store is not to be had. */
export interface Ledger {
  changesSince(revision: number): Promise<LedgerChanges>
  /**
   * Writes records together or not at all; a record with a known id replaces it.
   * INVARIANT: a key that is revoked stays so, also when who writes it has read it before.
   */
  write(records: {
    readonly keys?: readonly KeyRecord[]
    readonly revocations?: readonly TokenRevocation[]
  }): Promise<void>
  /** Last use by key id, epoch milliseconds. */
  uses(): Promise<ReadonlyMap<string, number>>
  /** Later uses win; keys that are not known are left out. */
  noteUses(uses: ReadonlyMap<string, number>): Promise<void>
  close(): Promise<void>
}

/** Whether a revocation speaks of the token with these claims (RFC 7519 4.1). */
export function revokes(revocation: TokenRevocation, issuer: string, claims: JsonObject): boolean {
  const { kind, value, issuedBeforeMs, restoredMs } = revocation
  if (restoredMs !== null || revocation.issuer !== issuer) return false
  if (kind === 'token' && claims.jti !== value) return false
  if (kind === 'subject' && claims.sub !== value) return false
  if (issuedBeforeMs === null) return true
  // A token that does not say when it was issued cannot show that it is newer.
  return typeof claims.iat !== 'number' || claims.iat * 1000 <= issuedBeforeMs
}
