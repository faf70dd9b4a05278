import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { type CertificateFiles, createAuthority, fieldOf } from '../harness/certificates.ts'
import { type Collector, startCollector } from '../harness/collector.ts'
import { audience } from '../harness/issuer.ts'
import {
  beginLogin,
  callbackPath,
  grantsTokens,
  idTokenClaims,
  logInByHand,
  nowSeconds,
  origin,
  sendTo,
} from '../harness/login-by-hand.ts'
import { type OpenIdIssuer, startOpenIdIssuer } from '../harness/openid-issuer.ts'
import { type RawReply, sendRaw } from '../harness/raw-client.ts'
import { startUpstream, type TestUpstream } from '../harness/upstream.ts'
import { type CanaryGate, leaksOf, startCanaryGate } from './canary/gate.ts'
import { leaksIn, secret } from './canary/plants.ts'

// Attack G1: what an issuer, a certificate and a trailer say beside what is asked of them comes out nowhere.

const responses = {
  200: {
    description: 'ok',
    content: { 'application/json': { schema: { type: 'object', properties: { ok: {} } } } },
  },
}
const get = (operationId: string, security: readonly object[]) => ({
  get: { operationId, security, responses },
})
const contract = {
  openapi: '3.1.0',
  info: { title: 'Canary', version: '1' },
  components: {
    securitySchemes: {
      webLogin: {
        type: 'openIdConnect',
        openIdConnectUrl: 'https://login.example.com/.well-known/openid-configuration',
      },
      opaqueAuth: { type: 'http', scheme: 'bearer' },
      partnerCert: { type: 'mutualTLS' },
    },
  },
  paths: {
    '/app': get('getApp', [{ webLogin: [] }]),
    '/billing': get('getBilling', [{ webLogin: ['billing:read'] }]),
    '/opaque': get('getOpaque', [{ opaqueAuth: [] }]),
    '/partner': get('getPartner', [{ partnerCert: [] }]),
    '/open': {
      post: {
        operationId: 'postOpen',
        security: [],
        requestBody: {
          content: { 'application/json': { schema: { type: 'object', properties: { name: {} } } } },
        },
        responses,
      },
    },
  },
}

let folder: string
let provider: OpenIdIssuer
let upstream: TestUpstream
let collector: Collector
let gate: CanaryGate
/** Certificates that no rule accepts, or none may. */
let refused: { readonly [why: string]: CertificateFiles }

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'portcullis-names-'))
  const root = createAuthority(folder, 'root')
  const named = (by: ReturnType<typeof createAuthority>, why: string, days = 1) =>
    by.issue(
      why,
      `DNS:${secret(`${why}dns`)}.example,URI:spiffe://${secret(`${why}uri`)}/a,email:${secret(`${why}mail`)}@example.com`,
      { days, subject: `/O=${secret(`${why}organization`)}/CN=${secret(`${why}subject`)}` },
    )
  refused = {
    nobody: named(root, 'nobody'),
    ended: named(root, 'ended', -1),
    revoked: named(root, 'revoked'),
    stranger: named(createAuthority(folder, secret('authority')), 'stranger'),
  }
  const crl = root.revoke([refused.revoked as CertificateFiles])
  ;[provider, upstream, collector] = await Promise.all([
    startOpenIdIssuer(),
    startUpstream(),
    startCollector(),
  ])
  gate = await startCanaryGate(
    `
contract: ./openapi.json
publicUrl: "${origin}"
listen:
  https: { host: 127.0.0.1, port: 0, tls: { cert: ./tls/localhost.crt, key: ./tls/localhost.key }, clientCa: ${root.cert}, clientCrl: ${crl} }
  http: { host: 127.0.0.1, port: 0, allowPlaintext: true }
  admin: { host: 127.0.0.1, port: 0 }
upstreams: { default: { url: "${upstream.url}" } }
identity:
  webLogin: { type: session, issuer: "${provider.issuer}", clientId: gate, clientSecret: "\${CLIENT_SECRET}" }
  opaqueAuth: { type: introspection, issuer: "${provider.issuer}", audience: "${audience}", clientId: gate, clientSecret: "\${CLIENT_SECRET}" }
  partnerCert: { type: mutualTLS, clients: [{ dns: erp.partner.example }] }
limits: [{ name: wide, by: address, rate: 1000000/s, burst: 1000000 }]
failedAuthentications: { rate: 1000000/s }
validate: { responses: enforce }
bounds: { queueDelay: 10s }
telemetry: { otlp: { endpoint: "${collector.url}", logs: true }, traces: { sample: 1 } }
`,
    { CLIENT_SECRET: secret('clientsecret') },
    { contract },
  )
})
after(async () => {
  await gate?.stop()
  gate?.remove()
  await Promise.all([provider?.stop(), upstream?.stop(), collector?.stop()])
  rmSync(folder, { recursive: true, force: true })
})

const leaks: string[] = []
async function statusOf(reply: Promise<RawReply>): Promise<number> {
  const { status, text } = await reply
  leaks.push(...leaksIn('problem', text))
  return status
}
const send = (path: string, headers: readonly string[] = []) =>
  sendRaw(
    gate.http,
    `${[`GET ${path} HTTP/1.1`, 'Host: shop.example.com', ...headers].join('\r\n')}\r\n\r\n`,
    {
      lingerMs: 0,
    },
  )

/** Status of one request with a client certificate. */
function shown({ cert, key }: CertificateFiles): Promise<number> {
  const tls = join(dirname(gate.configurationFile), 'tls/localhost.crt')
  return new Promise((resolve, reject) => {
    request(`${gate.https.replace('127.0.0.1', 'localhost')}/partner`, {
      agent: false,
      servername: 'shop.example.com',
      checkServerIdentity: () => undefined,
      headers: { host: 'shop.example.com' },
      ca: readFileSync(tls),
      cert: readFileSync(cert),
      key: readFileSync(key),
    })
      .on('response', (response) => {
        response.setEncoding('utf8').on('data', (text: string) => leaks.push(...leaksIn('problem', text)))
        response.on('end', () => resolve(response.statusCode ?? 0))
      })
      .on('error', reject)
      .end()
  })
}

test('G1 names in a client certificate that is refused', async () => {
  const heads = upstream.heads
  for (const [why, files] of Object.entries(refused)) {
    assert.equal(await shown(files), 401, why)
    // A peer that is no trusted proxy says that somebody showed it (RFC 9440 4).
    assert.equal(await statusOf(send('/partner', [`Client-Cert: ${fieldOf(files.cert)}`])), 401, why)
  }
  assert.equal(upstream.heads, heads)
})

test('G1 trailers of requests and answers', async () => {
  const trailed = (body: string) =>
    [
      'POST /open HTTP/1.1\r\nHost: shop.example.com\r\nContent-Type: application/json',
      `Trailer: X-Sum, ${secret('trailername')}\r\nTransfer-Encoding: chunked\r\n`,
      `${body.length.toString(16)};${secret('chunkextension')}="${secret('extensionvalue')}"\r\n${body}\r\n0`,
      `X-Sum: ${secret('requesttrailer')}\r\n${secret('trailername')}: 1\r\n\r\n`,
    ].join('\r\n')
  const { answer: sound } = upstream
  for (const [body, answer, expected] of [
    ['{"name":1}', '{"ok":true}', 200],
    ['{"name":1}', '{"ok":', 502],
    ['{"nothing":1}', '{"ok":true}', 400],
    ['{', '{"ok":true}', 400],
  ] as const) {
    upstream.answer = (response) => {
      response.writeHead(200, { 'Content-Type': 'application/json', Trailer: 'X-Sum' }).write(answer)
      response.addTrailers([
        ['X-Sum', secret('answertrailer')],
        [secret('answertrailername'), '1'],
      ])
      response.end()
    }
    assert.equal(await statusOf(sendRaw(gate.http, trailed(body), { lingerMs: 0 })), expected, body)
  }
  upstream.answer = sound
})

test('G1 what an introspection answers beside what is asked (RFC 7662 2.2)', async () => {
  const active = {
    active: true,
    aud: audience,
    sub: secret('subject'),
    exp: nowSeconds() + 300,
    username: secret('username'),
    jti: secret('introspectedjti'),
    [secret('membername')]: 1,
    profile: { email: secret('email'), tags: [secret('tag')] },
  }
  for (const [status, body, expected] of [
    [200, JSON.stringify(active), 200],
    [200, JSON.stringify({ ...active, active: false }), 401],
    [200, JSON.stringify({ ...active, aud: secret('audience') }), 401],
    [200, JSON.stringify({ ...active, iss: secret('wrongissuer') }), 401],
    [200, JSON.stringify({ ...active, exp: secret('expiry') }), 401],
    [200, `{"active":true,${secret('brokenanswer')}`, 503],
    [500, JSON.stringify({ error: secret('error'), error_description: secret('errordescription') }), 503],
  ] as const) {
    provider.introspected = { status, body }
    const token = `${secret('opaque')}-${Math.random()}`
    assert.equal(await statusOf(send('/opaque', [`Authorization: Bearer ${token}`])), expected, body)
  }
})

test('G1 claims of ID tokens, members of token answers, and what comes back from a login', async () => {
  const at = { gateway: { addresses: { http: gate.http } } }
  const claims = {
    sub: secret('subject'),
    sid: secret('sid'),
    email: secret('idemail'),
    name: secret('idname'),
    [secret('claimname')]: { deep: [secret('deepclaim')] },
  }
  const more = {
    access_token: secret('accesstoken'),
    refresh_token: secret('refreshtoken'),
    [secret('answermember')]: secret('answervalue'),
  }
  const cookie = await logInByHand(at, provider, claims, more)
  assert.equal(await statusOf(sendTo(at, '/app', { headers: [cookie] })), 200)
  assert.equal(await statusOf(sendTo(at, '/billing', { headers: [cookie] })), 403)
  for (const changes of [
    { aud: secret('idaudience') },
    { nonce: secret('nonce') },
    { iss: secret('idissuer') },
    { exp: 1 },
  ]) {
    const begun = await beginLogin(at)
    const claimed = idTokenClaims(provider, begun.nonce, { ...claims, ...changes })
    grantsTokens(provider, await provider.sign(claimed), more)
    const reply = sendTo(at, callbackPath(provider, begun), { headers: [`Cookie: ${begun.cookie}`] })
    assert.ok((await statusOf(reply)) >= 400, JSON.stringify(changes))
  }
  const begun = await beginLogin(at)
  const headers = [`Cookie: ${begun.cookie}`]
  provider.tokenAnswer = async () => ({
    status: 400,
    body: JSON.stringify({ error: 'invalid_grant', error_description: secret('grantdescription') }),
  })
  assert.ok((await statusOf(sendTo(at, callbackPath(provider, begun), { headers }))) >= 400)
  const failed = `${callbackPath(provider, await beginLogin(at)).split('?')[0]}?error=${secret('loginerror')}&error_description=${secret('logindescription')}&state=${secret('state')}`
  assert.ok((await statusOf(sendTo(at, failed, { headers }))) >= 400)
})

test('G1 none of it came out, but for the names of callers who were believed', async () => {
  await new Promise((resolve) => setTimeout(resolve, 300))
  leaks.push(...leaksIn('metric', await (await fetch(`${gate.admin}/metrics`)).text()))
  await gate.stop()
  leaks.push(...leaksOf([gate], collector))
  assert.deepEqual([...new Set(leaks)], [])
  assert.ok(gate.stdout().includes(`"enduser.id":"${secret('subject')}"`))
  assert.ok(collector.logs.filter(({ eventName }) => eventName === 'portcullis.denied').length >= 18)
})
