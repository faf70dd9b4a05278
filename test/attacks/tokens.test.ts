import assert from 'node:assert/strict'
import { createHmac, createPublicKey, type JsonWebKeyInput } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { exportSPKI, importJWK } from 'jose'
import { ask, assertNotForwarded } from '../harness/ask.ts'
import { configurationFor, startGate, type TestGate } from '../harness/gate.ts'
import { type Claims, createTestKey, startIssuer, type TestIssuer } from '../harness/issuer.ts'

let gate: TestGate
let issuer: TestIssuer

before(async () => {
  gate = await startGate()
  issuer = gate.issuer
})
after(() => gate.stop())

const base64url = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')

function claims(changes: Claims = {}): Claims {
  const now = Math.floor(Date.now() / 1000)
  return {
    iss: issuer.issuer,
    aud: 'https://api.example.com',
    sub: 'alice',
    iat: now,
    exp: now + 300,
    scope: 'things:read',
    ...changes,
  }
}

async function refused(token: string): Promise<void> {
  const reply = await assertNotForwarded(gate, ask(gate, '/things', { token }), 401, 'credential_invalid')
  assert.equal(reply.fields.get('www-authenticate'), 'Bearer realm="api", error="invalid_token"')
}

async function accepted(token: string): Promise<void> {
  const reply = await ask(gate, '/things', { token })
  assert.equal(reply.status, 200, reply.text)
}

test('a sound token passes, so that every refusal below is for what the attack changed', async () => {
  await accepted(await issuer.token())
})

test('A1 alg none, in any letter case, is refused', async () => {
  for (const alg of ['none', 'None', 'NONE', 'nOnE']) {
    for (const signature of ['', 'AA'])
      await refused(`${base64url({ alg, typ: 'at+jwt' })}.${base64url(claims())}.${signature}`)
  }
})

test('A2 the public key is no HMAC secret', async () => {
  const pem = await exportSPKI((await importJWK(issuer.key.jwk, 'ES256')) as CryptoKey)
  const der = createPublicKey({ key: issuer.key.jwk, format: 'jwk' } as JsonWebKeyInput).export({
    type: 'spki',
    format: 'der',
  })
  for (const secret of [pem, pem.trim(), der, JSON.stringify(issuer.key.jwk)]) {
    const signed = `${base64url({ alg: 'HS256', kid: issuer.key.kid, typ: 'at+jwt' })}.${base64url(claims())}`
    await refused(`${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`)
  }
})

test('A3 a published key without alg does not let the header decide', async () => {
  const rsa = await createTestKey('RS256', 'no-alg')
  const { alg: _, ...withoutAlg } = rsa.jwk
  const keys = issuer.keys
  issuer.keys = [...keys, withoutAlg]
  await waitForCooldown()
  await refused(await issuer.token({}, { alg: 'RS256' }, rsa))
  await refused(await issuer.token({}, { alg: 'RS256', kid: issuer.key.kid }, rsa))
  issuer.keys = keys
})

test('A4 an algorithm that is not configured is refused, though its key is published', async () => {
  for (const alg of ['ES384', 'PS256', 'RS512']) {
    const key = await createTestKey(alg)
    issuer.keys = [...issuer.keys, key.jwk]
    await refused(await issuer.token({}, {}, key))
  }
})

test('A5 shared secrets cannot be configured', async () => {
  const before = gate.gateway
  for (const algorithm of ['HS256', 'none', 'None']) {
    gate.configure(configurationFor({}, gate.upstream, issuer).replace('[ES256]', `[${algorithm}]`))
    assert.equal(await before.reload(), false)
    const line = gate.log.findLast(({ event }) => event === 'reload_failed')
    assert.match(String(line?.problems), /lets anyone who can verify a token make one/)
  }
  gate.configure(configurationFor({}, gate.upstream, issuer))
})

test('A6 exp is required, a whole number, and not past', async () => {
  const now = Math.floor(Date.now() / 1000)
  const wrong: readonly unknown[] = [
    undefined,
    null,
    String(now + 300),
    now + 300.5,
    1e300,
    -1,
    Number.MAX_SAFE_INTEGER + 2,
    [now + 300],
    true,
    now - 6,
  ]
  for (const exp of wrong) await refused(await issuer.token({ exp }))
  await refused(await issuer.token({ nbf: now + 60 }))
  await refused(await issuer.token({ iat: now + 60 }))
})

test('A6 a lifetime above the configured one is refused', async () => {
  const strict = await startGate({ identity: 'maxTokenAge: 10min' })
  try {
    const now = Math.floor(Date.now() / 1000)
    const over = await strict.issuer.token({ iat: now, exp: now + 601 })
    await assertNotForwarded(strict, ask(strict, '/things', { token: over }), 401, 'credential_invalid')
    const within = await strict.issuer.token({ iat: now, exp: now + 600 })
    assert.equal((await ask(strict, '/things', { token: within })).status, 200)
    const unknown = await strict.issuer.token({ iat: undefined })
    await assertNotForwarded(strict, ask(strict, '/things', { token: unknown }), 401, 'credential_invalid')
  } finally {
    await strict.stop()
  }
})

test('A7 aud is required and must name this API', async () => {
  const wrong: readonly unknown[] = [
    undefined,
    null,
    '',
    'https://other.example.com',
    ['https://other.example.com'],
    [],
    {},
    ['https://api.example.com', 7],
    'https://api.example.com/',
    ['HTTPS://API.EXAMPLE.COM'],
  ]
  for (const aud of wrong) await refused(await issuer.token({ aud }))
  await accepted(await issuer.token({ aud: ['https://other.example.com', 'https://api.example.com'] }))
})

test('A8 a key of one issuer says nothing about tokens of another', async () => {
  const other = await startIssuer()
  const two = await startGate({ issuer, identity: '' })
  try {
    two.configure(
      configurationFor({}, two.upstream, issuer).replace(
        `issuer: "${issuer.issuer}"`,
        `issuers: ["${issuer.issuer}", "${other.issuer}"]`,
      ),
    )
    assert.equal(await two.gateway.reload(), true)
    const forged = await issuer.token({}, {}, other.key)
    await assertNotForwarded(two, ask(two, '/things', { token: forged }), 401, 'credential_invalid')
    assert.equal((await ask(two, '/things', { token: await other.token() })).status, 200)
    const unknownIssuer = await issuer.token({ iss: 'https://evil.example.com' })
    await assertNotForwarded(two, ask(two, '/things', { token: unknownIssuer }), 401, 'credential_invalid')
    await assertNotForwarded(
      two,
      ask(two, '/things', { token: await issuer.token({ iss: undefined }) }),
      401,
      'credential_invalid',
    )
  } finally {
    await two.gateway.stop()
    await two.upstream.stop()
    await other.stop()
  }
})

test('A9 while the issuer is down its last good keys are used, and a key never seen is not accepted', async () => {
  issuer.mode = 'refuse'
  await accepted(await issuer.token())
  const unknown = await createTestKey()
  await refused(await issuer.token({}, {}, unknown))
  issuer.mode = 'serve'
})

test('A10 a flood of unknown key ids causes one refetch', async () => {
  await waitForCooldown()
  const before = issuer.fetches
  const stranger = await createTestKey()
  const tokens = await Promise.all(
    Array.from({ length: 50 }, (_, i) => issuer.token({}, { kid: `kid-${i}` }, stranger)),
  )
  const replies = await Promise.all(tokens.map((token) => ask(gate, '/things', { token })))
  assert.deepEqual(new Set(replies.map(({ status }) => status)), new Set([401]))
  assert.equal(issuer.fetches - before, 1)
})

test('A11 after a rotation the first new token passes, and removed keys stop working', async () => {
  await waitForCooldown()
  const old = await issuer.token()
  await accepted(old)
  const next = await createTestKey()
  const keys = issuer.keys
  issuer.keys = [next.jwk]
  await accepted(await issuer.token({}, {}, next))
  await refused(old)
  issuer.keys = keys
  await waitForCooldown()
  await accepted(await issuer.token())
})

test('A12 keys and addresses in the header are ignored, and nothing is fetched', async () => {
  const evil = await startIssuer()
  const attempts: Record<string, unknown>[] = [
    { jku: `${evil.issuer}/jwks` },
    { x5u: `${evil.issuer}/jwks` },
    { jwk: evil.key.jwk },
    { x5c: ['MIIB'] },
  ]
  for (const header of attempts) {
    await refused(await issuer.token({}, { ...header, kid: issuer.key.kid }, evil.key))
    await refused(await issuer.token({}, header, evil.key))
  }
  assert.equal(evil.fetches, 0)
  await evil.stop()
})

test('A13 unknown crit, b64 false and JWE are refused', async () => {
  const header = { alg: 'ES256', kid: issuer.key.kid, typ: 'at+jwt' }
  const [, payload = '', signature = ''] = (await issuer.token()).split('.')
  await refused(`${base64url({ ...header, crit: ['x'], x: 1 })}.${payload}.${signature}`)
  await refused(`${base64url({ ...header, b64: false, crit: ['b64'] })}.${payload}.${signature}`)
  await refused(`${base64url({ alg: 'dir', enc: 'A128GCM' })}..AAAA.AAAA.AAAA`)
  const { SignJWT } = await import('jose')
  const signedCrit = await new SignJWT(claims())
    .setProtectedHeader({ ...header, crit: ['exp'], exp: 1 } as never)
    .sign(issuer.key.privateKey, { crit: { exp: true } })
  await refused(signedCrit)
})

test('A14 a key id is text and nothing else', async () => {
  for (const kid of ['../../etc/passwd', "' OR 1=1 --", '__proto__', 'constructor', 'toString', '', '\u0000'])
    await refused(await issuer.token({}, { kid }, await createTestKey()))
})

test('A15 a remembered token is judged anew for every operation and at every hit', async () => {
  const token = await issuer.token({ scope: 'things:read' })
  await accepted(token)
  await accepted(token)
  await assertNotForwarded(gate, ask(gate, '/admin', { token }), 403, 'scope_missing')
  const body = JSON.stringify({ name: 'x' })
  await assertNotForwarded(gate, ask(gate, '/things', { method: 'POST', token, body }), 403, 'scope_missing')
  const short = await issuer.token({ exp: Math.floor(Date.now() / 1000) - 2 })
  await accepted(short) // within the clock skew of 5 s
  await new Promise((resolve) => setTimeout(resolve, 3100))
  await refused(short)
})

test('A17 a scheme without scopes still needs a valid token', async () => {
  const twice = await ask(gate, '/optional')
  assert.equal(twice.status, 200)
  await assertNotForwarded(gate, ask(gate, '/optional', { token: 'not-a-token' }), 401, 'credential_invalid')
})

test('A19 an ID token is no access token', async () => {
  await refused(await issuer.token({ nonce: 'n-0S6' }, { typ: 'JWT' }))
  await refused(await issuer.token({}, { typ: 'id_token+jwt' }))
  await refused(await issuer.token({}, { typ: 'logout+jwt' }))
})

describe('A20 one credential, once', () => {
  test('two Authorization headers', async () => {
    const token = await issuer.token()
    for (const second of [token, await issuer.token(), 'x']) {
      const reply = ask(gate, '/things', { token, headers: [`Authorization: Bearer ${second}`] })
      await assertNotForwarded(gate, reply, 400, 'credential_ambiguous')
    }
  })
  test('two tokens in one header', async () => {
    const token = await issuer.token()
    await refused(`${token}, Bearer ${token}`)
    await refused(`${token} ${token}`)
  })
})

test('A21 a token in the query is an unknown parameter, and appears in no log', async () => {
  const token = await issuer.token()
  await assertNotForwarded(gate, ask(gate, `/things?access_token=${token}`), 401, 'credential_missing')
  await assertNotForwarded(
    gate,
    ask(gate, `/things?access_token=${token}`, { token }),
    400,
    'parameter_invalid',
  )
  await assertNotForwarded(gate, ask(gate, `/public?access_token=${token}`), 400, 'parameter_invalid')
  assert.ok(!JSON.stringify(gate.log).includes(token.slice(-40)))
})

test('A22 junk after Bearer is refused', async () => {
  const token = await issuer.token()
  for (const junk of [
    '',
    ' ',
    'null',
    'undefined',
    '{}',
    '..',
    'a.b.c',
    'a.b',
    '....',
    `${token}x`,
    `${token}.`,
    `"${token}"`,
    ` ${token}`,
    'ä'.repeat(4),
  ]) {
    const reply = await ask(gate, '/things', { headers: [`Authorization: Bearer ${junk}`] })
    assert.ok([400, 401].includes(reply.status), `${junk} → ${reply.status}`)
  }
  for (const scheme of ['Basic', 'Digest', 'Bearer2', 'Token']) {
    const reply = await ask(gate, '/things', { headers: [`Authorization: ${scheme} ${token}`] })
    assert.equal(reply.status, 401, scheme)
  }
  assert.equal((await ask(gate, '/things', { headers: [`authorization: bearer ${token}`] })).status, 200)
})

test('A23 a scheme without a verifier keeps the gate shut', async () => {
  gate.configure(configurationFor({}, gate.upstream, issuer).replace('bearerAuth:', 'other:'))
  assert.equal(await gate.gateway.reload(), false)
  gate.configure(configurationFor({}, gate.upstream, issuer))
  await accepted(await issuer.token())
})

test('A24 an issuer that is down: 503 for what needs it, health not ready, public operations open', async () => {
  const down = await startIssuer()
  down.mode = 'refuse'
  const unready = await startGate({ issuer: down, unready: true })
  try {
    const reply = await assertNotForwarded(
      unready,
      ask(unready, '/things', { token: await down.token() }),
      503,
      'verifier_unavailable',
    )
    assert.match(reply.fields.get('retry-after') ?? '', /^[1-9]/)
    assert.equal((await ask(unready, '/public')).status, 200)
    const health = await fetch(`${unready.gateway.addresses.admin}/readyz`)
    assert.equal(health.status, 503)
    down.mode = 'serve'
    await unready.gateway.ready
    assert.equal((await ask(unready, '/things', { token: await down.token() })).status, 200)
    assert.equal((await fetch(`${unready.gateway.addresses.admin}/readyz`)).status, 200)
  } finally {
    await unready.stop()
  }
})

test('A25 limits of the contract add to those of the configuration', async () => {
  gate.configure(
    configurationFor(
      { limits: '[{ name: none, by: operation, rate: 1/day, burst: 1 }]' },
      gate.upstream,
      issuer,
    ),
  )
  assert.equal(await gate.gateway.reload(), true)
  const token = await issuer.token()
  await accepted(token)
  await assertNotForwarded(gate, ask(gate, '/things', { token }), 429, 'quota_exceeded')
  gate.configure(configurationFor({}, gate.upstream, issuer))
  assert.equal(await gate.gateway.reload(), true)
})

test('A26 a misspelt key keeps the gate shut and names the nearest one', async () => {
  gate.configure(configurationFor({ more: 'trustedProxys: []' }, gate.upstream, issuer))
  assert.equal(await gate.gateway.reload(), false)
  const line = gate.log.findLast(({ event }) => event === 'reload_failed')
  assert.match(String(line?.problems), /trustedProxys is not a known key here; did you mean trustedProxies\?/)
  gate.configure(configurationFor({}, gate.upstream, issuer))
})

test('A27 a token that its issuer calls DPoP and binds to no key is refused (RFC 9449 5)', async () => {
  await accepted(await issuer.token({ token_type: 'Bearer' }))
  for (const type of ['DPoP', 'dpop']) await refused(await issuer.token({ token_type: type }))
})

test('H1 a signed token has one spelling', async () => {
  const token = await issuer.token()
  const [header = '', payload = '', signature = ''] = token.split('.')
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const last = alphabet.indexOf(signature.slice(-1))
  const strayBits = `${signature.slice(0, -1)}${alphabet[last ^ 1]}`
  for (const other of [
    `${header}=.${payload}.${signature}`,
    `${header}.${payload}.${signature}==`,
    `${header}.${payload}.${strayBits}`,
    `${header}.${payload}.${signature}%20`,
  ])
    await refused(other)
  await accepted(token)
})

/** Unknown key ids cause one refetch in five seconds. */
function waitForCooldown(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 5100))
}
