import { parseDuration } from '../../../base/duration.ts'
import type { AccessTokenPlan, SenderConstraint } from '../../../program/schemes.ts'
import type { Section } from '../../section.ts'
import { isLoopback } from '../listen.ts'

/** Keys of entries whose credential is an access token, whoever vouches for it. */
export const accessTokenKeys = [
  'audience',
  'maxTokenAge',
  'clockSkew',
  'requiredClaims',
  'rolesClaim',
  'senderConstraint',
  'dpopNonce',
] as const

const maxClockSkewMs = 60_000
export const senderConstraints = ['dpop', 'mutualTLS'] as const satisfies readonly SenderConstraint[]

/** Reads what the access tokens of an entry must say; undefined after a report where something needed is wrong. */
export function readAccessToken(section: Section): Omit<AccessTokenPlan, 'issuers'> | undefined {
  const audiences = section.require('audience', '"https://api.example.com"')
    ? readSome(section, 'audience')
    : undefined
  const maxAgeMs = section.parsed('maxTokenAge', parseDuration, 'a duration such as 1h')
  // RFC 7519 4.1.4, 4.1.6: one that expires in the second in which it is issued is never good.
  if (maxAgeMs !== undefined && maxAgeMs < 1000) section.wrong('maxTokenAge', 'at least 1s')
  const skewMs = section.parsed('clockSkew', parseDuration, 'a duration such as 5s') ?? 5000
  if (skewMs > maxClockSkewMs) section.wrong('clockSkew', 'at most 60s')
  const rest = {
    maxTokenAgeSeconds: maxAgeMs === undefined ? null : maxAgeMs / 1000,
    clockSkewSeconds: skewMs / 1000,
    requiredClaims: readRequiredClaims(section),
    rolesClaim: (section.text('rolesClaim') ?? 'roles').split('.'),
    senderConstraint: readSenderConstraint(section),
    dpopNonce: section.flag('dpopNonce') ?? false,
  }
  return audiences ? { audiences, ...rest } : undefined
}

export function readSenderConstraint(section: Section): readonly SenderConstraint[] {
  const written = section.texts('senderConstraint') ?? []
  for (const one of written)
    if (!(senderConstraints as readonly string[]).includes(one))
      section.wrong('senderConstraint', `a list of ${senderConstraints.join(', ')}`)
  return written as readonly SenderConstraint[]
}

function readRequiredClaims(section: Section): AccessTokenPlan['requiredClaims'] {
  const claims = section.child('requiredClaims')
  const entries = Object.keys(claims?.value ?? {}).map((name): [string, readonly string[] | null] => {
    if (claims?.get(name) === true) return [name, null]
    return [name, (claims && readSome(claims, name)) ?? []]
  })
  return Object.fromEntries(entries)
}

/** A list of texts with something in it: nobody would meet an empty one. */
export function readSome(section: Section, key: string): readonly string[] | undefined {
  const texts = section.texts(key)
  return texts?.length === 0 ? section.wrong(key, 'a text or a list of texts that is not empty') : texts
}

/** RFC 8414 2: an https URL without query or fragment. Plain http is for loopback only. */
export function checkIssuer(section: Section, key: string, issuer: string): void {
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
