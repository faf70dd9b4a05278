import type { SchemePlan } from '../program/schemes.ts'
import type { IdentityEntry } from './configuration/configuration.ts'
import type { Section } from './section.ts'

/** A security scheme as the contract defines it. */
export interface DefinedScheme {
  /** `http bearer`, `oauth2` … as told to people. */
  readonly kind: string
  /** Scopes the definition lists; null where any may stand. */
  readonly scopes: ReadonlySet<string> | null
}

const tokens: readonly SchemePlan['kind'][] = ['jwt', 'introspection']

/** Which verifiers serve a scheme, by what OpenAPI calls it; the first is proposed to who has written none. */
const verifiers: { readonly [kind: string]: readonly SchemePlan['kind'][] } = {
  'http bearer': tokens,
  'http dpop': tokens,
  oauth2: tokens,
  openIdConnect: [...tokens, 'session'],
  mutualTLS: ['mutualTLS'],
}

/** Types of identity entries that can verify this kind of scheme; empty where nothing can (attack A23). */
export function verifiersOf(kind: string): readonly SchemePlan['kind'][] {
  return Object.hasOwn(verifiers, kind) ? (verifiers[kind] ?? []) : []
}

/**
 * Joins a scheme of the contract with the entry that verifies it.
 * @param defined null where only the configuration names the scheme
 * @returns why the two do not fit, as a text, otherwise
 */
export function bindScheme(defined: DefinedScheme | null, { plan }: IdentityEntry): SchemePlan | string {
  if (defined !== null && !verifiersOf(defined.kind).includes(plan.kind))
    return `the contract says ${defined.kind}, and ${plan.kind} does not verify that`
  // RFC 9449 7.1: the scheme's very name demands the proof.
  return defined?.kind === 'http dpop' && 'issuers' in plan ? { ...plan, senderConstraint: ['dpop'] } : plan
}

export function readDefinedScheme(section: Section): DefinedScheme | undefined {
  const type = section.require('type', 'oauth2')
    ? section.choice('type', ['apiKey', 'http', 'oauth2', 'openIdConnect', 'mutualTLS'])
    : undefined
  if (type === undefined) return undefined
  if (type === 'http') return { kind: `http ${(section.text('scheme') ?? '').toLowerCase()}`, scopes: null }
  if (type !== 'oauth2') return { kind: type, scopes: null }
  const scopes = new Set<string>()
  for (const [, flow] of section.members('flows'))
    for (const scope of Object.keys(flow.child('scopes')?.value ?? {})) scopes.add(scope)
  return { kind: type, scopes }
}
