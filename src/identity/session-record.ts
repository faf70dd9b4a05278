import { isJsonObject } from '../base/json.ts'
import type { KnownSession } from '../engine/ports.ts'
import { open, seal, sessionKeyOf } from './session-seal.ts'

/** What is kept of one session, sealed. */
export interface SessionRecord extends Omit<KnownSession, 'kind'> {
  readonly refreshToken: string | null
  /** See `GrantedTokens`. */
  readonly renewFromMs: number | null
}

/** @param about scheme and client, see `seal` */
export function sealRecord(id: string, record: SessionRecord, about: string): string {
  return seal(sessionKeyOf(id), JSON.stringify(record), about)
}

export function openRecord(id: string, sealed: string, about: string): SessionRecord | null {
  const text = open(sessionKeyOf(id), sealed, about)
  if (text === null) return null
  // INVARIANT: whatever opens was sealed by `sealRecord` of this or an earlier version; its shape is still looked at.
  const read: unknown = JSON.parse(text)
  return isRecord(read) ? read : null
}

function isRecord(read: unknown): read is SessionRecord {
  if (!isJsonObject(read)) return false
  const {
    keyId,
    claims,
    scopes,
    accessToken,
    accessTokenEndsMs,
    begunMs,
    endsMs,
    refreshToken,
    renewFromMs,
  } = read
  return (
    (keyId === null || typeof keyId === 'string') &&
    isJsonObject(claims) &&
    Array.isArray(scopes) &&
    scopes.every((scope) => typeof scope === 'string') &&
    typeof accessToken === 'string' &&
    (accessTokenEndsMs === null || typeof accessTokenEndsMs === 'number') &&
    typeof begunMs === 'number' &&
    typeof endsMs === 'number' &&
    (refreshToken === null || typeof refreshToken === 'string') &&
    (renewFromMs === null || typeof renewFromMs === 'number')
  )
}

export function knownSession({ refreshToken: _, renewFromMs: __, ...facts }: SessionRecord): KnownSession {
  return { kind: 'session', ...facts }
}
