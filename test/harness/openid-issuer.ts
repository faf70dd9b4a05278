import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type JWK, type JWTHeaderParameters, SignJWT } from 'jose'
import { type Claims, createTestKey, type TestKey } from './issuer.ts'

/** What the token endpoint answers. */
export interface TokenAnswer {
  readonly status: number
  readonly body: string
  readonly headers?: Readonly<Record<string, string>>
}

/** An OpenID provider whose every word a test can choose; see `TestIssuer`. */
export interface OpenIdIssuer {
  readonly issuer: string
  readonly key: TestKey
  /** Keys it publishes; replace to rotate. */
  published: readonly JWK[]
  /** Forms that came to the token endpoint. */
  readonly asked: readonly URLSearchParams[]
  /** Answers the token endpoint; null never answers. */
  tokenAnswer: ((form: URLSearchParams) => Promise<TokenAnswer>) | null
  /** Answers about any token, by introspection (RFC 7662). */
  introspected: TokenAnswer
  /** Overrides members of the metadata. */
  metadata: Readonly<Record<string, unknown>>
  /** Tokens that came to be revoked. */
  readonly revoked: string[]
  /** `refuse` answers 500 to everything. */
  mode: 'serve' | 'refuse'
  sign(claims: Claims, header?: Partial<JWTHeaderParameters>, key?: TestKey): Promise<string>
  stop(): Promise<void>
}

export async function startOpenIdIssuer(port = 0, key?: TestKey): Promise<OpenIdIssuer> {
  const signing = key ?? (await createTestKey())
  const asked: URLSearchParams[] = []
  const server = createServer(async (request, response) => {
    let text = ''
    for await (const chunk of request) text += chunk
    response.setHeader('Content-Type', 'application/json')
    if (provider.mode === 'refuse') {
      response.writeHead(500).end('{}')
    } else if (request.url === '/jwks') {
      response.end(JSON.stringify({ keys: provider.published }))
    } else if (request.url === '/revoke') {
      provider.revoked.push(new URLSearchParams(text).get('token') ?? '')
      response.end()
    } else if (request.url === '/introspect') {
      response.writeHead(provider.introspected.status).end(provider.introspected.body)
    } else if (request.url === '/token') {
      const form = new URLSearchParams(text)
      asked.push(form)
      if (!provider.tokenAnswer) return
      const { status, body, headers } = await provider.tokenAnswer(form)
      response.writeHead(status, headers).end(body)
    } else {
      const own = (path: string) => provider.issuer + path
      response.end(
        JSON.stringify({
          issuer: provider.issuer,
          jwks_uri: own('/jwks'),
          authorization_endpoint: own('/authorize'),
          token_endpoint: own('/token'),
          introspection_endpoint: own('/introspect'),
          id_token_signing_alg_values_supported: ['ES256'],
          authorization_response_iss_parameter_supported: true,
          ...provider.metadata,
        }),
      )
    }
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  const provider: OpenIdIssuer = {
    issuer: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    key: signing,
    published: [signing.jwk],
    asked,
    tokenAnswer: null,
    introspected: { status: 200, body: '{"active":false}' },
    metadata: {},
    revoked: [],
    mode: 'serve',
    sign: (claims, header = {}, { alg, kid, privateKey } = signing) =>
      new SignJWT(claims).setProtectedHeader({ alg, kid, ...header }).sign(privateKey),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  return provider
}
