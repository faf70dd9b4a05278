import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, test } from 'node:test'
import { calculateJwkThumbprint, exportJWK, generateKeyPair, SignJWT } from 'jose'
import * as oauth from 'oauth4webapi'
import { type AuthorizationServer, startAuthorizationServer } from '../../src/demo/authorization-server.ts'
import { createParties, ledgerAudience, ordersAudience, type ServiceClient } from '../../src/demo/parties.ts'
import { assertDenied, assertNotForwarded } from '../harness/ask.ts'
import { freePort } from '../harness/free-port.ts'
import { project, startGate, type TestGate } from '../harness/gate.ts'
import { startIssuer, type TestIssuer } from '../harness/issuer.ts'
import { type RawReply, sendRaw } from '../harness/raw-client.ts'

// Access tokens of a real authorization server (oidc-provider), got and used by a real client library (oauth4webapi).

const parties = createParties()
const loopback = { [oauth.allowInsecureRequests]: true }
let authorizationServer: AuthorizationServer
let server: oauth.AuthorizationServer
let issuer: TestIssuer
let gate: TestGate
let origin: string

before(async () => {
  authorizationServer = await startAuthorizationServer(parties, await freePort())
  const url = new URL(authorizationServer.issuer)
  server = await oauth.processDiscoveryResponse(url, await oauth.discoveryRequest(url, loopback))
  issuer = await startIssuer()
  const port = await freePort()
  origin = `http://127.0.0.1:${port}`
  const token = `issuers: ["${server.issuer}", "${issuer.issuer}"], audience: "${ordersAudience}"`
  gate = await startGate({
    issuer,
    yaml: (upstream) => `
contract: ${JSON.stringify(`${project}/test/fixtures/identity.yaml`)}
publicUrl: "${origin}"
listen: { http: { host: 127.0.0.1, port: ${port}, allowPlaintext: true } }
upstreams: { default: { url: "${upstream.url}" } }
identity:
  bearerAuth: { type: jwt, ${token} }
  nonceAuth: { type: jwt, dpopNonce: true, ${token} }
  secondAuth: { type: jwt, ${token} }
  opaqueAuth:
    type: introspection
    issuer: "${server.issuer}"
    audience: "${ledgerAudience}"
    clientId: ${parties.services.gate.id}
    clientSecret: ${parties.services.gate.secret}
    cacheFor: 1s
limits: [{ name: wide, by: address, rate: 1000000/s, burst: 1000000 }]
failedAuthentications: { rate: 1000000/s }
`,
  })
})
after(async () => {
  await gate.stop()
  await authorizationServer.stop()
})

const client = { client_id: parties.services.shop.id }
const secret = ({ secret: text }: ServiceClient) => oauth.ClientSecretBasic(text)

async function tokenFor(resource: string, DPoP?: oauth.DPoPHandle): Promise<string> {
  const { shop } = parties.services
  const parameters = { scope: shop.scope, resource }
  const response = await oauth.clientCredentialsGrantRequest(server, client, secret(shop), parameters, {
    ...loopback,
    ...(DPoP && { DPoP }),
  })
  return (await oauth.processClientCredentialsResponse(server, client, response)).access_token
}

/** One request with a token, over the client library. */
function use(path: string, token: string, DPoP?: oauth.DPoPHandle): Promise<Response> {
  return oauth.protectedResourceRequest(token, 'GET', new URL(origin + path), undefined, undefined, {
    ...loopback,
    ...(DPoP && { DPoP }),
  })
}

/** One request spelled exactly as given, with the Host that publicUrl wants. */
function askOwn(path: string, headers: readonly string[]): Promise<RawReply> {
  const lines = [`GET ${path} HTTP/1.1`, `Host: ${new URL(origin).host}`, ...headers]
  return sendRaw(origin, Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), { lingerMs: 0 })
}

test('an opaque token is good while its issuer says so, and not long after (RFC 7662, RFC 7009)', async () => {
  const token = await tokenFor(ledgerAudience)
  assert.ok(!token.includes('.'), 'the token is opaque')
  assert.equal((await use('/v1/opaque', token)).status, 200)
  const line = await gate.logged((one) => one.operation === 'getOpaque')
  assert.equal(line.issuer, server.issuer)
  const revoked = await oauth.revocationRequest(
    server,
    client,
    secret(parties.services.shop),
    token,
    loopback,
  )
  await oauth.processRevocationResponse(revoked)
  await new Promise((resolve) => setTimeout(resolve, 1100))
  await assertNotForwarded(
    gate,
    askOwn('/v1/opaque', [`Authorization: Bearer ${token}`]),
    401,
    'credential_invalid',
  )
})

test('a token of another audience, a made-up one and a JWT are not active here (A7, A16)', async () => {
  const orders = await tokenFor(ordersAudience)
  for (const token of [orders, 'made-up', 'a.b.c']) {
    await assertNotForwarded(
      gate,
      askOwn('/v1/opaque', [`Authorization: Bearer ${token}`]),
      401,
      'credential_invalid',
    )
  }
})

test('a token bound to a key by DPoP passes with a proof, each proof once (RFC 9449; A27)', async () => {
  const keys = await oauth.generateKeyPair('ES256')
  const DPoP = oauth.DPoP({}, keys)
  const token = await tokenFor(ordersAudience, DPoP)
  for (const path of ['/v1/jwt', '/v1/bound', '/v1/jwt?x']) {
    const response = await use(path, token, DPoP)
    assert.equal(response.status, path.endsWith('?x') ? 400 : 200, path)
  }
  const bearer = askOwn('/v1/jwt', [`Authorization: Bearer ${token}`])
  await assertNotForwarded(gate, bearer, 401, 'proof_required')
  const noProof = askOwn('/v1/jwt', [`Authorization: DPoP ${token}`])
  const denied = await assertNotForwarded(gate, noProof, 401, 'proof_required')
  assert.match(denied.fields.get('www-authenticate') ?? '', /DPoP realm="api", error="invalid_dpop_proof"/)
})

test('A27: a proof that was used, is for another request, another token, another key, or old, opens nothing', async () => {
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true })
  const jwk = await exportJWK(publicKey)
  const jkt = await calculateJwkThumbprint(jwk)
  const token = await issuer.token({ cnf: { jkt }, aud: ordersAudience, scope: 'orders:read' })
  const ath = createHash('sha256').update(token).digest('base64url')
  const now = Math.floor(Date.now() / 1000)
  const sound = { jti: 'one', htm: 'GET', htu: `${origin}/v1/jwt`, iat: now, ath }
  const proof = (changes: object = {}, by = privateKey, key: object = jwk) =>
    new SignJWT({ ...sound, jti: Math.random().toString(36), ...changes } as never)
      .setProtectedHeader({ typ: 'dpop+jwt', alg: 'ES256', jwk: key as never })
      .sign(by)
  const other = await generateKeyPair('ES256', { extractable: true })
  const send = (text: string) => askOwn('/v1/jwt', [`Authorization: DPoP ${token}`, `DPoP: ${text}`])

  // Several schemes of an operation read the one proof of a request, and the next request needs another.
  for (const path of ['/v1/either', '/v1/both']) {
    const shown = [`Authorization: DPoP ${token}`, `DPoP: ${await proof({ htu: origin + path })}`]
    assert.equal((await askOwn(path, shown)).status, 200, path)
    await assertNotForwarded(gate, askOwn(path, shown), 401, 'credential_invalid')
  }
  const once = await proof({ jti: 'once' })
  assert.equal((await send(once)).status, 200)
  const bad: readonly (readonly [string, string])[] = [
    ['replay', once],
    ['another method', await proof({ htm: 'POST' })],
    ['another path', await proof({ htu: `${origin}/v1/bound` })],
    ['another origin', await proof({ htu: 'https://api.example.com/v1/jwt' })],
    ['another token', await proof({ ath: 'AAAA' })],
    ['no ath', await proof({ ath: undefined })],
    ['old', await proof({ iat: now - 120 })],
    ['another key', await proof({}, other.privateKey, await exportJWK(other.publicKey))],
    ['a key it was not signed with', await proof({}, other.privateKey)],
    ['no proof at all', 'nonsense'],
  ]
  for (const [title, text] of bad) {
    const before = gate.upstream.heads
    const reply = await send(text)
    await assertDenied(gate, reply, 401, 'credential_invalid')
    assert.equal(gate.upstream.heads, before, title)
  }
  const twice = askOwn('/v1/jwt', [
    `Authorization: DPoP ${token}`,
    `DPoP: ${await proof()}`,
    `DPoP: ${await proof()}`,
  ])
  await assertNotForwarded(gate, twice, 400, 'malformed_request')
})

test('A27: a nonce of the right length in other letters is a nonce to be replaced, and no defect (RFC 9449 8)', async () => {
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true })
  const jwk = await exportJWK(publicKey)
  const jkt = await calculateJwkThumbprint(jwk)
  const token = await issuer.token({ cnf: { jkt }, aud: ordersAudience, scope: 'orders:read' })
  const proof = await new SignJWT({
    jti: 'letters',
    htm: 'GET',
    htu: `${origin}/v1/nonce`,
    iat: Math.floor(Date.now() / 1000),
    ath: createHash('sha256').update(token).digest('base64url'),
    nonce: 'é'.repeat(43),
  })
    .setProtectedHeader({ typ: 'dpop+jwt', alg: 'ES256', jwk })
    .sign(privateKey)
  const reply = askOwn('/v1/nonce', [`Authorization: DPoP ${token}`, `DPoP: ${proof}`])
  const denied = await assertNotForwarded(gate, reply, 401, 'proof_required')
  assert.ok(denied.fields.get('dpop-nonce'))
})

test('a plain bearer token is refused where the operation demands a bound one', async () => {
  const token = await tokenFor(ordersAudience)
  assert.equal((await use('/v1/jwt', token)).status, 200)
  const plain = askOwn('/v1/bound', [`Authorization: Bearer ${token}`])
  const denied = await assertNotForwarded(gate, plain, 401, 'proof_required')
  assert.match(
    denied.fields.get('www-authenticate') ?? '',
    /^DPoP realm="api", error="invalid_token", algs="ES256 /,
  )
})

test('a nonce is handed out and then demanded (RFC 9449 8)', async () => {
  const keys = await oauth.generateKeyPair('ES256')
  const DPoP = oauth.DPoP({}, keys)
  const token = await tokenFor(ordersAudience, DPoP)
  const refused = await use('/v1/nonce', token, DPoP).catch((error: unknown) => error)
  assert.ok(oauth.isDPoPNonceError(refused), String(refused))
  assert.equal((await use('/v1/nonce', token, DPoP)).status, 200)
})

test('an operation may demand that the user authenticated well and lately (RFC 9470)', async () => {
  const now = Math.floor(Date.now() / 1000)
  const token = (claims: object) => issuer.token({ aud: ordersAudience, ...claims })
  const good = await token({ acr: 'gold', auth_time: now - 10 })
  assert.equal((await askOwn('/v1/careful', [`Authorization: Bearer ${good}`])).status, 200)
  for (const claims of [
    {},
    { acr: 'bronze', auth_time: now },
    { acr: 'gold', auth_time: now - 400 },
    { acr: 'gold' },
    { acr: 'gold', auth_time: now + 120 },
    { acr: 'gold', auth_time: now * 1000 },
  ]) {
    const low = askOwn('/v1/careful', [`Authorization: Bearer ${await token(claims)}`])
    const denied = await assertNotForwarded(gate, low, 401, 'step_up_required')
    assert.match(
      denied.fields.get('www-authenticate') ?? '',
      /error="insufficient_user_authentication", acr_values="gold", max_age="300"/,
    )
  }
})

test('clients discover whom to ask for a token (RFC 9728)', async () => {
  const url = `${origin}/.well-known/oauth-protected-resource/v1`
  const challenged = await askOwn('/v1/jwt', [])
  assert.equal(challenged.fields.get('www-authenticate'), `Bearer realm="api", resource_metadata="${url}"`)
  const resource = new URL(`${origin}/v1`)
  const response = await oauth.resourceDiscoveryRequest(resource, loopback)
  const found = await oauth.processResourceDiscoveryResponse(resource, response)
  assert.deepEqual(found.authorization_servers, [server.issuer, issuer.issuer])
  assert.deepEqual(found.scopes_supported, ['orders:delete', 'orders:read'])
  assert.equal(found.resource_documentation, 'https://docs.example.com/accounts')
  assert.equal((await fetch(url, { method: 'POST' })).status, 405)
  assert.equal(
    gate.upstream.seen.some(({ target }) => target.includes('well-known')),
    false,
  )
})

test('an issuer that is down when asked denies, and comes back by itself (A9)', async () => {
  const token = await tokenFor(ledgerAudience)
  const port = Number(new URL(authorizationServer.issuer).port)
  await authorizationServer.stop()
  const down = askOwn('/v1/opaque', [`Authorization: Bearer ${token}`])
  await assertNotForwarded(gate, down, 503, 'verifier_unavailable')
  authorizationServer = await startAuthorizationServer(parties, port)
  const fresh = await tokenFor(ledgerAudience)
  assert.equal((await use('/v1/opaque', fresh)).status, 200)
})
