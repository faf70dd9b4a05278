import { parseDuration } from '../../../base/duration.ts'
import type { Section } from '../../section.ts'
import type { IdentityEntry } from '../configuration.ts'
import { isLoopback } from '../listen.ts'

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
const defaultAlgorithms = ['RS256', 'PS256', 'ES256', 'EdDSA']
const maxClockSkewMs = 60_000

/** Keys of an entry whose tokens are JSON Web Tokens, beside `type`. */
export const jwtKeys = ['issuer', 'issuers', 'audience', 'algorithms', 'maxTokenAge', 'clockSkew'] as const

export function readJwt(section: Section): IdentityEntry | undefined {
  const issuers = readIssuers(section)
  const audiences = section.require('audience', '"https://api.example.com"')
    ? section.texts('audience')
    : undefined
  const chosen = readAlgorithms(section)
  const maxAgeMs = section.parsed('maxTokenAge', parseDuration, 'a duration such as 1h')
  const skewMs = section.parsed('clockSkew', parseDuration, 'a duration such as 5s') ?? 5000
  if (skewMs > maxClockSkewMs) section.wrong('clockSkew', 'at most 60s')
  if (!issuers || !audiences || audiences.length === 0 || !chosen) return undefined
  return {
    position: section.position(),
    secrets: {},
    plan: {
      kind: 'jwt',
      issuers,
      audiences,
      algorithms: chosen,
      maxTokenAgeSeconds: maxAgeMs === undefined ? null : maxAgeMs / 1000,
      clockSkewSeconds: skewMs / 1000,
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
  const issuers = section.texts(key)
  for (const issuer of issuers ?? []) checkIssuer(section, key, issuer)
  return issuers
}

/** RFC 8414 2: an https URL without query or fragment. Plain http is for loopback only. */
function checkIssuer(section: Section, key: string, issuer: string): void {
  const url = URL.canParse(issuer) ? new URL(issuer) : null
  if (
    !url ||
    !/^https?:$/.test(url.protocol) ||
    url.search !== '' ||
    url.hash !== '' ||
    url.username !== ''
  ) {
    section.problem(
      key,
      'issuer-invalid',
      `${issuer} is not an issuer`,
      'write its https URL exactly as in its metadata',
    )
  } else if (url.protocol === 'http:' && !isLoopback(url.hostname.replace(/^\[|\]$/g, ''))) {
    section.problem(
      key,
      'issuer-plaintext',
      `${issuer} would send its keys in the clear`,
      'write its https URL',
    )
  }
}

function readAlgorithms(section: Section): readonly string[] | undefined {
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
