import type { Section } from '../../section.ts'
import type { IdentityEntry } from '../configuration.ts'

/** Keys of an entry whose credential is an API key, beside `type`. Where it stands, the contract says. */
export const apiKeyKeys = ['allowInQuery'] as const

export function readApiKey(section: Section): IdentityEntry {
  const allowInQuery = section.flag('allowInQuery') ?? false
  if (allowInQuery)
    section.report.warn(
      'weakening',
      section.position('allowInQuery'),
      'keys in the query end up in histories, caches and logs of others',
      'have clients send a header',
    )
  // `in` and `name` are filled in when the entry is bound to the scheme of the contract.
  return {
    position: section.position(),
    secrets: {},
    plan: { kind: 'apiKey', in: 'header', name: '', allowInQuery },
  }
}
