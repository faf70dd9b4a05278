import type { JsonObject } from '../base/json.ts'

/** Who is calling, as far as the schemes of one requirement proved it. */
export interface Principal {
  readonly subject: string | null
  readonly issuer: string | null
  /** OAuth client (`client_id`, else `azp`; RFC 9068 2.2). */
  readonly client: string | null
  readonly keyId: string | null
  /** Names of the schemes that hold, in the order of the requirement; empty for an anonymous caller. */
  readonly schemes: readonly string[]
  readonly scopes: ReadonlySet<string>
  readonly roles: readonly string[]
  /** Key the token is bound to (RFC 7800 `cnf`), as the issuer wrote it; null for a bearer. */
  readonly confirmation: JsonObject | null
  /** Claims of the token, for rules and identity headers; empty when there is none. */
  readonly claims: JsonObject
}

export const anonymous: Principal = {
  subject: null,
  issuer: null,
  client: null,
  keyId: null,
  schemes: [],
  scopes: new Set(),
  roles: [],
  confirmation: null,
  claims: {},
}
