import type { RequirementPlan, SchemePlan } from '../../program/program.ts'
import { allow, type Decision, denyWith } from '../decision.ts'
import type { FieldTable } from '../parse/head.ts'
import type { SeenToken, TokenVerifier } from '../ports.ts'
import { anonymous, type Principal } from '../principal.ts'
import { type Presented, presentedBearer } from './credential.ts'
import { type Identity, judgeAccessToken } from './judge-access-token.ts'

/** What an operation demands, with the answers to a caller that does not meet it made ready. */
export interface LinkedSecurity {
  readonly alternatives: readonly RequirementPlan[]
  /** Every scheme that stands in an alternative, once. */
  readonly schemes: readonly { readonly name: string; readonly plan: SchemePlan }[]
  /** `WWW-Authenticate` values for a missing and for an invalid credential. */
  readonly challenges: { readonly missing: readonly string[]; readonly invalid: readonly string[] }
}

/** A caller together with the alternatives that its credentials meet, scopes not yet looked at. */
export interface Authenticated {
  readonly principal: Principal
  readonly met: readonly RequirementPlan[]
}

type Verdict =
  | { readonly kind: 'missing' }
  | { readonly kind: 'accepted'; readonly identity: Identity }
  | { readonly kind: 'invalid'; readonly detail: string }
  | { readonly kind: 'fault'; readonly detail: string }

const retryAfterSeconds = 5
const anonymously: Authenticated = { principal: anonymous, met: [] }

/**
 * Finds out who is calling, by the alternatives of OpenAPI `security`.
 *
 * A credential that came and is accepted by none of the schemes that read it denies the request, even where
 * anonymous callers pass; an invalid credential outranks a missing one; a key set that cannot be had is neither.
 * @returns at once unless a token is seen for the first time and its key is not at hand
 * @see OpenAPI 3.1.1 Security Requirement Object, RFC 6750 3
 */
export function authenticate(
  security: LinkedSecurity,
  fields: FieldTable,
  tokens: TokenVerifier,
  nowMs: number,
): Decision<Authenticated> | Promise<Decision<Authenticated>> {
  if (security.alternatives.length === 0) return allow(anonymously)
  const presented = presentedBearer(fields)
  const [only] = security.schemes
  if (security.schemes.length === 1 && only && presented.kind === 'token') {
    const seen = tokens.verify(only.name, presented.token, nowMs)
    if (!(seen instanceof Promise)) return conclude(security, [judge(seen, only.plan, nowMs)])
  }
  return authenticateAll(security, presented, tokens, nowMs)
}

async function authenticateAll(
  security: LinkedSecurity,
  presented: Presented,
  tokens: TokenVerifier,
  nowMs: number,
): Promise<Decision<Authenticated>> {
  const verdicts: Verdict[] = []
  for (const { name, plan } of security.schemes) {
    if (presented.kind === 'none') verdicts.push({ kind: 'missing' })
    else if (presented.kind === 'malformed') verdicts.push({ kind: 'invalid', detail: presented.detail })
    else verdicts.push(judge(await tokens.verify(name, presented.token, nowMs), plan, nowMs))
  }
  return conclude(security, verdicts)
}

function judge(seen: SeenToken, plan: SchemePlan, nowMs: number): Verdict {
  return seen.kind === 'signed' ? judgeAccessToken(seen, plan, nowMs) : seen
}

/** Weighs the verdicts, one for each of `security.schemes`. Pure; the precedence of answers stands here. */
export function conclude(security: LinkedSecurity, verdicts: readonly Verdict[]): Decision<Authenticated> {
  const { schemes, alternatives, challenges } = security
  const accepted = new Map<string, Identity>()
  let fault: string | null = null
  let invalid: string | null = null
  for (const [index, verdict] of verdicts.entries()) {
    if (verdict.kind === 'accepted') accepted.set(schemes[index]?.name as string, verdict.identity)
    else if (verdict.kind === 'fault') fault ??= verdict.detail
    else if (verdict.kind === 'invalid') invalid ??= verdict.detail
  }
  // All schemes read the same field, so one acceptance is the credential's acceptance.
  if (accepted.size === 0) {
    if (fault !== null) return denyWith('authenticate', 'verifier_unavailable', fault, { retryAfterSeconds })
    if (invalid !== null) {
      return denyWith('authenticate', 'credential_invalid', invalid, { challenges: challenges.invalid })
    }
  }
  const met = alternatives.filter((requirement) => requirement.every(({ scheme }) => accepted.has(scheme)))
  if (met.length === 0) {
    const detail =
      accepted.size > 0 ? 'no alternative is met by the credentials that came' : 'no credential came'
    return denyWith('authenticate', 'credential_missing', detail, { challenges: challenges.missing })
  }
  return allow({ principal: principalOf(met, accepted), met })
}

/** The caller, from the first scheme of the first alternative met; `{}` alone leaves it anonymous. */
function principalOf(met: readonly RequirementPlan[], accepted: ReadonlyMap<string, Identity>): Principal {
  const requirement = met.find((candidate) => candidate.length > 0)
  const first = requirement?.[0]
  const identity = first && accepted.get(first.scheme)
  if (!requirement || !identity) return anonymous
  return { ...identity, schemes: requirement.map(({ scheme }) => scheme) }
}
