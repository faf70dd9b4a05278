import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, type JWK, type JWTHeaderParameters, SignJWT } from 'jose'

export type Claims = Record<string, unknown>

export interface TestKey {
  readonly kid: string
  readonly alg: string
  readonly privateKey: CryptoKey
  /** As published. */
  readonly jwk: JWK
}

/**
 * An issuer whose every word a test can choose: attacks need tokens and key sets that no sound authorization server
 * would make. The sound one, from a certified library, is in the demo and its walk.
 */
export interface TestIssuer {
  readonly issuer: string
  /** What is published; replace to rotate. */
  keys: readonly JWK[]
  /** Requests for the key set so far. */
  readonly fetches: number
  /** `refuse` answers 500, `hang` never answers. */
  mode: 'serve' | 'refuse' | 'hang'
  /** Answers for the key set in place of what is sound, when set. */
  answer: ((response: ServerResponse) => void) | null
  readonly key: TestKey
  /** A token with sound claims, changed as told; undefined removes a claim. */
  token(changes?: Claims, header?: Partial<JWTHeaderParameters>, key?: TestKey): Promise<string>
  stop(): Promise<void>
}

export const audience = 'https://api.example.com'

export async function createTestKey(
  alg = 'ES256',
  kid = `key-${Math.random().toString(36).slice(2)}`,
): Promise<TestKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true })
  return { kid, alg, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } }
}

export async function startIssuer({
  port = 0,
  key,
}: {
  port?: number
  key?: TestKey
} = {}): Promise<TestIssuer> {
  const signing = key ?? (await createTestKey())
  let fetches = 0
  const server = createServer((request, response) => {
    if (issuer.mode === 'hang') return
    if (issuer.mode === 'refuse') {
      response.writeHead(500).end()
      return
    }
    response.setHeader('Content-Type', 'application/json')
    if (request.url?.endsWith('/jwks')) {
      fetches++
      if (issuer.answer) issuer.answer(response)
      else response.end(JSON.stringify({ keys: issuer.keys }))
    } else {
      response.end(JSON.stringify({ issuer: issuer.issuer, jwks_uri: `${issuer.issuer}/jwks` }))
    }
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const issuer: TestIssuer = {
    issuer: origin,
    keys: [signing.jwk],
    key: signing,
    mode: 'serve',
    answer: null,
    get fetches() {
      return fetches
    },
    token: (changes = {}, header = {}, by = signing) => signToken(origin, changes, header, by),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  return issuer
}

async function signToken(
  issuer: string,
  changes: Claims,
  header: Partial<JWTHeaderParameters>,
  { alg, kid, privateKey }: TestKey,
): Promise<string> {
  const now = Math.floor(Date.now() / 1000)
  const claims: Claims = {
    iss: issuer,
    aud: audience,
    sub: 'alice',
    client_id: 'app',
    iat: now,
    exp: now + 300,
    jti: Math.random().toString(36).slice(2),
    scope: 'things:read things:write',
    ...changes,
  }
  for (const [name, value] of Object.entries(claims)) if (value === undefined) delete claims[name]
  return new SignJWT(claims).setProtectedHeader({ alg, kid, typ: 'at+jwt', ...header }).sign(privateKey)
}
