import type * as Library from 'oauth4webapi'
import { request } from 'undici'
import { codeOfError, OwnError } from '../base/code-of-error.ts'
import type { JsonObject } from '../base/json.ts'
import type { SessionPlan } from '../program/schemes.ts'
import { fetchMetadata, readBounded } from './issuer-metadata.ts'

/** Tokens as an issuer granted them, judged by the library except for the signature of the ID token. */
export interface GrantedTokens {
  readonly kind: 'granted'
  readonly accessToken: string
  readonly accessTokenEndsMs: number | null
  /** From then on it is renewed: the upstream must still find it good. Null where its end is not told. */
  readonly renewFromMs: number | null
  readonly refreshToken: string | null
  /** Null when the answer does not say, which means: as asked for (RFC 6749 5.1). */
  readonly scopes: readonly string[] | null
  /** Null when none came, as a refresh allows. */
  readonly idToken: { readonly text: string; readonly claims: JsonObject } | null
}

/** What came of asking an issuer. */
export type Granted =
  | GrantedTokens
  /** The issuer, or what it sent, says no. */
  | { readonly kind: 'refused'; readonly detail: string }
  | { readonly kind: 'fault'; readonly detail: string }

export interface LoginStart {
  readonly location: string
  readonly state: string
  readonly nonce: string
  readonly verifier: string
}

const timeoutMs = 5000
/** An access token is renewed when it has less than this to go, or, where it does not last twice as long, half of its life. */
const marginMs = 30_000
const firstRetryMs = 500
const maxRetryMs = 30_000

/** RFC 6749 A.12, without the blank: an upstream is sent it in a field. */
const visible = /^[\x21-\x7e]+$/

interface Ready {
  readonly oauth: typeof Library
  readonly server: Library.AuthorizationServer
  readonly authentication: Library.ClientAuth
}

/** Begins and renews logins at the issuer of one scheme, as a confidential client. */
export class SessionIssuer {
  readonly started: Promise<void>
  readonly #plan: SessionPlan
  readonly #secret: string
  readonly #redirectUri: string
  readonly #onReady: () => void
  readonly #client: Library.Client
  #ready: Ready | null = null
  #timer: NodeJS.Timeout | null = null
  #retryMs = firstRetryMs
  #stopped = false

  constructor(plan: SessionPlan, secret: string, redirectUri: string, onReady: () => void) {
    this.#plan = plan
    this.#secret = secret
    this.#redirectUri = redirectUri
    this.#onReady = onReady
    this.#client = { client_id: plan.clientId }
    this.started = this.#discover()
  }

  get ready(): boolean {
    return this.#ready !== null
  }

  stop(): void {
    this.#stopped = true
    if (this.#timer) clearTimeout(this.#timer)
  }

  /** @see RFC 6749 4.1.1, RFC 7636 4.3, RFC 9700 2.1.1, OpenID Connect Core 3.1.2.1 */
  async begin(): Promise<LoginStart | null> {
    if (!this.#ready) return null
    const { oauth, server } = this.#ready
    const [state, nonce, verifier] = [
      oauth.generateRandomState(),
      oauth.generateRandomNonce(),
      oauth.generateRandomCodeVerifier(),
    ]
    const location = new URL(server.authorization_endpoint ?? '')
    const parameters = {
      client_id: this.#plan.clientId,
      redirect_uri: this.#redirectUri,
      response_type: 'code',
      scope: this.#plan.scopes.join(' '),
      state,
      nonce,
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      ...this.#resource(),
    }
    for (const [name, value] of Object.entries(parameters)) location.searchParams.set(name, value)
    return { location: location.href, state, nonce, verifier }
  }

  /** @see RFC 6749 4.1.3, RFC 9207, OpenID Connect Core 3.1.3.7 */
  finish(
    callback: URLSearchParams,
    { state, nonce, verifier }: Omit<LoginStart, 'location'>,
    nowMs: number,
  ): Promise<Granted> {
    return this.#ask(nowMs, async ({ oauth, server, authentication }) => {
      const parameters = oauth.validateAuthResponse(server, this.#client, callback, state)
      const response = await oauth.authorizationCodeGrantRequest(
        server,
        this.#client,
        authentication,
        parameters,
        this.#redirectUri,
        verifier,
        this.#tokenOptions(oauth),
      )
      return oauth.processAuthorizationCodeResponse(server, this.#tolerant(oauth), response, {
        expectedNonce: nonce,
        requireIdToken: true,
      })
    })
  }

  /** @see RFC 6749 6, OpenID Connect Core 12 */
  refresh(refreshToken: string, nowMs: number): Promise<Granted> {
    return this.#ask(nowMs, async ({ oauth, server, authentication }) => {
      const response = await oauth.refreshTokenGrantRequest(
        server,
        this.#client,
        authentication,
        refreshToken,
        this.#tokenOptions(oauth),
      )
      return oauth.processRefreshTokenResponse(server, this.#tolerant(oauth), response)
    })
  }

  /** Tells the issuer that a token is not needed any more, where it can be told; nothing depends on it (RFC 7009 2). */
  async revoke(token: string): Promise<void> {
    if (!this.#ready?.server.revocation_endpoint) return
    const { oauth, server, authentication } = this.#ready
    try {
      const response = await oauth.revocationRequest(
        server,
        this.#client,
        authentication,
        token,
        this.#requestOptions(oauth),
      )
      await oauth.processRevocationResponse(response)
    } catch {
      // The session is over here; the token ends by itself at the issuer.
    }
  }

  /**
   * Where a browser ends its session at the issuer. Without `id_token_hint`: no token goes through the browser, and the
   * issuer asks the person instead.
   * @see OpenID Connect RP-Initiated Logout 1.0, 2
   */
  logoutLocation(afterLogout: string): string | null {
    const endpoint = this.#ready?.server.end_session_endpoint
    if (endpoint === undefined) return null
    const location = new URL(endpoint)
    location.searchParams.set('client_id', this.#plan.clientId)
    location.searchParams.set('post_logout_redirect_uri', afterLogout)
    return location.href
  }

  async #ask(
    nowMs: number,
    exchange: (ready: Ready) => Promise<Library.TokenEndpointResponse>,
  ): Promise<Granted> {
    if (!this.#ready)
      return { kind: 'fault', detail: `the metadata of ${this.#plan.issuer} is not known yet` }
    const { oauth } = this.#ready
    try {
      const answer = await exchange(this.#ready)
      if (answer.token_type !== 'bearer')
        return { kind: 'refused', detail: 'the issuer granted a token that is no bearer token' }
      if (!visible.test(answer.access_token))
        return { kind: 'refused', detail: 'the issuer granted an access token that no field can carry' }
      const lifetimeMs = answer.expires_in === undefined ? null : answer.expires_in * 1000
      // Nothing could be done with it, and a page would be led to the login without an end.
      if (lifetimeMs === 0)
        return {
          kind: 'refused',
          detail: 'the issuer granted an access token that lasts no time: expires_in is 0',
        }
      const claims = oauth.getValidatedIdTokenClaims(answer)
      return {
        kind: 'granted',
        accessToken: answer.access_token,
        accessTokenEndsMs: lifetimeMs === null ? null : nowMs + lifetimeMs,
        renewFromMs: lifetimeMs === null ? null : nowMs + Math.max(lifetimeMs - marginMs, lifetimeMs / 2),
        refreshToken: answer.refresh_token ?? null,
        scopes: answer.scope?.split(' ').filter((scope) => scope !== '') ?? null,
        idToken:
          answer.id_token !== undefined && claims
            ? { text: answer.id_token, claims: claims as unknown as JsonObject }
            : null,
      }
    } catch (error) {
      return this.#troubleOf(oauth, error)
    }
  }

  /** INVARIANT: what is not plainly the issuer's or the browser's no is an outage, which opens nothing either. */
  #troubleOf(oauth: typeof Library, error: unknown): Granted {
    if (error instanceof oauth.AuthorizationResponseError)
      return { kind: 'refused', detail: `the issuer answered ${knownError(error.error)}` }
    if (error instanceof oauth.ResponseBodyError && error.error === 'invalid_grant')
      return { kind: 'refused', detail: 'the issuer answered invalid_grant' }
    const unreadable: readonly unknown[] = [
      oauth.RESPONSE_IS_NOT_CONFORM,
      oauth.RESPONSE_IS_NOT_JSON,
      oauth.PARSE_ERROR,
    ]
    // These say in the library's own words which claim or member is wrong; what it holds stands in the cause.
    const own = error instanceof oauth.OperationProcessingError
    const detail = `${this.#plan.issuer}: ${own ? error.message : codeOfError(error)}`
    return { kind: own && !unreadable.includes(error.code) ? 'refused' : 'fault', detail }
  }

  #resource(): Readonly<Record<string, string>> {
    return this.#plan.audience === null ? {} : { resource: this.#plan.audience }
  }

  #tolerant(oauth: typeof Library): Library.Client {
    return { ...this.#client, [oauth.clockTolerance]: this.#plan.clockSkewSeconds }
  }

  #tokenOptions(oauth: typeof Library): Library.TokenEndpointRequestOptions {
    return { ...this.#requestOptions(oauth), additionalParameters: this.#resource() }
  }

  #requestOptions(oauth: typeof Library): {
    [Library.customFetch]: typeof boundedFetch
    [Library.allowInsecureRequests]: boolean
  } {
    return {
      [oauth.customFetch]: boundedFetch,
      // The configuration lets plain http issuers stand on loopback only.
      [oauth.allowInsecureRequests]: this.#plan.issuer.startsWith('http:'),
    }
  }

  async #discover(): Promise<void> {
    try {
      // Loaded only where sessions are used.
      const oauth = await import('oauth4webapi')
      const metadata = await fetchMetadata(this.#plan.issuer)
      const named = [...neededEndpoints, ...otherEndpoints.filter((one) => metadata[one] !== undefined)]
      for (const endpoint of named)
        if (!isAddress(metadata[endpoint], this.#plan.issuer))
          throw new OwnError(`the metadata names no ${endpoint} that anybody could be sent to`)
      const server = metadata as unknown as Library.AuthorizationServer
      const methods = server.token_endpoint_auth_methods_supported
      const post = methods !== undefined && !methods.includes('client_secret_basic')
      const authentication = (post ? oauth.ClientSecretPost : oauth.ClientSecretBasic)(this.#secret)
      this.#ready = { oauth, server, authentication }
      this.#onReady()
    } catch {
      if (this.#stopped) return
      // Jitter, so that many gateways do not come back in one instant.
      this.#timer = setTimeout(() => void this.#discover(), this.#retryMs * (0.75 + Math.random() / 2))
      this.#timer.unref()
      this.#retryMs = Math.min(maxRetryMs, this.#retryMs * 2)
    }
  }
}

const neededEndpoints = ['authorization_endpoint', 'token_endpoint']
const otherEndpoints = ['end_session_endpoint', 'revocation_endpoint']

/** RFC 8414 2: https; as plain as the issuer itself, which the configuration lets stand on loopback only. */
function isAddress(endpoint: unknown, issuer: string): boolean {
  if (typeof endpoint !== 'string' || !URL.canParse(endpoint)) return false
  const { protocol } = new URL(endpoint)
  return protocol === 'https:' || protocol === new URL(issuer).protocol
}

/** `fetch` for the library: bounded in time and size, follows no redirect. */
async function boundedFetch(
  url: string,
  { method, headers, body }: Library.CustomFetchOptions<string, URLSearchParams | undefined | string>,
): Promise<Response> {
  const answer = await request(url, {
    method: method as 'GET',
    headers,
    body: body === undefined ? null : body.toString(),
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    signal: AbortSignal.timeout(timeoutMs),
  })
  const bytes = await readBounded(answer.body)
  const fields = Object.entries(answer.headers).flatMap(([name, value]): [string, string][] =>
    value === undefined ? [] : [[name, String(value)]],
  )
  return new Response(bytes.byteLength === 0 ? null : Buffer.from(bytes), {
    status: answer.statusCode,
    headers: fields,
  })
}

/** RFC 6749 4.1.2.1, OpenID Connect Core 3.1.2.6. */
const authorizationErrors: ReadonlySet<string> = new Set([
  'invalid_request',
  'unauthorized_client',
  'access_denied',
  'unsupported_response_type',
  'invalid_scope',
  'server_error',
  'temporarily_unavailable',
  'interaction_required',
  'login_required',
  'account_selection_required',
  'consent_required',
  'invalid_request_uri',
  'invalid_request_object',
  'request_not_supported',
  'request_uri_not_supported',
  'registration_not_supported',
])

/** It comes through the browser, which may say anything: what is no word of the standards is not written down. */
function knownError(error: string): string {
  return authorizationErrors.has(error) ? error : 'with an error of its own'
}
