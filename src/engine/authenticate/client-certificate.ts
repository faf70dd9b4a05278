import type { CertificateRule, MutualTlsPlan } from '../../program/schemes.ts'
import type { ClientCertificate } from '../ports.ts'
import { crossSiteBrowser } from '../request-site.ts'
import { type LinkedScheme, missing, oneChallenge, type Verdict } from './scheme.ts'

export const certificatePlace = 'client certificate'

// RFC 9110 11.6.1 wants a challenge on every 401, and client certificates have no registered scheme.
const challenges = oneChallenge('ClientCertificate realm="api"')

/**
 * A scheme whose credential is the certificate of the connection (OpenAPI `mutualTLS`, RFC 8446 4.4.2). A browser that has
 * one shows it whatever page makes it connect.
 * @param pages origins whose pages may do so
 */
export function linkClientCertificate(
  name: string,
  plan: MutualTlsPlan,
  pages: readonly string[],
): LinkedScheme {
  return {
    name,
    place: certificatePlace,
    challenges,
    judge({ method, fields, certificate }, { certificates }, nowMs): Verdict {
      if (!certificate) return missing
      const foreign = crossSiteBrowser(method, fields, pages)
      if (foreign !== null) return { kind: 'cross_site', detail: foreign }
      if (certificate.distrust !== null) return invalid(certificate.distrust)
      // RFC 5280 4.1.2.5: looked at on every request, because a connection outlives a certificate.
      if (nowMs < certificate.notBeforeMs) return invalid('the certificate is not valid yet')
      if (nowMs > certificate.notAfterMs) return invalid('the certificate has expired')
      const matched = matchRules(plan, certificate)
      if (!matched) return invalid('no rule accepts the names of the certificate')
      switch (certificates.revocation(certificate, nowMs)) {
        case 'revoked':
          return invalid('the certificate is revoked')
        case 'unknown':
          return { kind: 'fault', detail: 'no current revocation list speaks for the issuer' }
        case 'good':
          return accepted(certificate, matched)
      }
    },
  }
}

interface Match {
  readonly name: string
  readonly scopes: readonly string[]
}

function matchRules({ rules, anyTrusted }: MutualTlsPlan, certificate: ClientCertificate): Match | null {
  for (const rule of rules) {
    const name = matchRule(rule, certificate)
    if (name !== undefined) return { name, scopes: rule.scopes }
  }
  return anyTrusted ? { name: certificate.subject, scopes: [] } : null
}

/** ATTACK: E4. Whole names are compared, as parsed from the certificate; no pattern of a certificate is followed. */
function matchRule(
  { kind, value }: CertificateRule,
  { names, subject }: ClientCertificate,
): string | undefined {
  switch (kind) {
    case 'subject':
      return subject === value ? subject : undefined
    case 'dns':
      return names.dns.find((name) => name.toLowerCase() === value.toLowerCase())
    case 'email':
      return names.email.find((name) => name === value)
    case 'uri':
      return names.uri.find((name) =>
        value.endsWith('/*') ? isBelow(name, value.slice(0, -1)) : name === value,
      )
  }
}

/** Below a path, by whole and plain segments: `spiffe://example.org/ns/` holds `…/ns/api` and not `…/ns/../x` or `…/nsx`. */
function isBelow(name: string, prefix: string): boolean {
  return (
    name.startsWith(prefix) &&
    /^(?:[A-Za-z0-9._-]+\/)*[A-Za-z0-9._-]+$/.test(name.slice(prefix.length)) &&
    !/(?:^|\/)\.\.?(?:\/|$)/.test(name.slice(prefix.length))
  )
}

function accepted({ issuer, thumbprint }: ClientCertificate, { name, scopes }: Match): Verdict {
  return {
    kind: 'accepted',
    identity: {
      subject: name,
      issuer,
      client: null,
      keyId: thumbprint,
      scopes: new Set(scopes),
      roles: [],
      confirmation: null,
      key: null,
      claims: {},
    },
  }
}

const invalid = (detail: string): Verdict => ({ kind: 'invalid', detail })
