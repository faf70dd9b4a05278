import * as oauth from 'oauth4webapi'
import type { AppClient, ServiceClient } from './parties.ts'

// RFC 8252 8.3 allows plain http on loopback, which is where the demo's authorization server lives.
const overLoopback = { [oauth.allowInsecureRequests]: true }

/** Gets access tokens as real clients do. */
export class OAuthClient {
  readonly #server: oauth.AuthorizationServer

  private constructor(server: oauth.AuthorizationServer) {
    this.#server = server
  }

  /** @see RFC 8414 3, OpenID Connect Discovery 4 */
  static async discover(issuer: string): Promise<OAuthClient> {
    const url = new URL(issuer)
    const response = await oauth.discoveryRequest(url, overLoopback)
    return new OAuthClient(await oauth.processDiscoveryResponse(url, response))
  }

  /** @see RFC 6749 4.4, RFC 8707 (resource) */
  async clientCredentials({ id, secret, scope }: ServiceClient, resource: string): Promise<string> {
    const client = { client_id: id }
    const response = await oauth.clientCredentialsGrantRequest(
      this.#server,
      client,
      oauth.ClientSecretBasic(secret),
      { scope, resource },
      overLoopback,
    )
    return (await oauth.processClientCredentialsResponse(this.#server, client, response)).access_token
  }

  /**
   * Authorization code with PKCE, with the browser's part done here: redirects, cookies and the login form.
   * @see RFC 6749 4.1, RFC 7636, RFC 9700 2.1.1
   */
  async authorizationCode(app: AppClient, account: string, scope: string, resource: string): Promise<string> {
    const client = { client_id: app.id }
    const verifier = oauth.generateRandomCodeVerifier()
    const state = oauth.generateRandomState()
    const start = new URL(this.#server.authorization_endpoint ?? '')
    start.search = new URLSearchParams({
      client_id: app.id,
      redirect_uri: app.redirectUri,
      response_type: 'code',
      scope,
      resource,
      state,
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
    }).toString()
    const callback = await signIn(start, account, app.redirectUri)
    const parameters = oauth.validateAuthResponse(this.#server, client, callback, state)
    const response = await oauth.authorizationCodeGrantRequest(
      this.#server,
      client,
      oauth.None(),
      parameters,
      app.redirectUri,
      verifier,
      { ...overLoopback, additionalParameters: { resource } },
    )
    return (await oauth.processAuthorizationCodeResponse(this.#server, client, response)).access_token
  }
}

const maxSteps = 10

/** What a browser and the person before it do: follow redirects, keep cookies, send the form. */
async function signIn(start: URL, account: string, redirectUri: string): Promise<URL> {
  const cookies = new Map<string, string>()
  let url = start
  let form: URLSearchParams | null = null
  for (let step = 0; step < maxSteps; step++) {
    const response: Response = await fetch(url, {
      method: form ? 'POST' : 'GET',
      body: form,
      redirect: 'manual',
      headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
    })
    for (const cookie of response.headers.getSetCookie()) {
      const [pair = ''] = cookie.split(';')
      cookies.set(pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1))
    }
    const location = response.headers.get('location')
    form = null
    if (location !== null) {
      url = new URL(location, url)
      if (url.href.startsWith(redirectUri)) return url
    } else if (response.ok) {
      // The login page: its form goes back to where it came from.
      form = new URLSearchParams({ account })
    } else {
      throw new Error(`the authorization server answered ${response.status} on ${url.pathname}`)
    }
  }
  throw new Error('the login did not come to an end')
}
