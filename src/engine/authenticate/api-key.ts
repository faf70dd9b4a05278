import { contains } from '../../base/ip.ts'
import { Memo } from '../../base/memo.ts'
import type { ApiKeyPlan } from '../../program/schemes.ts'
import type { KeyRecord } from '../ledger.ts'
import type { KnownKey } from '../ports.ts'
import { crossSiteBrowser } from '../request-site.ts'
import { type LinkedScheme, missing, oneChallenge, type Presentation, type Verdict } from './scheme.ts'

// RFC 9110 11.6.1 wants a challenge on every 401, and API keys have no registered scheme.
const challenges = oneChallenge('ApiKey realm="api"')

/**
 * A scheme whose credential is a key of the ledger (OpenAPI `apiKey`). One in a cookie is added by the browser to whatever a
 * page makes it send.
 * @param pages origins whose pages may do so
 */
export function linkApiKey(scheme: string, plan: ApiKeyPlan, pages: readonly string[]): LinkedScheme {
  return {
    name: scheme,
    place: `${plan.in}: ${plan.name}`,
    challenges,
    judge(presented, { keys }, nowMs): Verdict {
      const [text, ...more] = presentedKeys(plan, presented)
      if (text === undefined) return missing
      const { method, fields } = presented
      const foreign = plan.in === 'cookie' ? crossSiteBrowser(method, fields, pages) : null
      if (foreign !== null) return { kind: 'cross_site', detail: foreign }
      // ATTACK: A20, which of two credentials counts is not for a client to play with.
      if (more.length > 0) return invalid('the key came more than once')
      const seen = keys.find(text, nowMs)
      if (seen.kind !== 'key') return seen
      const wrong = whatIsWrong(seen, scheme, presented, nowMs)
      if (wrong !== null) return invalid(`${seen.key.id}: ${wrong}`)
      keys.used(seen.key.id, nowMs)
      return seen.accepted.of(seen.key, () => ({
        kind: 'accepted',
        identity: identityOf(seen.key),
        conclusion: new Memo(),
      }))
    },
  }
}

function presentedKeys(plan: ApiKeyPlan, { fields, cookies, target }: Presentation): readonly string[] {
  switch (plan.in) {
    case 'header':
      // RFC 9110 11.4: a scheme and a blank begin what other schemes read; a key holds no blank.
      return fields.all(plan.name).filter((text) => plan.name !== 'authorization' || !text.includes(' '))
    case 'cookie':
      return cookies.get(plan.name) ?? []
    case 'query':
      return target.query.filter(({ name }) => name === plan.name).map(({ value }) => value ?? '')
  }
}

/** Every answer looks the same to the client, so that nobody learns which part of a stolen key still fits. */
function whatIsWrong(
  { key, addresses }: KnownKey,
  scheme: string,
  { client }: Presentation,
  nowMs: number,
): string | null {
  if (key.scheme !== scheme) return `a key of ${key.scheme}`
  if (key.revokedMs !== null) return 'revoked'
  if (key.expiresMs !== null && nowMs >= key.expiresMs) return 'expired'
  if (addresses.length > 0 && !addresses.some((network) => contains(network, client.address)))
    return 'not from this address'
  return null
}

function identityOf({ id, name, owner, scopes, operations }: KeyRecord) {
  return {
    subject: owner ?? id,
    issuer: null,
    client: null,
    keyId: id,
    scopes: new Set(scopes),
    roles: [],
    confirmation: null,
    key: { id, name, owner, scopes, operations },
    claims: {},
  }
}

const invalid = (detail: string): Verdict => ({ kind: 'invalid', detail })
