import type { JsonObject } from '../base/json.ts'
import { Memo } from '../base/memo.ts'
import type { RequirementPlan } from '../program/program.ts'

/** What is known of an API key beside the key itself. */
export interface KeyFacts {
  readonly id: string
  readonly name: string
  readonly owner: string | null
  readonly scopes: readonly string[]
  /** Operations it may call; empty: all that its scheme opens. */
  readonly operations: readonly string[]
}

/** What one scheme proved about the caller. */
export interface Identity {
  readonly subject: string | null
  readonly issuer: string | null
  /** OAuth client (`client_id`, else `azp`; RFC 9068 2.2). */
  readonly client: string | null
  /** Key that proved it: the `kid` of a token's signature, the id of an API key. Never a secret. */
  readonly keyId: string | null
  /** Keyed hash of the access token, by which it can be followed and not used; absent where there was none. */
  readonly tokenFingerprint?: string
  readonly scopes: ReadonlySet<string>
  readonly roles: readonly string[]
  /** Key the token is bound to (RFC 7800 `cnf`), as the issuer wrote it; null for a bearer. */
  readonly confirmation: JsonObject | null
  /** The API key; null when there is none. */
  readonly key: KeyFacts | null
  /** Claims of the token, for rules and identity headers; empty when there is none. */
  readonly claims: JsonObject
}

/** Who is calling, as far as the schemes of one requirement proved it. */
export interface Principal extends Identity {
  /** Names of the schemes that hold, in the order of the requirement; empty for an anonymous caller. */
  readonly schemes: readonly string[]
  /** What each of them proved; scopes are looked up here, so that one scheme's never serve another's demand. */
  readonly identities: ReadonlyMap<string, Identity>
  /** Keeps how the audit trail spells it: requests with one token share it. */
  readonly trailText: Memo<object, string>
}

export const anonymous: Principal = {
  subject: null,
  issuer: null,
  client: null,
  keyId: null,
  schemes: [],
  identities: new Map(),
  trailText: new Memo(),
  scopes: new Set(),
  roles: [],
  confirmation: null,
  key: null,
  claims: {},
}

/**
 * The caller that the schemes of one alternative prove together. Where several say the same thing (a subject, a client,
 * claims), the first in the order of the requirement that says it is believed; scopes and roles add up.
 */
export function principalOf(
  requirement: RequirementPlan,
  accepted: ReadonlyMap<string, Identity>,
): Principal {
  const schemes = requirement.map(({ scheme }) => scheme)
  const all = schemes.flatMap((scheme) => accepted.get(scheme) ?? [])
  const [first] = all
  if (!first) return anonymous
  if (all.length === 1) return { ...first, schemes, identities: accepted, trailText: new Memo() }
  const fingerprinted = all.find(({ tokenFingerprint }) => tokenFingerprint !== undefined)
  const named = all.find(({ subject }) => subject !== null) ?? first
  return {
    subject: named.subject,
    issuer: named.issuer,
    client: firstOf(all, ({ client }) => client),
    keyId: firstOf(all, ({ keyId }) => keyId),
    ...(fingerprinted && { tokenFingerprint: fingerprinted.tokenFingerprint as string }),
    scopes: new Set(all.flatMap(({ scopes }) => [...scopes])),
    roles: [...new Set(all.flatMap(({ roles }) => roles))],
    confirmation: firstOf(all, ({ confirmation }) => confirmation),
    key: firstOf(all, ({ key }) => key),
    claims: all.find(({ claims }) => Object.keys(claims).length > 0)?.claims ?? {},
    schemes,
    identities: accepted,
    trailText: new Memo(),
  }
}

function firstOf<T>(all: readonly Identity[], part: (identity: Identity) => T | null): T | null {
  for (const identity of all) {
    const found = part(identity)
    if (found !== null) return found
  }
  return null
}

/** Scopes a requirement demands that its own schemes did not grant; scopes compare as exact words (RFC 6749 3.3). */
export function lackingScopes(
  requirement: RequirementPlan,
  identities: ReadonlyMap<string, Identity>,
): readonly string[] {
  let lacking: readonly string[] = none
  for (const { scheme, scopes } of requirement) {
    const held = identities.get(scheme)?.scopes
    for (const scope of scopes) if (!held?.has(scope)) lacking = [...lacking, scope]
  }
  return lacking
}
const none: readonly string[] = []

/** The variable `key` of an expression; without a key, or for one without an owner, what needs it meets an absence. */
export function keyMembers(key: KeyFacts | null): object {
  const members: Record<string, unknown> = Object.create(null)
  if (key === null) return members
  for (const name of ['id', 'name', 'owner', 'scopes'] as const)
    if (key[name] !== null) members[name] = key[name]
  return members
}
