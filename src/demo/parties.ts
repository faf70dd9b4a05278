import { randomBytes } from 'node:crypto'

/** The audience of access tokens for the orders API; an identifier, never fetched. */
export const ordersAudience = 'https://orders.example.com'
/** Another API that trusts the same issuer. Its tokens must not open this gate. */
export const billingAudience = 'https://billing.example.com'

/** An API whose tokens are opaque: who takes one asks the issuer about it (RFC 7662). */
export const ledgerAudience = 'https://ledger.example.com'

/** An API the authorization server issues tokens for. */
export interface Resource {
  readonly scopes: string
  readonly tokens: 'jwt' | 'opaque'
}

export const resources: ReadonlyMap<string, Resource> = new Map([
  [ordersAudience, { scopes: 'orders:read orders:write', tokens: 'jwt' }],
  [billingAudience, { scopes: 'orders:read orders:write', tokens: 'jwt' }],
  [ledgerAudience, { scopes: 'orders:read orders:write', tokens: 'opaque' }],
])

/** A service that gets tokens for itself (RFC 6749 4.4). */
export interface ServiceClient {
  readonly id: string
  readonly secret: string
  readonly scope: string
}

/** An application that gets tokens for the person in front of it (RFC 6749 4.1, RFC 7636). It has no secret. */
export interface AppClient {
  readonly id: string
  readonly redirectUri: string
}

/** The gate as a client of people's browsers: it keeps their tokens and sessions (OpenID Connect Core 3.1). */
export interface WebClient {
  readonly id: string
  readonly secret: string
  readonly redirectUri: string
  readonly afterLogoutUri: string
  /** Where the authorization server reaches the gate itself. */
  readonly backChannelLogoutUri: string
  readonly accessTokenSeconds: number
}

export interface Parties {
  readonly services: {
    /** Reads and writes orders. */
    readonly shop: ServiceClient
    /** Reads only. */
    readonly report: ServiceClient
    /** Reads and writes, too fast. */
    readonly importer: ServiceClient
    /** The gate itself, when it asks about opaque tokens. */
    readonly gate: ServiceClient
    /** Its tokens are bound to the certificate it shows when it gets them (RFC 8705 3). */
    readonly partner: ServiceClient
  }
  readonly app: AppClient
  /** Null where nobody signs in at the gate. */
  readonly web: WebClient | null
}

/** Makes the clients of one demo; their secrets are random and live as long as it does. */
export function createParties(web: Omit<WebClient, 'id' | 'secret'> | null = null): Parties {
  const service = (id: string, scope: string) => ({
    id,
    scope,
    secret: randomBytes(18).toString('base64url'),
  })
  return {
    services: {
      shop: service('shop', 'orders:read orders:write'),
      report: service('report', 'orders:read'),
      importer: service('importer', 'orders:read orders:write'),
      gate: service('gate', 'orders:read'),
      partner: service('partner', 'orders:read orders:write'),
    },
    // RFC 8252 7.3: loopback redirect of a native application; nothing listens there, the code is read off the redirect
    app: { id: 'shop-app', redirectUri: 'http://127.0.0.1/callback' },
    web: web && { id: 'gate-web', secret: randomBytes(18).toString('base64url'), ...web },
  }
}
