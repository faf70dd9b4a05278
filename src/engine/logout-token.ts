import { isJsonObject } from '../base/json.ts'
import type { SessionPlan } from '../program/schemes.ts'
import type { LogoutOrder, VouchedToken } from './ports.ts'

const event = 'http://schemas.openid.net/event/backchannel-logout'
/** An issuer sends a logout at once. */
const maxAgeSeconds = 300
const maxTextLength = 512

/**
 * Decides whether a token that the issuer signed orders sessions of this client to end.
 * @returns why it does not, as a text for the operator, otherwise
 * @see OpenID Connect Back-Channel Logout 1.0, 2.4 and 2.6
 */
export function judgeLogoutToken(
  { claims, type }: Pick<VouchedToken, 'claims' | 'type'>,
  plan: SessionPlan,
  nowMs: number,
): LogoutOrder | string {
  const nowSeconds = nowMs / 1000
  const { iss, aud, iat, exp, jti, events, sid, sub } = claims
  // Explicit typing is optional; a token that says it is another kind is another kind (RFC 8725 3.11).
  if (type !== null && type !== 'logout+jwt' && type !== 'jwt') return 'typ is not that of a logout token'
  if (iss !== plan.issuer) return 'iss is not the issuer of the scheme'
  const audiences: readonly unknown[] = Array.isArray(aud) ? aud : [aud]
  if (!audiences.includes(plan.clientId)) return 'aud does not name this client'
  // ATTACK: an ID token of the user sent as a logout token.
  if ('nonce' in claims) return 'a logout token has no nonce'
  const said = isJsonObject(events) && Object.hasOwn(events, event) ? events[event] : undefined
  if (!isJsonObject(said)) return 'events does not hold the back-channel logout event'
  if (!isDate(iat)) return 'iat is missing'
  if (nowSeconds < iat - plan.clockSkewSeconds) return 'iat is in the future'
  if (nowSeconds > iat + maxAgeSeconds) return 'issued too long ago'
  if (exp !== undefined && !isDate(exp)) return 'exp is not a date'
  if (exp !== undefined && nowSeconds >= exp + plan.clockSkewSeconds) return 'expired'
  if (!isText(jti)) return 'jti is missing'
  if (sid !== undefined && !isText(sid)) return 'sid is not a text'
  if (sub !== undefined && !isText(sub)) return 'sub is not a text'
  if (sid === undefined && sub === undefined) return 'neither sid nor sub says whose sessions end'
  return {
    sid: sid ?? null,
    subject: sub ?? null,
    id: jti,
    untilMs: (iat + maxAgeSeconds + plan.clockSkewSeconds) * 1000,
  }
}

const isText = (value: unknown): value is string =>
  typeof value === 'string' && value !== '' && value.length <= maxTextLength
const isDate = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
