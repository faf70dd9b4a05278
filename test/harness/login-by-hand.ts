import assert from 'node:assert/strict'
import type { Claims } from './issuer.ts'
import type { OpenIdIssuer } from './openid-issuer.ts'
import { type RawReply, sendRaw } from './raw-client.ts'

// What a browser does at a login, step by step, so that a test can do any of them otherwise. The scheme is `webLogin`.

export const origin = 'https://shop.example.com'
export const own = '/.portcullis/webLogin'
export const sessionCookie = '__Host-portcullis-session.webLogin'

/** A gate as far as a browser reaches it. */
interface ReachedGate {
  readonly gateway: { readonly addresses: { readonly http: string | null } }
}

export interface Sent {
  readonly method?: string
  readonly headers?: readonly string[]
  readonly body?: string
}

export function sendTo(
  gate: ReachedGate,
  path: string,
  { method = 'GET', headers = [], body }: Sent = {},
): Promise<RawReply> {
  const lines = [`${method} ${path} HTTP/1.1`, 'Host: shop.example.com', ...headers]
  if (body !== undefined)
    lines.push(
      'Content-Type: application/x-www-form-urlencoded',
      `Content-Length: ${Buffer.byteLength(body)}`,
    )
  const { http } = gate.gateway.addresses
  return sendRaw(http ?? '', `${lines.join('\r\n')}\r\n\r\n${body ?? ''}`, { lingerMs: 0 })
}

export interface Begun {
  /** `name=value` of the login cookie. */
  readonly cookie: string
  readonly state: string
  readonly nonce: string
  readonly location: URL
}

export async function beginLogin(gate: ReachedGate, returnTo = '/app'): Promise<Begun> {
  const reply = await sendTo(gate, `${own}/login?return_to=${encodeURIComponent(returnTo)}`)
  assert.equal(reply.status, 302, reply.text)
  const location = new URL(reply.fields.get('location') ?? '')
  const cookie = (reply.fields.get('set-cookie') ?? '').split('\n').at(-1)?.split(';')[0] ?? ''
  const of = (name: string) => location.searchParams.get(name) ?? ''
  return { cookie, location, state: of('state'), nonce: of('nonce') }
}

export const nowSeconds = (): number => Math.floor(Date.now() / 1000)

/** Sound claims of an ID token, changed as told; undefined removes a claim. */
export function idTokenClaims({ issuer }: OpenIdIssuer, nonce: string, changes: Claims = {}): Claims {
  const claims: Claims = {
    iss: issuer,
    aud: 'gate',
    sub: 'ada',
    sid: 'issuer-session',
    iat: nowSeconds(),
    exp: nowSeconds() + 300,
    nonce,
    ...changes,
  }
  for (const [name, value] of Object.entries(claims)) if (value === undefined) delete claims[name]
  return claims
}

/** From now on the issuer grants these tokens. */
export function grantsTokens(provider: OpenIdIssuer, idToken: string | undefined, more: object = {}): void {
  const body = JSON.stringify({
    access_token: `access-${Math.random().toString(36).slice(2)}`,
    token_type: 'Bearer',
    expires_in: 600,
    refresh_token: 'refresh-1',
    ...(idToken !== undefined && { id_token: idToken }),
    ...more,
  })
  provider.tokenAnswer = async () => ({ status: 200, body })
}

export const callbackPath = ({ issuer }: OpenIdIssuer, { state }: Begun): string =>
  `${own}/callback?code=c0de&state=${state}&iss=${encodeURIComponent(issuer)}`

/**
 * A whole login.
 * @param at gate that the browser comes back to, where it is another
 * @returns the `Cookie` field of the session
 */
export async function logInByHand(
  gate: ReachedGate,
  provider: OpenIdIssuer,
  changes: Claims = {},
  more: object = {},
  at = gate,
): Promise<string> {
  const begun = await beginLogin(gate)
  grantsTokens(provider, await provider.sign(idTokenClaims(provider, begun.nonce, changes)), more)
  const reply = await sendTo(at, callbackPath(provider, begun), { headers: [`Cookie: ${begun.cookie}`] })
  assert.equal(reply.status, 302, reply.text)
  assert.equal(reply.fields.get('location'), '/app')
  const cookies = (reply.fields.get('set-cookie') ?? '').split('\n')
  const cookie = cookies.find((one) => one.startsWith(sessionCookie)) ?? ''
  assert.match(
    cookie,
    /^__Host-portcullis-session\.webLogin=[\w-]{43}; Max-Age=\d+; Path=\/; Secure; HttpOnly; SameSite=Lax$/,
  )
  return `Cookie: ${cookie.split(';')[0]}`
}

/** A whole login whose access token has ended by the time this resolves. */
export async function logInSpent(
  gate: ReachedGate,
  provider: OpenIdIssuer,
  changes: Claims = {},
  more: object = {},
): Promise<string> {
  const cookie = await logInByHand(gate, provider, changes, { expires_in: 0.01, ...more })
  await new Promise((resolve) => setTimeout(resolve, 20))
  return cookie
}
