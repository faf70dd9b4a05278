import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { connectOne } from '../../src/stores/redis.ts'
import { assertNotForwarded } from '../harness/ask.ts'
import { freePort } from '../harness/free-port.ts'
import { project, startGate, type TestGate } from '../harness/gate.ts'
import { logInByHand, logInSpent, origin, own, sendTo, sessionCookie } from '../harness/login-by-hand.ts'
import { type OpenIdIssuer, startOpenIdIssuer } from '../harness/openid-issuer.ts'
import { startRedis, type TestRedis } from '../harness/redis.ts'
import { until } from '../harness/until.ts'
import { headerOf } from '../harness/upstream.ts'

// Two gates that share sessions in Debian's redis-server, and what happens when it, or the issuer, is not there.

let redis: TestRedis
let provider: OpenIdIssuer
let one: TestGate
let two: TestGate

before(async () => {
  redis = await startRedis()
  provider = await startOpenIdIssuer()
  one = await startSharing({})
  two = await startSharing({})
})
after(async () => {
  await one.stop()
  await two.stop()
  await provider.stop()
  await redis.stop()
})

interface Sharing {
  readonly state?: string
  readonly identity?: string
  readonly issuer?: string
  readonly unready?: boolean
}

function startSharing({
  state = redis.url,
  identity = '',
  issuer,
  unready = false,
}: Sharing): Promise<TestGate> {
  return startGate({
    unready,
    yaml: (upstream) => `
contract: ${JSON.stringify(`${project}/test/fixtures/sessions.yaml`)}
publicUrl: "${origin}"
state: "${state}"
listen: { http: { host: 127.0.0.1, port: 0, allowPlaintext: true }, admin: { port: 0 } }
upstreams: { default: { url: "${upstream.url}" } }
identity:
  webLogin: { type: session, issuer: "${issuer ?? provider.issuer}", clientId: gate, clientSecret: s3cret, scopes: orders:read, ${identity} }
  bearerAuth: { type: jwt, issuer: "${issuer ?? provider.issuer}", audience: "https://api.example.com" }
limits: [{ name: wide, by: address, rate: 1000000/s, burst: 1000000 }]
failedAuthentications: { rate: 1000000/s }
`,
  })
}

const use = (gate: TestGate, cookie: string) => sendTo(gate, '/orders', { headers: [cookie] })
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

async function isReady(gate: TestGate): Promise<boolean> {
  return (await fetch(`${gate.gateway.addresses.admin}/readyz`)).status === 200
}

async function untilReady(gate: TestGate): Promise<void> {
  await until(() => isReady(gate), 'the gate is ready')
}

test('a login that one gate began another ends, and each knows the session', async () => {
  const cookie = await logInByHand(one, provider, {}, {}, two)
  assert.equal((await use(one, cookie)).status, 200)
  assert.equal((await use(two, cookie)).status, 200)
  const form = sendTo(two, `${own}/logout`, {
    method: 'POST',
    headers: [cookie, `Origin: ${origin}`],
    body: '',
  })
  const left = await form
  assert.equal(left.status, 303)
  assert.equal(left.fields.get('location'), '/')
  await assertNotForwarded(one, use(one, cookie), 401, 'credential_invalid')
})

test('the store holds neither ids nor tokens in the clear', async () => {
  const subject = 'a-person-of-a-long-name'
  const cookie = await logInByHand(one, provider, { sub: subject })
  const id = cookie.split('=')[1] ?? ''
  const seen = (await use(one, cookie)).status === 200 && one.upstream.seen.at(-1)
  const token = (seen && headerOf(seen, 'authorization')?.replace('Bearer ', '')) || ''
  assert.match(token, /^access-/)
  let ready = () => {}
  const whenReady = new Promise<void>((resolve) => {
    ready = resolve
  })
  const client = await connectOne(redis.settings, () => ready())
  await whenReady
  let held = ''
  for (const key of await client.keys('*')) {
    held += `${key} `
    held +=
      (await client.type(key)) === 'string' ? await client.get(key) : await client.zrange(key, '0', '-1')
  }
  client.disconnect()
  assert.ok(held.includes('portcullis:session:'))
  for (const secret of [id, token, 'refresh-1', subject, 's3cret'])
    assert.ok(!held.includes(secret) && !held.includes(Buffer.from(secret).toString('base64url')), secret)
})

test('two gates renew a session once (RFC 9700 4.14.2)', async () => {
  const cookie = await logInSpent(one, provider)
  const asked = provider.asked.length
  provider.tokenAnswer = async () => {
    await pause(200)
    return {
      status: 200,
      body: '{"access_token":"renewed","token_type":"Bearer","expires_in":600,"refresh_token":"refresh-2"}',
    }
  }
  const replies = await Promise.all([one, two, one, two, one, two].map((gate) => use(gate, cookie)))
  assert.deepEqual([...new Set(replies.map(({ status }) => status))], [200])
  assert.equal(provider.asked.length, asked + 1)
})

test('a store that is down is 503 and opens nothing; one that has forgotten means to sign in again', async () => {
  const cookie = await logInByHand(one, provider)
  await redis.kill()
  await assertNotForwarded(one, use(one, cookie), 503, 'verifier_unavailable')
  const page = [
    'Sec-Fetch-Mode: navigate',
    'Sec-Fetch-Dest: document',
    'Sec-Fetch-Site: none',
    'Accept: text/html',
  ]
  const asPage = sendTo(one, '/app', { headers: [cookie, ...page] })
  await assertNotForwarded(one, asPage, 503, 'verifier_unavailable')
  const logout = sendTo(one, `${own}/logout`, {
    method: 'POST',
    headers: [cookie, `Origin: ${origin}`],
    body: '',
  })
  await assertNotForwarded(one, logout, 503, 'verifier_unavailable')
  await assertNotForwarded(one, sendTo(one, '/orders'), 401, 'credential_missing')
  await redis.start()
  await until(async () => (await use(one, cookie)).status !== 503, 'the store is back')
  await assertNotForwarded(one, use(one, cookie), 401, 'credential_invalid')
  const again = await sendTo(one, '/app', { headers: [cookie, ...page] })
  assert.equal(again.status, 302)
  assert.equal((await use(one, await logInByHand(one, provider))).status, 200)
})

test('a store that is out when the issuer has rotated the refresh token costs no session where it stays in one process (RFC 9700 4.14.2)', async () => {
  const cookie = await logInSpent(one, provider)
  const asked = provider.asked.length
  const rotated = {
    access_token: 'renewed',
    token_type: 'Bearer',
    expires_in: 600,
    refresh_token: 'refresh-2',
  }
  provider.tokenAnswer = async (form) => {
    if (form.get('refresh_token') !== 'refresh-1') return { status: 400, body: '{"error":"invalid_grant"}' }
    // It hangs, and does not forget: the session is still there when it answers again.
    redis.pause()
    return { status: 200, body: JSON.stringify(rotated) }
  }
  await assertNotForwarded(one, use(one, cookie), 503, 'verifier_unavailable')
  await assertNotForwarded(one, use(one, cookie), 503, 'verifier_unavailable')
  redis.resume()
  let reply = await use(one, cookie)
  await until(async () => {
    if (reply.status === 503) reply = await use(one, cookie)
    return reply.status !== 503
  }, 'the store is back')
  assert.equal(reply.status, 200, reply.text)
  assert.equal(provider.asked.length, asked + 1, 'the refresh token did not come twice')
  const seen = one.upstream.seen.at(-1)
  assert.equal(seen && headerOf(seen, 'authorization'), 'Bearer renewed')
  assert.equal((await use(two, cookie)).status, 200, 'the other gate finds it in the store')
  assert.equal(provider.asked.length, asked + 1)
})

test('a gate that finds no store at its start is unready, denies, and comes up by itself', async () => {
  const port = await freePort()
  const late = await startSharing({ state: `redis://127.0.0.1:${port}`, unready: true })
  await pause(300)
  assert.equal(await isReady(late), false)
  const denied = use(late, `Cookie: ${sessionCookie}=${'A'.repeat(43)}`)
  await assertNotForwarded(late, denied, 503, 'verifier_unavailable')
  const server = await startRedis(port)
  await untilReady(late)
  assert.equal((await use(late, await logInByHand(late, provider))).status, 200)
  await late.stop()
  await server.stop()
})

test('a gate that finds no issuer at its start is unready, sends nobody there, and comes up by itself (A9, A24)', async () => {
  const port = await freePort()
  const late = await startSharing({ issuer: `http://127.0.0.1:${port}`, unready: true })
  assert.equal(await isReady(late), false)
  await assertNotForwarded(late, sendTo(late, `${own}/login`), 503, 'verifier_unavailable')
  await assertNotForwarded(late, sendTo(late, `${own}/callback?code=a&state=b`), 401, 'credential_invalid')
  const back = await startOpenIdIssuer(port)
  await untilReady(late)
  assert.equal((await use(late, await logInByHand(late, back))).status, 200)
  await late.stop()
  await back.stop()
})

test('metadata whose endpoints are no addresses, or lead out of the encrypted, is metadata that is not there', async () => {
  const bad = ['not an address', 'javascript:alert(1)', 'ftp://login.example.com/', 7]
  const endpoints = [
    'authorization_endpoint',
    'token_endpoint',
    'end_session_endpoint',
    'revocation_endpoint',
  ]
  for (const [turn, endpoint] of endpoints.entries()) {
    const odd = await startOpenIdIssuer()
    odd.metadata = { [endpoint]: bad[turn] }
    const late = await startSharing({ issuer: odd.issuer, unready: true })
    assert.equal(await isReady(late), false, endpoint)
    await assertNotForwarded(late, sendTo(late, `${own}/login`), 503, 'verifier_unavailable')
    odd.metadata = {}
    await untilReady(late)
    await late.stop()
    await odd.stop()
  }
})

test('a session ends when it is not used, and at the end of its lifetime however much it is', async () => {
  const short = await startSharing({ identity: 'idleTimeout: 2s, lifetime: 5s' })
  const unused = await logInByHand(short, provider)
  const used = await logInByHand(short, provider)
  const startedMs = Date.now()
  const other = await logInByHand(one, provider)
  while (Date.now() - startedMs < 2500) {
    assert.equal((await use(short, used)).status, 200)
    await pause(100)
  }
  await assertNotForwarded(short, use(short, unused), 401, 'credential_invalid')
  // Asked so often that it is not for want of use.
  await until(async () => (await use(short, used)).status === 401, 'its lifetime is over')
  await assertNotForwarded(short, use(short, used), 401, 'credential_invalid')
  assert.equal((await use(one, other)).status, 200)
  await short.stop()
})
