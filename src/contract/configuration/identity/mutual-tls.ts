import type { CertificateRule } from '../../../program/schemes.ts'
import type { Section } from '../../section.ts'
import type { IdentityEntry } from '../configuration.ts'

/** Keys of an entry that verifies client certificates, beside `type`. */
export const mutualTlsKeys = ['clients', 'anyTrusted'] as const
const kinds = ['uri', 'dns', 'email', 'subject'] as const
const uriPattern = /^[a-z][a-z0-9+.-]*:\/\/[^\s*]+(?:\/\*)?$/i

export function readMutualTls(section: Section): IdentityEntry | undefined {
  const anyTrusted = section.flag('anyTrusted') ?? false
  const rules = (section.items('clients') ?? []).flatMap(
    (item) => readRule(item.expect([...kinds, 'scopes'])) ?? [],
  )
  if (anyTrusted) {
    section.report.warn(
      'weakening',
      section.position('anyTrusted'),
      'every certificate of the configured authorities is let in',
      'name the clients that may come in clients',
    )
  } else if (!section.has('clients')) {
    return section.problem(
      'type',
      'clients-missing',
      'nothing says which certificates may come in',
      'write clients: [{ uri: "spiffe://example.org/client" }], or anyTrusted: true',
    )
  }
  return { position: section.position(), secrets: {}, plan: { kind: 'mutualTLS', rules, anyTrusted } }
}

function readRule(section: Section): CertificateRule | undefined {
  const [kind, ...more] = kinds.filter((one) => section.has(one))
  if (kind === undefined || more.length > 0) {
    section.report.error(
      'value-invalid',
      section.position(),
      `a client has exactly one of ${kinds.join(', ')}`,
      'write one entry for each name',
    )
    return undefined
  }
  const value = section.text(kind)
  if (value === undefined) return undefined
  if (kind === 'uri' && !uriPattern.test(value)) return section.wrong('uri', 'a URI, which may end in /*')
  return { kind, value, scopes: section.texts('scopes') ?? [] }
}
