import { parseDuration } from '../../../base/duration.ts'
import type { Section } from '../../section.ts'
import type { IdentityEntry } from '../configuration.ts'
import { readIssuerClient } from './issuer-client.ts'
import { readAlgorithms } from './jwt.ts'

/** Keys of an entry whose credential is a browser session that the gateway keeps, beside `type`. */
export const sessionKeys = [
  'issuer',
  'clientId',
  'clientSecret',
  'audience',
  'scopes',
  'algorithms',
  'rolesClaim',
  'clockSkew',
  'idleTimeout',
  'lifetime',
  'afterLogout',
] as const

const minuteMs = 60_000
const defaultIdleMs = 30 * minuteMs
const defaultLifetimeMs = 8 * 60 * minuteMs
/** NIST SP 800-63B 4.1.3: 30 days at most, at the lowest level. */
const maxLifetimeMs = 30 * 24 * 60 * minuteMs
const maxClockSkewMs = 60_000

export function readSession(section: Section, env: NodeJS.ProcessEnv): IdentityEntry | undefined {
  const client = readIssuerClient(section, env)
  const algorithms = readAlgorithms(section)
  const idleMs = readSpan(section, 'idleTimeout') ?? defaultIdleMs
  const lifetimeMs = readSpan(section, 'lifetime') ?? defaultLifetimeMs
  if (idleMs > lifetimeMs && section.has('idleTimeout')) section.wrong('idleTimeout', 'at most lifetime')
  const skewMs = section.parsed('clockSkew', parseDuration, 'a duration such as 5s') ?? 5000
  if (skewMs > maxClockSkewMs) section.wrong('clockSkew', 'at most 60s')
  const afterLogout = section.parsed('afterLogout', parsePath, 'a path such as /') ?? '/'
  if (!client || !algorithms) return undefined
  return {
    position: section.position(),
    secrets: { clientSecret: client.clientSecret },
    plan: {
      kind: 'session',
      issuer: client.issuer,
      clientId: client.clientId,
      audience: section.text('audience') ?? null,
      scopes: readScopes(section),
      algorithms,
      rolesClaim: (section.text('rolesClaim') ?? 'roles').split('.'),
      clockSkewSeconds: skewMs / 1000,
      idleSeconds: Math.min(idleMs, lifetimeMs) / 1000,
      lifetimeSeconds: lifetimeMs / 1000,
      afterLogout,
    },
  }
}

function readSpan(section: Section, key: string): number | undefined {
  const ms = section.parsed(key, parseDuration, 'a duration such as 30min')
  if (ms !== undefined && (ms < 1000 || ms > maxLifetimeMs)) return section.wrong(key, 'from 1s to 30d')
  return ms
}

/** OpenID Connect Core 3.1.2.1: without `openid` it is no login. */
function readScopes(section: Section): readonly string[] {
  const written = section.texts('scopes') ?? []
  for (const scope of written)
    if (!/^[\x21\x23-\x5b\x5d-\x7e]+$/.test(scope)) section.wrong('scopes', 'words of RFC 6749 3.3')
  return [...new Set(['openid', ...written])]
}

function parsePath(text: string): string | null {
  return /^\/(?:[A-Za-z0-9\-._~]+(?:\/[A-Za-z0-9\-._~]+)*\/?)?$/.test(text) ? text : null
}
