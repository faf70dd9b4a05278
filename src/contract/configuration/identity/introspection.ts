import { parseDuration } from '../../../base/duration.ts'
import type { Section } from '../../section.ts'
import type { IdentityEntry } from '../configuration.ts'
import { readSecret } from '../files.ts'
import { accessTokenKeys, checkIssuer, readAccessToken } from './access-token.ts'

/** Keys of an entry whose tokens their issuer is asked about (RFC 7662), beside `type`. */
export const introspectionKeys = [
  'issuer',
  'clientId',
  'clientSecret',
  'cacheFor',
  ...accessTokenKeys,
] as const

const defaultCacheMs = 30_000
/** A revoked token is believed this long at most. */
const maxCacheMs = 300_000

export function readIntrospection(section: Section, env: NodeJS.ProcessEnv): IdentityEntry | undefined {
  const issuer = section.require('issuer', '"https://login.example.com"') ? section.text('issuer') : undefined
  if (issuer !== undefined) checkIssuer(section, 'issuer', issuer)
  const clientId = section.require('clientId', 'the-gateway') ? section.text('clientId') : undefined
  const clientSecret = section.require('clientSecret', '${CLIENT_SECRET}')
    ? readSecret(section, 'clientSecret', env)
    : undefined
  const cacheMs = section.parsed('cacheFor', parseDuration, 'a duration such as 30s') ?? defaultCacheMs
  if (cacheMs > maxCacheMs) section.wrong('cacheFor', 'at most 300s')
  const token = readAccessToken(section)
  if (!issuer || !clientId || !clientSecret || !token) return undefined
  return {
    position: section.position(),
    secrets: { clientSecret },
    plan: { kind: 'introspection', issuers: [issuer], clientId, cacheSeconds: cacheMs / 1000, ...token },
  }
}
