import type { SessionPlan } from '../../program/schemes.ts'
import type { FoundSession, Revocations } from '../ports.ts'
import { crossSite } from '../request-site.ts'
import { sessionCookie, sessionIdSyntax } from '../session-cookies.ts'
import { sessionChallenge, signInPath } from '../session-paths.ts'
import { claimAt, words } from './judge-access-token.ts'
import { type Challenges, type LinkedScheme, missing, type Presentation, type Verdict } from './scheme.ts'

/**
 * A scheme whose credential is the cookie of a session that the gateway keeps (OpenAPI `openIdConnect`). The upstream gets
 * the session's access token; the browser never does.
 * @param origin the gateway's own; the compiler lets no session scheme pass without one
 * @see OpenID Connect Core 3.1, draft-ietf-oauth-browser-based-apps 6.1 (backend for frontend)
 */
export function linkSession(name: string, plan: SessionPlan, origin: string | null): LinkedScheme {
  if (origin === null) throw new Error(`the origin of ${name} is not known`)
  const cookie = sessionCookie(name)
  const challenge = [sessionChallenge(name)]
  const challenges: Challenges = {
    missing: challenge,
    invalid: () => challenge,
    scope: () => challenge,
    stepUp: () => challenge,
  }
  return {
    name,
    place: `cookie ${cookie}`,
    challenges,
    signIn: signInPath(name),
    judge({ method, fields, cookies }: Presentation, { sessions, revocations }, nowMs) {
      const shown = cookies.get(cookie)
      if (!shown) return missing
      const foreign = crossSite(method, fields, origin)
      if (foreign !== null) return { kind: 'cross_site', detail: foreign }
      const [id = '', ...more] = shown
      if (more.length > 0) return invalid('the session cookie stands twice')
      if (!sessionIdSyntax.test(id)) return invalid('the session cookie holds no session id')
      const found = sessions.find(name, id, nowMs)
      return found instanceof Promise
        ? found.then((later) => conclude(later, plan, revocations, nowMs))
        : conclude(found, plan, revocations, nowMs)
    },
  }
}

function conclude(found: FoundSession, plan: SessionPlan, revocations: Revocations, nowMs: number): Verdict {
  if (found.kind === 'fault') return found
  if (found.kind === 'unknown') return ended(found.detail)
  // A lifetime that was shortened since the login holds for it too.
  if (nowMs >= Math.min(found.endsMs, found.begunMs + plan.lifetimeSeconds * 1000))
    return ended('the session has lasted its whole lifetime')
  if (found.accessTokenEndsMs !== null && nowMs >= found.accessTokenEndsMs)
    return ended('its access token has expired')
  const { claims } = found
  if (typeof claims.sub !== 'string' || claims.sub === '') return invalid('the session has no subject')
  // A session is as old as its login, however often it was renewed since.
  const state = revocations.stateOf(plan.issuer, { ...claims, iat: found.begunMs / 1000 }, nowMs)
  if (state === 'revoked') return invalid('the tokens of its subject are revoked')
  if (state === 'unknown') return { kind: 'fault', detail: 'the list of revoked tokens is too old' }
  return {
    kind: 'accepted',
    identity: {
      subject: claims.sub,
      issuer: plan.issuer,
      client: plan.clientId,
      keyId: found.keyId,
      scopes: new Set(found.scopes),
      roles: words(claimAt(claims, plan.rolesClaim)),
      confirmation: null,
      key: null,
      claims,
    },
    upstreamCredential: `Bearer ${found.accessToken}`,
  }
}

const invalid = (detail: string): Verdict => ({ kind: 'invalid', detail })
const ended = (detail: string): Verdict => ({ kind: 'invalid', detail, ended: true })
