import type { JsonObject } from '../../base/json.ts'
import { isJsonObject } from '../../base/json.ts'
import { Memo } from '../../base/memo.ts'
import type { AccessTokenPlan } from '../../program/schemes.ts'
import type { VouchedToken } from '../ports.ts'
import type { Identity } from '../principal.ts'
import type { Accepted } from './scheme.ts'

export type Judgement = Accepted | { readonly kind: 'invalid'; readonly detail: string }

type Check = (seen: VouchedToken, plan: AccessTokenPlan, nowSeconds: number) => string | null

/** Latest instant a NumericDate may name: the end of the year 9999. */
const maxNumericDate = 253_402_300_799

/**
 * The checks of an access token that its issuer vouches for, in order; each answers what is wrong, or null.
 * They are made anew for every request, on cached tokens too (attack A15).
 */
const checks: readonly Check[] = [
  issuerIsConfigured,
  typeIsAccessToken,
  fitsProfile,
  audienceIsOurs,
  notExpired,
  notBeforeItsTime,
  notTooOld,
  hasRequiredClaims,
  claimsHaveTheirTypes,
]

/**
 * Decides whether a token that its issuer vouches for is an access token for this API, now. Whose key it may be bound to
 * is judged apart, see `judgeConfirmation`.
 * @param nowMs epoch milliseconds
 * @see RFC 7519 4.1, RFC 7662 2.2, RFC 9068 4, RFC 8725 3
 */
export function judgeAccessToken(seen: VouchedToken, plan: AccessTokenPlan, nowMs: number): Judgement {
  const nowSeconds = nowMs / 1000
  for (const check of checks) {
    const wrong = check(seen, plan, nowSeconds)
    if (wrong !== null) return { kind: 'invalid', detail: wrong }
  }
  // The identity follows from the token and the plan alone, so a token that a verifier remembers is read once.
  return seen.accepted.of(plan, () => ({
    kind: 'accepted',
    identity: identityOf(seen, plan),
    conclusion: new Memo(),
  }))
}

// RFC 9068 4: the issuer's identifier must match exactly. ATTACK: A8, a key of issuer B signs for issuer A.
// An answer to an introspection need not repeat the issuer that gave it (RFC 7662 2.2).
function issuerIsConfigured({ kind, claims, issuer }: VouchedToken, plan: AccessTokenPlan): string | null {
  const unsaid = kind === 'active' && claims.iss === undefined
  if (!unsaid && claims.iss !== issuer) return 'iss is not the issuer whose key verified the token'
  return plan.issuers.includes(issuer) ? null : 'iss is not configured for this scheme'
}

// RFC 8725 3.11, 3.12. ATTACK: A19, an ID token or refresh token used as an access token.
function typeIsAccessToken({ type, claims }: VouchedToken): string | null {
  if (type !== null && type !== 'at+jwt' && type !== 'jwt') return 'typ is not that of an access token'
  if (type !== 'at+jwt' && idTokenClaims.some((claim) => claim in claims))
    return 'this looks like an ID or logout token'
  const tokenType = claims.token_type
  if (tokenType !== undefined && !(typeof tokenType === 'string' && /^(?:bearer|dpop)$/i.test(tokenType)))
    return 'token_type is not that of an access token'
  const use = claims.token_use
  if (use !== undefined && use !== 'access') return 'token_use is not access'
  const { typ: claimedType } = claims
  return typeof claimedType === 'string' && otherTypes.has(claimedType)
    ? 'the typ claim is not that of an access token'
    : null
}
/** OpenID Connect Core 3.1.3.6, 3.3.2.11; `events` makes a security event or logout token (RFC 8417 2.2). */
const idTokenClaims = ['nonce', 'at_hash', 'c_hash', 's_hash', 'events']
/** Keycloak tells its kinds of token apart by a claim and leaves the header at JWT. */
const otherTypes: ReadonlySet<string> = new Set(['ID', 'Refresh', 'Offline', 'Logout', 'Serialized-ID'])

/** RFC 9068 2.2, beside what every token must say. */
const profileClaims = ['sub', 'client_id', 'iat', 'jti']

// RFC 9068 4. ATTACK: A19, an ID token of a client that shares its audience with the API, and nothing else gives it away.
function fitsProfile({ type, claims }: VouchedToken, plan: AccessTokenPlan): string | null {
  if (!('profile' in plan) || plan.profile !== 'rfc9068') return null
  if (type !== 'at+jwt') return 'typ is not at+jwt, which the profile demands'
  const missing = profileClaims.find((claim) => claims[claim] === undefined)
  return missing === undefined ? null : `${missing} is missing, which the profile demands`
}

// RFC 7519 4.1.3. ATTACK: A7.
function audienceIsOurs({ claims }: VouchedToken, plan: AccessTokenPlan): string | null {
  const audience = claims.aud
  if (audience === undefined) return 'aud is missing'
  const values: readonly unknown[] = Array.isArray(audience) ? audience : [audience]
  if (!values.every((value) => typeof value === 'string'))
    return 'aud is neither a string nor a list of strings'
  return values.some((value) => plan.audiences.includes(value)) ? null : 'aud does not name this API'
}

// RFC 7519 4.1.4. ATTACK: A6, exp missing, a string, a fraction or beyond any calendar.
function notExpired({ claims }: VouchedToken, plan: AccessTokenPlan, nowSeconds: number): string | null {
  const expires = claims.exp
  if (expires === undefined) return 'exp is missing'
  if (!isNumericDate(expires)) return 'exp is not a date'
  return nowSeconds < expires + plan.clockSkewSeconds ? null : 'expired'
}

// RFC 7519 4.1.5, 4.1.6
function notBeforeItsTime(
  { claims }: VouchedToken,
  plan: AccessTokenPlan,
  nowSeconds: number,
): string | null {
  for (const name of ['nbf', 'iat']) {
    const from = claims[name]
    if (from === undefined) continue
    if (!isNumericDate(from)) return `${name} is not a date`
    if (nowSeconds < from - plan.clockSkewSeconds) return `${name} is in the future`
  }
  return null
}

function notTooOld({ claims }: VouchedToken, plan: AccessTokenPlan, nowSeconds: number): string | null {
  if (plan.maxTokenAgeSeconds === null) return null
  const issued = claims.iat
  if (!isNumericDate(issued)) return 'iat is missing and a maximum age is configured'
  if ((claims.exp as number) - issued > plan.maxTokenAgeSeconds) return 'its lifetime is above the maximum'
  return nowSeconds - issued <= plan.maxTokenAgeSeconds + plan.clockSkewSeconds
    ? null
    : 'older than the maximum age'
}

function hasRequiredClaims({ claims }: VouchedToken, plan: AccessTokenPlan): string | null {
  for (const [name, wanted] of Object.entries(plan.requiredClaims)) {
    if (!Object.hasOwn(claims, name)) return `${name} is missing`
    const said = claims[name]
    const values: readonly unknown[] = Array.isArray(said) ? said : [said]
    if (
      wanted !== null &&
      !values.some((value) => typeof value !== 'object' && wanted.includes(String(value)))
    )
      return `${name} has none of the values demanded`
  }
  return null
}

function claimsHaveTheirTypes({ claims }: VouchedToken): string | null {
  for (const name of ['sub', 'client_id', 'azp']) {
    const value = claims[name]
    if (value !== undefined && (typeof value !== 'string' || value === '')) return `${name} is not a string`
  }
  for (const name of ['scope', 'scp']) {
    const value = claims[name]
    if (value !== undefined && typeof value !== 'string' && !isStrings(value)) return `${name} is not text`
  }
  return null
}

function identityOf(
  { claims, issuer, keyId, fingerprint }: VouchedToken,
  { rolesClaim }: AccessTokenPlan,
): Identity {
  return {
    subject: text(claims.sub),
    issuer,
    client: text(claims.client_id) ?? text(claims.azp),
    keyId,
    ...(fingerprint !== undefined && { tokenFingerprint: fingerprint }),
    scopes: scopesOf(claims),
    roles: words(claimAt(claims, rolesClaim)),
    confirmation: isJsonObject(claims.cnf) ? (claims.cnf as JsonObject) : null,
    key: null,
    claims,
  }
}

function scopesOf({ scope, scp }: JsonObject): ReadonlySet<string> {
  return new Set(scp === undefined ? words(scope) : [...words(scope), ...words(scp)])
}

/** The claim that member names lead to; undefined where the way ends early. */
export function claimAt(claims: JsonObject, path: readonly string[]): unknown {
  let value: unknown = claims
  for (const name of path) {
    if (!isJsonObject(value) || !Object.hasOwn(value, name)) return undefined
    value = value[name]
  }
  return value
}

function isNumericDate(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= maxNumericDate
}

function isStrings(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}

const text = (value: unknown): string | null => (typeof value === 'string' ? value : null)

/** RFC 6749 3.3: scope is a list of space-delimited words; some issuers write an array. */
export function words(value: unknown): readonly string[] {
  if (typeof value === 'string') {
    const parts = value.split(' ')
    return parts.includes('') ? parts.filter((word) => word !== '') : parts
  }
  return isStrings(value) ? value : []
}
