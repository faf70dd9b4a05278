import type { Section } from '../../section.ts'
import type { IdentityEntry } from '../configuration.ts'
import { accessTokenKeys, checkIssuer, readAccessToken, readSome } from './access-token.ts'

/** RFC 7518 3.1, RFC 8037: signatures by a key pair. Shared secrets and `none` are not on offer (attacks A1, A2, A5). */
const algorithms = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
] as const
const profiles = ['rfc9068'] as const
const defaultAlgorithms = ['RS256', 'PS256', 'ES256', 'EdDSA']

/** Keys of an entry whose tokens are JSON Web Tokens, beside `type`. */
export const jwtKeys = ['issuer', 'issuers', 'algorithms', 'profile', ...accessTokenKeys] as const

export function readJwt(section: Section): IdentityEntry | undefined {
  const issuers = readIssuers(section)
  const chosen = readAlgorithms(section)
  const token = readAccessToken(section)
  if (!issuers || !token || !chosen) return undefined
  return {
    position: section.position(),
    secrets: {},
    plan: {
      kind: 'jwt',
      issuers,
      algorithms: chosen,
      profile: section.choice('profile', profiles) ?? null,
      ...token,
    },
  }
}

function readIssuers(section: Section): readonly string[] | undefined {
  if (section.has('issuer') && section.has('issuers')) {
    return section.problem(
      'issuers',
      'value-invalid',
      'issuer and issuers exclude each other',
      'keep one of them',
    )
  }
  if (!section.has('issuers') && !section.require('issuer', '"https://login.example.com"')) return undefined
  const key = section.has('issuers') ? 'issuers' : 'issuer'
  const issuers = readSome(section, key)
  for (const issuer of issuers ?? []) checkIssuer(section, key, issuer)
  return issuers
}

export function readAlgorithms(section: Section): readonly string[] | undefined {
  if (!section.has('algorithms')) return defaultAlgorithms
  const written = section.texts('algorithms')
  if (!written || written.length === 0)
    return section.wrong('algorithms', `a list of ${algorithms.join(', ')}`)
  for (const algorithm of written) {
    if ((algorithms as readonly string[]).includes(algorithm)) continue
    const shared = /^HS\d+$/i.test(algorithm) || algorithm.toLowerCase() === 'none'
    const why = shared
      ? 'lets anyone who can verify a token make one'
      : 'is not an algorithm of RFC 7518 or RFC 8037 for key pairs'
    section.problem(
      'algorithms',
      'algorithm-refused',
      `${algorithm} ${why}`,
      `choose from ${algorithms.join(', ')}`,
    )
  }
  return written
}
