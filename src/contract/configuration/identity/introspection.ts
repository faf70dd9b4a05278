import { parseDuration } from '../../../base/duration.ts'
import type { Section } from '../../section.ts'
import type { IdentityEntry } from '../configuration.ts'
import { accessTokenKeys, readAccessToken } from './access-token.ts'
import { readIssuerClient } from './issuer-client.ts'

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
  const client = readIssuerClient(section, env)
  const cacheMs = section.parsed('cacheFor', parseDuration, 'a duration such as 30s') ?? defaultCacheMs
  if (cacheMs > maxCacheMs) section.wrong('cacheFor', 'at most 300s')
  const token = readAccessToken(section)
  if (!client || !token) return undefined
  return {
    position: section.position(),
    secrets: { clientSecret: client.clientSecret },
    plan: {
      kind: 'introspection',
      issuers: [client.issuer],
      clientId: client.clientId,
      cacheSeconds: cacheMs / 1000,
      ...token,
    },
  }
}
