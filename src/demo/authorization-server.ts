import { randomBytes, type X509Certificate } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { TLSSocket } from 'node:tls'
import type Provider from 'oidc-provider'
import type { Client, RequestContext } from 'oidc-provider'
import { createGrantStore } from './grant-store.ts'
import { accountName, loginPage, logoutPage } from './login-page.ts'
import { close, listen } from './orders-api.ts'
import { type Parties, resources } from './parties.ts'
import { announce, createSigningKey, type KeyRing, promote, withdraw } from './signing-keys.ts'

/** An OAuth 2.0 and OpenID Connect server on loopback whose signing keys can be rotated while it serves. */
export interface AuthorizationServer {
  readonly issuer: string
  /** Publishes a new key; tokens are still signed with the old one. */
  announceKey(): void
  /** Signs new tokens with the newest published key; the old ones stay published. */
  promoteKey(): void
  /** Withdraws all keys but the one that signs. */
  withdrawKeys(): void
  /** Answers a request that came by another way than its own port, e.g. over TLS with a client certificate. */
  serve(request: IncomingMessage, response: ServerResponse): void
  stop(): Promise<void>
}

export const missingProvider =
  'The demo needs an OAuth 2.0 server, which the gateway itself does not: npm install oidc-provider@9'

/** @throws Error with the command that helps, when oidc-provider is not installed */
async function importProvider(): Promise<typeof import('oidc-provider')> {
  try {
    return await import('oidc-provider')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND') throw new Error(missingProvider)
    throw error
  }
}

/** @param port 0 takes a free one */
export async function startAuthorizationServer(parties: Parties, port: number): Promise<AuthorizationServer> {
  const oidc = await importProvider()
  const server = createServer((request, response) => serve(request, response))
  await listen(server, port)
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const fixed = { ...configurationOf(parties, oidc), adapter: createGrantStore() }
  let ring: KeyRing = { keys: [] }
  let provider: Provider
  let answer: ReturnType<Provider['callback']>
  useKeys({ keys: [createSigningKey()] })
  return {
    issuer,
    announceKey: () => useKeys(announce(ring, createSigningKey())),
    promoteKey: () => useKeys(promote(ring)),
    withdrawKeys: () => useKeys(withdraw(ring)),
    serve,
    stop: () => close(server),
  }

  // A provider's keys are fixed. A new one with the same grants, cookies and clients takes over between two requests.
  function useKeys(next: KeyRing): void {
    ring = next
    provider = new oidc.default(issuer, { ...fixed, jwks: { keys: ring.keys } })
    answer = provider.callback()
  }

  function serve(request: IncomingMessage, response: ServerResponse): void {
    if (!request.url?.startsWith('/interaction/')) {
      answer(request, response)
      return
    }
    interact(provider, request, response).catch(() => {
      if (!response.headersSent) response.writeHead(400, { 'Content-Type': 'text/plain' })
      response.end('This sign-in has ended. Begin again.\n')
    })
  }
}

/** Shows the login form, and ends the login when it comes back. */
async function interact(
  provider: Provider,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { uid, params, prompt } = await provider.interactionDetails(request, response)
  if (prompt.name === 'consent') {
    // A native application must be asked anew each time (RFC 8252 8.6); this one is the shop's own and is let through.
    await provider.interactionFinished(request, response, { consent: {} })
    return
  }
  if (request.method === 'GET') {
    response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8', 'Cache-Control': 'no-store' })
    response.end(loginPage(uid, String(params.client_id)))
    return
  }
  const account = (await readForm(request)).get('account') ?? ''
  if (!accountName.test(account)) throw new Error('no such account')
  await provider.interactionFinished(request, response, { login: { accountId: account } })
}

const maxFormBytes = 1024

async function readForm(request: IncomingMessage): Promise<URLSearchParams> {
  let text = ''
  for await (const chunk of request) {
    text += chunk
    if (text.length > maxFormBytes) throw new Error('the form is too large')
  }
  return new URLSearchParams(text)
}

const lifetimesSeconds = {
  AuthorizationCode: 60,
  ClientCredentials: 600,
  Grant: 3600,
  IdToken: 600,
  RefreshToken: 3600,
  Interaction: 600,
  Session: 3600,
}

function configurationOf(parties: Parties, oidc: typeof import('oidc-provider')): Record<string, unknown> {
  return {
    clients: clientsOf(parties),
    // The provider's own dispatcher refuses loopback, which is where the demo's gate hears of logouts.
    fetch: (url: string, { dispatcher: _, ...options }: RequestInit & { readonly dispatcher?: unknown }) =>
      fetch(url, options),
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    cookies: { keys: [randomBytes(24).toString('base64url')] },
    ttl: {
      ...lifetimesSeconds,
      AccessToken: (_: RequestContext, __: unknown, client: Client) =>
        client.clientId === parties.web?.id ? parties.web.accessTokenSeconds : 600,
    },
    issueRefreshToken: (_: RequestContext, client: Client) => client.grantTypeAllowed('refresh_token'),
    rotateRefreshToken: true,
    pkce: { required: () => true },
    scopes: ['openid', ...new Set([...resources.values()].flatMap(({ scopes }) => scopes.split(' ')))],
    findAccount: (_: RequestContext, id: string) => ({ accountId: id, claims: () => ({ sub: id }) }),
    interactions: { url: (_: RequestContext, { uid }: { uid: string }) => `/interaction/${uid}` },
    loadExistingGrant: grantWhatIsAsked,
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: {
        enabled: true,
        allowedPolicy: (_: RequestContext, client: Client) => client.clientId === parties.services.gate.id,
      },
      revocation: {
        enabled: true,
        allowedPolicy: (_: RequestContext, client: Client, token: { readonly clientId: string }) =>
          client.clientId === token.clientId,
      },
      backchannelLogout: { enabled: true },
      rpInitiatedLogout: {
        enabled: true,
        logoutSource: (context: RequestContext, form: string) => {
          context.body = logoutPage(form)
        },
        postLogoutSuccessSource: (context: RequestContext) => {
          context.body = 'Signed out.'
        },
      },
      mTLS: { enabled: true, certificateBoundAccessTokens: true, getCertificate: shownCertificate },
      dPoP: { enabled: true, nonceSecret: randomBytes(32) },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => undefined,
        useGrantedResource: () => true,
        getResourceServerInfo: (_: RequestContext, indicator: string) => {
          const resource = resources.get(indicator)
          if (!resource) throw new oidc.errors.InvalidTarget()
          return {
            scope: resource.scopes,
            audience: indicator,
            accessTokenFormat: resource.tokens,
            ...(resource.tokens === 'jwt' && { jwt: { sign: { alg: 'ES256' } } }),
          }
        },
      },
    },
  }
}

function clientsOf({ services, app, web }: Parties): readonly object[] {
  const confidential = Object.values(services).map(({ id, secret, scope }) => ({
    client_id: id,
    client_secret: secret,
    scope,
    grant_types: ['client_credentials'],
    response_types: [],
    redirect_uris: [],
    ...(id === services.partner.id && { tls_client_certificate_bound_access_tokens: true }),
  }))
  const native = {
    client_id: app.id,
    application_type: 'native',
    token_endpoint_auth_method: 'none',
    grant_types: ['authorization_code'],
    redirect_uris: [app.redirectUri],
    scope: 'openid orders:read orders:write',
  }
  const sessions = web && {
    client_id: web.id,
    client_secret: web.secret,
    grant_types: ['authorization_code', 'refresh_token'],
    redirect_uris: [web.redirectUri],
    post_logout_redirect_uris: [web.afterLogoutUri],
    backchannel_logout_uri: web.backChannelLogoutUri,
    backchannel_logout_session_required: true,
    scope: 'openid orders:read orders:write',
  }
  return [...confidential, native, ...(sessions ? [sessions] : [])]
}

/** The shop's own application needs no consent page: what it asks for within its scopes, it gets. */
async function grantWhatIsAsked({ oidc }: RequestContext): Promise<unknown> {
  const { client, session, requestParamScopes, provider } = oidc
  const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId })
  const scopes = [...requestParamScopes].join(' ')
  grant.addOIDCScope(scopes)
  for (const resource of Object.keys(oidc.resourceServers)) grant.addResourceScope(resource, scopes)
  await grant.save()
  return grant
}

/** The certificate of the connection; a plain one has none, and then no bound token is to be had. */
function shownCertificate({ req: { socket } }: RequestContext): X509Certificate | undefined {
  return socket instanceof TLSSocket ? socket.getPeerX509Certificate() : undefined
}
