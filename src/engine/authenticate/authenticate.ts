import type { RequirementPlan } from '../../program/program.ts'
import { allow, type Decision, type Denial, deny, denyWith } from '../decision.ts'
import type { Ports } from '../ports.ts'
import { anonymous, type Identity, lackingScopes, type Principal, principalOf } from '../principal.ts'
import { type LinkedScheme, missing, type Presentation, type Refusal, type Verdict } from './scheme.ts'

/** What an operation demands. */
export interface LinkedSecurity {
  /** Any one of them must be met; empty: the operation is public. */
  readonly alternatives: readonly RequirementPlan[]
  /** Every scheme that stands in an alternative, once. */
  readonly schemes: readonly LinkedScheme[]
}

/** A caller together with the alternative its credentials meet. */
export interface Authenticated {
  readonly principal: Principal
  /** The first alternative met whose scopes are held, else the first met; empty for an anonymous caller. */
  readonly requirement: RequirementPlan
  /** What the upstream gets as `Authorization` in place of what the client showed. */
  readonly upstreamCredential?: string
}

const retryAfterSeconds = 5
const anonymously = allow<Authenticated>({ principal: anonymous, requirement: [] })

/**
 * Finds out who is calling, by the alternatives of OpenAPI `security`.
 *
 * Every scheme of the operation looks at the request; then the verdicts are weighed.
 * @returns at once unless a scheme has to wait for something that is not at hand
 * @see OpenAPI 3.1.1 Security Requirement Object
 */
export function authenticate(
  security: LinkedSecurity,
  presented: Presentation,
  ports: Ports,
  nowMs: number,
): Decision<Authenticated> | Promise<Decision<Authenticated>> {
  if (security.alternatives.length === 0) return anonymously
  const verdicts: Verdict[] = []
  for (const scheme of security.schemes) {
    const verdict = scheme.judge(presented, ports, nowMs)
    if (verdict instanceof Promise)
      return authenticateLater(security, presented, ports, nowMs, verdicts, verdict)
    verdicts.push(verdict)
  }
  return conclude(security, verdicts)
}

async function authenticateLater(
  security: LinkedSecurity,
  presented: Presentation,
  ports: Ports,
  nowMs: number,
  verdicts: Verdict[],
  pending: Promise<Verdict>,
): Promise<Decision<Authenticated>> {
  verdicts.push(await pending)
  for (const scheme of security.schemes.slice(verdicts.length))
    verdicts.push(await scheme.judge(presented, ports, nowMs))
  return conclude(security, verdicts)
}

/**
 * Weighs the verdicts, one for each of `security.schemes`. Pure; the precedence of answers stands here.
 *
 * A credential that came and is accepted by none of the schemes that read its place denies the request, even where
 * another credential is good or anonymous callers pass; a session that has ended counts as missing beside credentials that
 * meet a requirement. What cannot be judged is neither good nor bad.
 */
export function conclude(security: LinkedSecurity, verdicts: readonly Verdict[]): Decision<Authenticated> {
  const [only] = verdicts
  return verdicts.length === 1 && only?.kind === 'accepted' && only.conclusion
    ? only.conclusion.of(security, () => weigh(security, verdicts))
    : weigh(security, verdicts)
}

function weigh(security: LinkedSecurity, verdicts: readonly Verdict[]): Decision<Authenticated> {
  const accepted = new Map<string, Identity>()
  let credentials: Map<string, string> | null = null
  for (let index = 0; index < verdicts.length; index++) {
    const verdict = verdicts[index] as Verdict
    if (verdict.kind !== 'accepted') continue
    const { name } = security.schemes[index] as LinkedScheme
    accepted.set(name, verdict.identity)
    if (verdict.upstreamCredential !== undefined)
      credentials = (credentials ?? new Map<string, string>()).set(name, verdict.upstreamCredential)
  }
  const met = security.alternatives.filter((requirement) =>
    requirement.every(({ scheme }) => accepted.has(scheme)),
  )
  if (accepted.size < verdicts.length) {
    const isKnown = met.some(({ length }) => length > 0)
    const bad = badCredential(security, isKnown ? verdicts.map(unlessEnded) : verdicts)
    if (bad) return bad
  }
  const [first] = met
  if (!first) {
    const detail =
      accepted.size > 0 ? 'no alternative is met by the credentials that came' : 'no credential came'
    return denyWith('authenticate', 'credential_missing', detail, {
      challenges: challengesOf(security, verdicts),
      ...signInOf(security, verdicts, 'missing'),
    })
  }
  const requirement =
    met.length === 1
      ? first
      : (met.find((one) => one.length > 0 && lackingScopes(one, accepted).length === 0) ?? first)
  const principal = principalOf(requirement, accepted)
  const named = credentials && requirement.find(({ scheme }) => credentials?.has(scheme))
  if (!credentials || !named) return allow({ principal, requirement })
  return allow({ principal, requirement, upstreamCredential: credentials.get(named.scheme) as string })
}

/** Its cookie comes with every request until the browser is told otherwise; whoever else the request proves is known. */
function unlessEnded(verdict: Verdict): Verdict {
  return verdict.kind === 'invalid' && verdict.ended ? missing : verdict
}

/**
 * The denial for a place whose credential nobody accepts; an outage is told only when nothing is plainly wrong.
 *
 * ATTACK: F6, a guess is told as one, and so charged, whatever stands beside it: each was verified, and whoever could hide it
 * behind a cookie of another site's request would guess for nothing.
 */
function badCredential(security: LinkedSecurity, verdicts: readonly Verdict[]): Denial | null {
  const acceptedPlaces = new Set(
    security.schemes.filter((_, index) => verdicts[index]?.kind === 'accepted').map(({ place }) => place),
  )
  const faultyPlaces = new Map<string, string>()
  const invalidPlaces = new Map<string, Refusal>()
  for (const [index, verdict] of verdicts.entries()) {
    const { place } = security.schemes[index] as LinkedScheme
    if (acceptedPlaces.has(place)) continue
    if (verdict.kind === 'fault') faultyPlaces.set(place, verdict.detail)
    else if ((verdict.kind === 'invalid' || verdict.kind === 'unproven') && !invalidPlaces.has(place))
      invalidPlaces.set(place, verdict)
  }
  // Another scheme might have accepted what this one refused, had it been able to judge.
  for (const place of faultyPlaces.keys()) invalidPlaces.delete(place)
  const refusals = [...invalidPlaces.values()]
  const guess = refusals.find(({ kind, ended }) => kind === 'invalid' && !ended)
  if (!guess)
    for (const verdict of verdicts)
      if (verdict.kind === 'cross_site') return deny('authenticate', 'cross_site', verdict.detail)
  const refusal = guess ?? refusals.find(({ kind }) => kind === 'unproven') ?? refusals[0]
  if (refusal) {
    const challenges = challengesOf(security, verdicts)
    const { detail, dpopNonce = null } = refusal
    return refusal.kind === 'invalid'
      ? denyWith('authenticate', 'credential_invalid', detail, {
          challenges,
          ...((refusals.length === 1 || !guess) && signInOf(security, verdicts, 'invalid')),
        })
      : denyWith('authenticate', 'proof_required', detail, { challenges, dpopNonce })
  }
  const [fault] = faultyPlaces.values()
  return fault === undefined
    ? null
    : denyWith('authenticate', 'verifier_unavailable', fault, { retryAfterSeconds })
}

/** Where a person may sign in: the first scheme of this verdict that a login leads to. */
function signInOf(
  { schemes }: LinkedSecurity,
  verdicts: readonly Verdict[],
  kind: 'missing' | 'invalid',
): { readonly signIn?: string } {
  const scheme = schemes.find(({ signIn }, index) => signIn !== undefined && verdicts[index]?.kind === kind)
  return scheme?.signIn === undefined ? {} : { signIn: scheme.signIn }
}

/** One challenge for each way in: with its error where the credential was wrong (RFC 9110 11.6.1). */
function challengesOf({ schemes }: LinkedSecurity, verdicts: readonly Verdict[]): readonly string[] {
  const challenges = schemes.flatMap(({ challenges: own }, index) => {
    const verdict = verdicts[index]
    return verdict?.kind === 'invalid' || verdict?.kind === 'unproven'
      ? own.invalid(verdict.error ?? 'invalid_token')
      : own.missing
  })
  return [...new Set(challenges)]
}
