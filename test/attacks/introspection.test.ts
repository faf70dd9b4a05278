import assert from 'node:assert/strict'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, beforeEach, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ask, assertNotForwarded } from '../harness/ask.ts'
import { startGate, type TestGate } from '../harness/gate.ts'
import { audience } from '../harness/issuer.ts'
import type { RawReply } from '../harness/raw-client.ts'
import { until } from '../harness/until.ts'

// An issuer that can be made to answer anything when it is asked about a token (RFC 7662).

let server: Server
let origin: string
let gate: TestGate
let answer: { status: number; body: unknown; headers?: Record<string, string> }
/** Held back until then. */
let held: Promise<void> | null = null
let asked = 0

const nowSeconds = () => Math.floor(Date.now() / 1000)
const active = (changes: object = {}) => ({
  active: true,
  aud: audience,
  sub: 'alice',
  exp: nowSeconds() + 300,
  iat: nowSeconds(),
  scope: 'things:read things:write',
  ...changes,
})

before(async () => {
  server = createServer((request, response) => {
    response.setHeader('Content-Type', 'application/json')
    if (request.method === 'GET') {
      response.end(JSON.stringify({ issuer: origin, introspection_endpoint: `${origin}/introspect` }))
      return
    }
    asked++
    const text = typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body)
    const { status, headers } = answer
    void Promise.resolve(held).then(() => response.writeHead(status, headers).end(text))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  gate = await start('{ name: wide, by: address, rate: 1000000/s, burst: 1000000 }')
})
after(async () => {
  await gate.stop()
  server.close()
  server.closeAllConnections()
})
beforeEach(() => {
  answer = { status: 200, body: active() }
})

const contract = new URL('../fixtures/things.yaml', import.meta.url).pathname
const start = (limit: string) =>
  startGate({
    yaml: (upstream) => `
contract: ${JSON.stringify(contract)}
listen: { http: { host: 127.0.0.1, port: 0, allowPlaintext: true } }
upstreams: { default: { url: "${upstream.url}" } }
identity:
  bearerAuth:
    { type: introspection, issuer: "${origin}", audience: "${audience}", clientId: gate, clientSecret: s3cret, clockSkew: 0s, cacheFor: 300s }
limits: [${limit}]
failedAuthentications: { rate: 1000000/s }
`,
  })

let tokens = 0
const token = () => `opaque-${tokens++}`
const use = (text: string, path = '/things'): Promise<RawReply> => ask(gate, path, { token: text })
const refused = (path?: string) => assertNotForwarded(gate, use(token(), path), 401, 'credential_invalid')

test('A16 only active: true is active, whatever else the answer lists (RFC 7662 2.2)', async () => {
  assert.equal((await use(token())).status, 200)
  answer.body = active({ active: false })
  await refused()
  // What does not say so is no answer, and opens nothing either.
  for (const said of ['true', 1, null, undefined, [true], {}]) {
    answer.body = active({ active: said })
    await assertNotForwarded(gate, use(token()), 503, 'verifier_unavailable')
  }
})

test('A16 an issuer that fails, redirects, stalls on its words or says too much opens nothing', async () => {
  const sound = JSON.stringify(active())
  for (const [status, body, headers] of [
    [500, sound],
    [401, sound],
    [204, ''],
    [201, sound],
    [302, sound, { Location: '/elsewhere' }],
    [200, `[${sound}]`],
    [200, `${sound.slice(0, -1)},"active":false}`],
    [200, `${sound} `.padEnd(600_000)],
    [200, 'active=true'],
  ] as const) {
    answer = { status, body, ...(headers && { headers }) }
    await assertNotForwarded(gate, use(token()), 503, 'verifier_unavailable')
  }
})

test('an issuer that refuses the gateway itself says nothing about the token (RFC 6749 5.2)', async () => {
  const text = token()
  for (const error of ['invalid_client', 'unauthorized_client']) {
    answer = { status: 400, body: { error } }
    await assertNotForwarded(gate, use(text), 503, 'verifier_unavailable')
  }
  answer = { status: 200, body: active() }
  assert.equal((await use(text)).status, 200, 'nothing of it was remembered')
  for (const body of [{ error: 'invalid_request' }, 'no JSON']) {
    answer = { status: 400, body }
    const before = asked
    const refusedOnce = token()
    for (let times = 0; times < 2; times++)
      await assertNotForwarded(gate, use(refusedOnce), 401, 'credential_invalid')
    assert.equal(asked, before + 1)
  }
})

test('A17 an operation that lists no scopes still needs an active token', async () => {
  answer.body = active({ active: false })
  await refused('/optional')
  await refused()
})

test('A18 use does not prolong the life of an answer, and none outlives exp', async () => {
  const text = token()
  answer.body = active({ exp: nowSeconds() + 3 })
  const until = Date.now() + 3100
  const before = asked
  assert.equal((await use(text)).status, 200)
  answer.body = active({ active: false })
  while (Date.now() < until) {
    const { status } = await use(text)
    assert.ok(status === 200 || status === 401)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  await assertNotForwarded(gate, use(text), 401, 'credential_invalid')
  assert.equal(asked, before + 2, 'asked when it was new, and when its exp had come')
})

test('A19 an active ID or refresh token is no access token', async () => {
  for (const claims of [
    { token_type: 'refresh_token' },
    { token_use: 'id' },
    { nonce: 'n-0S6' },
    { typ: 'Refresh' },
    { typ: 'Offline' },
    { typ: 'Logout' },
    { events: {} },
  ]) {
    answer.body = active(claims)
    await refused()
  }
})

test('A6, A7, A8: the answer is judged as a token is: exp, audience and issuer', async () => {
  for (const claims of [
    { exp: undefined },
    { exp: `${nowSeconds() + 300}` },
    { exp: nowSeconds() - 1 },
    { aud: undefined },
    { aud: 'https://other.example' },
    { iss: 'https://other.example' },
    { nbf: nowSeconds() + 60 },
    { cnf: { jkt: 'x' } },
  ]) {
    answer.body = active(claims)
    const seen = gate.upstream.heads
    assert.equal((await use(token())).status, 401, JSON.stringify(claims))
    assert.equal(gate.upstream.heads, seen)
  }
})

test('G1 neither the token nor the secret of the client stands in the log', () => {
  const lines = JSON.stringify(gate.log)
  for (const secret of ['opaque-', 's3cret', Buffer.from('gate:s3cret').toString('base64')])
    assert.ok(!lines.includes(secret))
})

test('F2 a caller whom the issuer was slow to vouch for finds the tokens that are there when it is known, not when it came', async () => {
  const limited = await start('{ name: s, by: subject, rate: 1/s, burst: 1 }')
  const { promise, resolve: letGo } = Promise.withResolvers<void>()
  const before = asked
  held = promise
  try {
    const slow = ask(limited, '/things', { token: token() })
    await until(() => asked > before, 'the question')
    held = null
    await sleep(500)
    assert.equal((await ask(limited, '/things', { token: token() })).status, 200)
    await sleep(1100)
    letGo()
    assert.equal((await slow).status, 200, 'the bucket was full again')
    const next = await ask(limited, '/things', { token: token() })
    assert.equal(next.status, 429, 'and is empty now')
    assert.equal(next.fields.get('retry-after'), '1')
  } finally {
    letGo()
    held = null
    await limited.stop()
  }
})
