import type { ApiKeyPlan, SchemePlan } from '../program/schemes.ts'
import type { IdentityEntry } from './configuration/configuration.ts'
import type { Section } from './section.ts'

/** A security scheme as the contract defines it. */
export interface DefinedScheme {
  /** `http bearer`, `oauth2` … as told to people. */
  readonly kind: string
  /** Scopes the definition lists; null where any may stand. */
  readonly scopes: ReadonlySet<string> | null
  /** Where the key of an `apiKey` stands. */
  readonly place: { readonly in: 'header' | 'query' | 'cookie'; readonly name: string } | null
}

const tokens: readonly SchemePlan['kind'][] = ['jwt', 'introspection']

/** Which verifiers serve a scheme, by what OpenAPI calls it; the first is proposed to who has written none. */
const verifiers: { readonly [kind: string]: readonly SchemePlan['kind'][] } = {
  'http bearer': tokens,
  'http dpop': tokens,
  oauth2: tokens,
  openIdConnect: [...tokens, 'session'],
  mutualTLS: ['mutualTLS'],
  apiKey: ['apiKey'],
  'http basic': ['basic'],
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
  if (plan.kind === 'apiKey') return bindApiKey(defined, plan)
  // RFC 9449 7.1: the scheme's very name demands the proof.
  return defined?.kind === 'http dpop' && 'issuers' in plan ? { ...plan, senderConstraint: ['dpop'] } : plan
}

function bindApiKey(defined: DefinedScheme | null, plan: ApiKeyPlan): ApiKeyPlan | string {
  const place = defined?.place
  if (!place) return 'no contract says where its key stands'
  if (place.in === 'query' && !plan.allowInQuery)
    return `its key stands in the query, where it leaks; write allowInQuery: true to take it there`
  // RFC 9110 5.1; a name that no request can carry would be a scheme that nobody meets.
  if (place.in === 'header' && !/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(place.name))
    return `${place.name} is no name of a field`
  return { ...plan, in: place.in, name: place.in === 'header' ? place.name.toLowerCase() : place.name }
}

export function readDefinedScheme(section: Section): DefinedScheme | undefined {
  const type = section.require('type', 'oauth2')
    ? section.choice('type', ['apiKey', 'http', 'oauth2', 'openIdConnect', 'mutualTLS'])
    : undefined
  if (type === undefined) return undefined
  if (type === 'http' && !section.require('scheme', 'bearer')) return undefined
  if (type === 'http')
    return { kind: `http ${(section.text('scheme') ?? '').toLowerCase()}`, scopes: null, place: null }
  if (type === 'apiKey') return { kind: type, scopes: null, place: readPlace(section) ?? null }
  if (type !== 'oauth2') return { kind: type, scopes: null, place: null }
  section.require('flows', '{ authorizationCode: … }')
  const scopes = new Set<string>()
  for (const [, flow] of section.members('flows'))
    for (const scope of Object.keys(flow.child('scopes')?.value ?? {})) scopes.add(scope)
  return { kind: type, scopes, place: null }
}

function readPlace(section: Section): DefinedScheme['place'] | undefined {
  const complete = section.require('in', 'header') && section.require('name', 'X-API-Key')
  const place = section.choice('in', ['header', 'query', 'cookie'])
  const name = section.text('name')
  return complete && place !== undefined && name !== undefined ? { in: place, name } : undefined
}
