import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { ask, assertNotForwarded } from '../harness/ask.ts'
import { type Finished, portcullis, run } from '../harness/command.ts'
import { project, startGate, type TestGate } from '../harness/gate.ts'
import { audience, startIssuer, type TestIssuer } from '../harness/issuer.ts'
import { keysIdentity } from '../harness/keys-identity.ts'
import { headerOf, type SeenRequest } from '../harness/upstream.ts'

// Keys made by the command, used through the gate.

let issuer: TestIssuer
let gate: TestGate
let password: string

before(async () => {
  issuer = await startIssuer()
  password = (await portcullis(['keys', 'hash-password'], { input: 'correct horse battery\n' })).stdout.trim()
  gate = await startGate({
    issuer,
    yaml: (upstream) => `
contract: ${JSON.stringify(`${project}/test/fixtures/keys.yaml`)}
trustedProxies: [127.0.0.1/32]
listen:
  https: { host: 127.0.0.1, port: 0, tls: { cert: ./tls/localhost.crt, key: ./tls/localhost.key } }
  http: { host: 127.0.0.1, port: 0, allowPlaintext: true }
upstreams: { default: { url: "${upstream.url}" } }
identity:
${keysIdentity(password)}
  bearerAuth: { type: jwt, issuer: "${issuer.issuer}", audience: "${audience}" }
keys: { staleAfter: 5s }
failedAuthentications: { rate: 1000000/s }
limits:
  - { name: wide, by: address, rate: 1000000/s, burst: 1000000 }
  - { name: per-key, by: key, rate: 1000/min, burst: 100 }
`,
  })
})
after(() => gate.stop())

interface Made {
  readonly id: string
  readonly key: string
}

const keys = (...words: readonly string[]): Promise<Finished> =>
  portcullis(['keys', ...words, '-c', gate.configurationFile])

async function make(...words: readonly string[]): Promise<Made> {
  const { stdout, stderr, code } = await keys('create', '--name', 'test', '--json', ...words)
  assert.equal(code, 0, stderr)
  return JSON.parse(stdout) as Made
}

/** The gate reads the ledger every second; 2 s is the bound that the documentation states. */
async function within2Seconds(
  status: number,
  once: () => Promise<{ readonly status: number }>,
): Promise<void> {
  const startedMs = Date.now()
  for (;;) {
    const answered = await once()
    if (answered.status === status) return
    assert.ok(Date.now() - startedMs < 2000, `still ${answered.status} after 2 s`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

const withKey = (key: string, path = '/reports', ...more: readonly string[]) =>
  ask(gate, path, { headers: [`X-API-Key: ${key}`, ...more] })

test('a key made by the command opens its operations, is named in the log and never reaches the upstream', async () => {
  const { id, key } = await make('--scheme', 'partnerKey', '--owner', 'acme', '--scope', 'reports:read')
  assert.match(key, /^pck_[0-9A-Za-z]{46}$/)
  await within2Seconds(200, () => withKey(key))
  const line = await gate.logged((one) => one.operation === 'getReports' && one.event === 'request')
  assert.equal(line['enduser.id'], 'acme')
  assert.equal(line.key_id, id)
  assert.equal(line.schemes, 'partnerKey')
  assert.ok(!gate.upstream.seen.some(({ headers }) => headers.some((text) => text.includes('pck_'))))
  assert.ok(!JSON.stringify(gate.log).includes(key))
  // By another process: one that closes a file of SQLite drops its own locks on it.
  const stored = (text: string) => run('grep', ['-rlFa', text, join(gate.folder, '.portcullis')])
  assert.equal((await stored(id)).code, 0)
  assert.equal((await stored(key)).code, 1)
})

test('no key, a key that is none, a wrong checksum, an unknown key and two keys are 401, all alike', async () => {
  const { key } = await make('--scheme', 'partnerKey', '--scope', 'reports:read')
  await within2Seconds(200, () => withKey(key))
  const missing = await assertNotForwarded(gate, ask(gate, '/reports'), 401, 'credential_missing')
  assert.equal(missing.fields.get('www-authenticate'), 'ApiKey realm="api"')
  const swapped = key.slice(0, -1) + (key.endsWith('a') ? 'b' : 'a')
  const bodies = new Set<string>()
  for (const wrong of ['x', 'pck_', swapped, `${key}x`, key.toLowerCase(), `${key},${key}`]) {
    const reply = await assertNotForwarded(gate, withKey(wrong), 401, 'credential_invalid')
    bodies.add(reply.body.replace(/"instance":"[^"]*"/, ''))
  }
  const twice = withKey(key, '/reports', `X-API-Key: ${key}`)
  const reply = await twice
  assert.ok(reply.status === 400 || reply.status === 401)
  assert.equal(bodies.size, 1)
})

test('revoked: refused within 2 s, without a reload; the answer does not say why', async () => {
  const { id, key } = await make('--scheme', 'partnerKey', '--scope', 'reports:read')
  await within2Seconds(200, () => withKey(key))
  const { stdout, code } = await keys('revoke', id)
  assert.equal(code, 0)
  assert.match(stdout, /is revoked/)
  await within2Seconds(401, () => withKey(key))
  await assertNotForwarded(gate, withKey(key), 401, 'credential_invalid')
  const line = await gate.logged((one) => one.reason === 'credential_invalid')
  assert.equal(line.detail, `${id}: revoked`)
  for (const event of ['api_key_created', 'api_key_revoked']) {
    const told = gate.log.filter((one) => one.event === event && one.key_id === id)
    assert.equal(told.length, 1, event)
    assert.ok(Number(told[0]?.time_ms) > 1e12)
  }
})

test('rotation: both keys are good during the overlap, the new one alone after it', async () => {
  const { id, key } = await make('--scheme', 'partnerKey', '--scope', 'reports:read')
  const rotated = await keys('rotate', id, '--overlap', '6s', '--json')
  assert.equal(rotated.code, 0, rotated.stderr)
  const next = JSON.parse(rotated.stdout) as Made
  assert.notEqual(next.key, key)
  await within2Seconds(200, () => withKey(next.key))
  assert.equal((await withKey(key)).status, 200)
  await new Promise((resolve) => setTimeout(resolve, 6000))
  await within2Seconds(401, () => withKey(key))
  assert.equal((await withKey(next.key)).status, 200)
})

test('least privilege: scheme, scopes, operations, addresses and time bound a key', async () => {
  const bound = await make('--scheme', 'partnerKey', '--scope', 'reports:read', '--operation', 'getReports')
  await within2Seconds(200, () => withKey(bound.key))
  await assertNotForwarded(gate, withKey(bound.key, '/other'), 403, 'not_authorized')
  const scopeless = await make('--scheme', 'partnerKey')
  await within2Seconds(200, () => withKey(scopeless.key, '/other'))
  await assertNotForwarded(gate, withKey(scopeless.key), 403, 'scope_missing')
  const foreign = await make('--scheme', 'cookieKey')
  const cookie = (key: string) => ask(gate, '/cookie', { headers: [`Cookie: key=${key}`] })
  await within2Seconds(200, () => cookie(foreign.key))
  await assertNotForwarded(gate, withKey(foreign.key, '/other'), 401, 'credential_invalid')
  await assertNotForwarded(gate, cookie(scopeless.key), 401, 'credential_invalid')
  const near = await make('--scheme', 'partnerKey', '--address', '10.1.0.0/16')
  const from = (address: string) => withKey(near.key, '/other', `X-Forwarded-For: ${address}`)
  await within2Seconds(200, () => from('10.1.2.3'))
  await assertNotForwarded(gate, from('10.2.2.3'), 401, 'credential_invalid')
  const short = await make('--scheme', 'partnerKey', '--expires', '6s')
  await within2Seconds(200, () => withKey(short.key, '/other'))
  await new Promise((resolve) => setTimeout(resolve, 6000))
  await assertNotForwarded(gate, withKey(short.key, '/other'), 401, 'credential_invalid')
})

test('a key in the query opens only with the written leave, and is cut out of what is forwarded', async () => {
  const { key } = await make('--scheme', 'queryKey')
  await within2Seconds(200, () => ask(gate, `/query?page=2&api_key=${key}`))
  assert.equal(gate.upstream.seen.at(-1)?.target, '/query?page=2')
  assert.equal((await ask(gate, `/query?api%5Fkey=${key}`)).status, 200)
  assert.equal(gate.upstream.seen.at(-1)?.target, '/query')
  await assertNotForwarded(gate, ask(gate, `/query?api_key=${key}&api_key=x`), 401, 'credential_invalid')
  await assertNotForwarded(gate, ask(gate, `/query?api_key=${key}&other=1`), 400, 'parameter_invalid')
  assert.ok(!JSON.stringify(gate.log).includes(key))
  const yaml = readFileSync(gate.configurationFile, 'utf8')
  gate.configure(yaml.replace(', allowInQuery: true', ''))
  const { stdout, code } = await portcullis(['check', '-c', gate.configurationFile])
  gate.configure(yaml)
  assert.equal(code, 1)
  assert.match(stdout, /its key stands in the query, where it leaks/)
})

test('a key comes under a name with an underscore, by exactly that name, and goes no further (B2)', async () => {
  const operation = (more: object) => ({
    security: [{ petKey: [] }],
    responses: { 200: { description: 'ok' } },
    ...more,
  })
  const hyphened = { in: 'header', name: 'api-key', schema: { type: 'string' } }
  const declared = { in: 'header', name: 'api_key', schema: { type: 'string' } }
  const pets = await startGate({
    issuer,
    identity: '}\n  petKey: { type: apiKey',
    document: {
      openapi: '3.0.3',
      info: { title: 'Pets', version: '1' },
      paths: {
        '/pets': {
          get: operation({ parameters: [hyphened] }),
          delete: operation({ parameters: [declared] }),
        },
        '/tokens': { get: operation({ security: [{ bearerAuth: [] }] }) },
      },
      components: {
        securitySchemes: {
          petKey: { type: 'apiKey', in: 'header', name: 'api_key' },
          bearerAuth: { type: 'http', scheme: 'bearer' },
        },
      },
    },
  })
  try {
    const { stdout } = await portcullis([
      ...['keys', 'create', '--name', 'pet', '--scheme', 'petKey', '--json'],
      ...['-c', pets.configurationFile],
    ])
    const { key } = JSON.parse(stdout) as Made
    const send = (...headers: readonly string[]) => ask(pets, '/pets', { headers })
    const namesSeen = () => pets.upstream.seen.at(-1)?.headers.filter((_, index) => index % 2 === 0) ?? []
    await within2Seconds(200, () => send(`api_key: ${key}`))
    assert.equal((await send(`API_Key: ${key}`)).status, 200)
    assert.equal((await send(`api_key: ${key}`, 'X_Api_Key: 1', 'api-key: other')).status, 200)
    assert.deepEqual(
      namesSeen().filter((name) => /key|_/i.test(name)),
      ['api-key'],
      'what is declared passes, and no name with an underscore',
    )
    assert.ok(!JSON.stringify(pets.upstream.seen).includes(key))
    assert.equal((await ask(pets, '/pets', { method: 'DELETE', headers: [`api_key: ${key}`] })).status, 200)
    const token = await issuer.token()
    assert.equal((await ask(pets, '/tokens', { token, headers: [`api_key: ${key}`] })).status, 200)
    assert.ok(!JSON.stringify(pets.upstream.seen).includes(key), 'nor where it is declared or of no use')
    for (const other of ['api-key', 'apikey', 'api__key', '_api_key', 'api_key_'])
      await assertNotForwarded(pets, send(`${other}: ${key}`), 401, 'credential_missing')
    await assertNotForwarded(pets, send(`api_key: ${key}`, `Api_Key: ${key}`), 401, 'credential_invalid')
    await assertNotForwarded(pets, send('api_key: x', `api-key: ${key}`), 401, 'credential_invalid')
    await pets.logged((line) => line.reason === 'credential_invalid')
    assert.ok(!JSON.stringify(pets.log).includes(key))
  } finally {
    await pets.gateway.stop()
    await pets.upstream.stop()
  }
})

test('A23: a key under a name that no request can carry is a problem of the contract', async () => {
  const yaml = readFileSync(gate.configurationFile, 'utf8')
  const contract = join(gate.folder, 'underscore.yaml')
  const text = readFileSync(`${project}/test/fixtures/keys.yaml`, 'utf8')
  const other = join(gate.folder, 'underscore.portcullis.yaml')
  for (const name of ['"api:key"', 'X API Key']) {
    writeFileSync(contract, text.replace('in: header, name: X-API-Key }\n', `in: header, name: ${name} }\n`))
    writeFileSync(other, yaml.replace(/^contract: .*$/m, `contract: ${contract}`))
    const { stdout, code } = await portcullis(['check', '-c', other])
    assert.equal(code, 1, stdout)
    assert.match(stdout, /is no name of a field/)
  }
})

test('AND and OR with tokens: both are needed, either will do, and the log names who proved what', async () => {
  const { id, key } = await make('--scheme', 'partnerKey', '--scope', 'reports:read', '--owner', 'acme')
  await within2Seconds(200, () => withKey(key))
  const token = await issuer.token()
  const bearer = `Authorization: Bearer ${token}`
  assert.equal((await withKey(key, '/both', bearer)).status, 200)
  const line = await gate.logged((one) => one.operation === 'getBoth')
  assert.equal(line.schemes, 'partnerKey bearerAuth')
  const [first, second] = line.identities as readonly { readonly [fact: string]: string }[]
  assert.deepEqual(first, { scheme: 'partnerKey', 'enduser.id': 'acme', key_id: id })
  assert.equal(second?.scheme, 'bearerAuth')
  assert.equal(second?.issuer, issuer.issuer)
  await assertNotForwarded(gate, withKey(key, '/both'), 401, 'credential_missing')
  await assertNotForwarded(gate, ask(gate, '/both', { token }), 401, 'credential_missing')
  assert.equal((await withKey(key, '/either')).status, 200)
  assert.equal((await ask(gate, '/either', { token })).status, 200)
  // A20: a bad credential beside a good one is not passed over.
  await assertNotForwarded(gate, withKey('junk', '/either', bearer), 401, 'credential_invalid')
})

test('a key that is all of Authorization goes no further, and leaves the field to tokens and passwords (RFC 9110 11.4)', async () => {
  const { key } = await make('--scheme', 'rawKey')
  const raw = (value: string) => ask(gate, '/raw', { headers: [`Authorization: ${value}`] })
  await within2Seconds(200, () => raw(key))
  assert.equal(headerOf(gate.upstream.seen.at(-1) as SeenRequest, 'authorization'), null)
  assert.equal((await raw(`Bearer ${await issuer.token()}`)).status, 200)
  const basic = Buffer.from('olga:correct horse battery').toString('base64')
  assert.equal((await raw(`Basic ${basic}`)).status, 200)
  await assertNotForwarded(gate, raw(`Bearer ${key}`), 401, 'credential_invalid')
  await assertNotForwarded(gate, raw(`${key.slice(0, -1)}_`), 401, 'credential_invalid')
  await assertNotForwarded(gate, raw(`Key ${key}`), 401, 'credential_missing')
})

test('rules see the key and not its secret; a caller without one is denied', async () => {
  const { key } = await make('--scheme', 'partnerKey', '--owner', 'acme')
  const ownerless = await make('--scheme', 'partnerKey')
  await within2Seconds(200, () => withKey(key, '/owned/acme'))
  await assertNotForwarded(gate, withKey(key, '/owned/other'), 403, 'not_authorized')
  await within2Seconds(200, () => withKey(ownerless.key, '/other'))
  await assertNotForwarded(gate, withKey(ownerless.key, '/owned/acme'), 403, 'not_authorized')
  const token = await issuer.token()
  await assertNotForwarded(gate, ask(gate, '/owned/acme', { token }), 403, 'not_authorized')
})

test('keys list: a table and JSON, with state and last use, without a secret', async () => {
  const { id, key } = await make('--scheme', 'partnerKey', '--owner', 'acme')
  const table = await keys('list')
  assert.match(table.stdout, /^id +name +owner +scheme +scopes +state +expires +last used\n/)
  assert.match(table.stdout, new RegExp(`\n${id} +test +acme +partnerKey +active `))
  const rows = JSON.parse((await keys('list', '--json')).stdout) as readonly Made[]
  assert.ok(rows.some((row) => row.id === id))
  for (const secret of [key, '"hash"']) assert.ok(!JSON.stringify(rows).includes(secret))
})

test('what cannot be made is refused with what to write instead', async () => {
  const wrong: readonly (readonly [words: readonly string[], says: RegExp])[] = [
    [['create'], /needs --name/],
    [['create', '--name', 'x'], /several schemes take keys/],
    [['create', '--name', 'x', '--scheme', 'partnrKey'], /did you mean partnerKey\?/],
    [
      ['create', '--name', 'x', '--scheme', 'partnerKey', '--scope', 'report:read'],
      /did you mean reports:read\?/,
    ],
    [
      ['create', '--name', 'x', '--scheme', 'partnerKey', '--operation', 'getReport'],
      /did you mean getReports\?/,
    ],
    [['create', '--name', 'x', '--scheme', 'partnerKey', '--address', '10.0.0.1/8'], /no address range/],
    [['create', '--name', 'x', '--scheme', 'partnerKey', '--expires', 'soon'], /must be a duration/],
    [['create', '--name', 'x', '--scheme', 'partnerKey', '--expires', '99999999d'], /at most 3650d/],
    [['create', '--name', 'x', '--scheme', 'partnerKey', '--expires', '0s'], /above 0/],
    [['rotate', 'key_none', '--overlap', '99999999d'], /at most 3650d/],
    [['revok', 'x'], /did you mean revoke\?/],
    [['revoke'], /needs the ID/],
  ]
  for (const [words, says] of wrong) {
    const { code, stderr } = await keys(...words)
    assert.equal(code, 2, words.join(' '))
    assert.match(stderr, says)
  }
  assert.equal((await keys('list')).code, 0)
  const unknown = await keys('revoke', 'key_none')
  assert.equal(unknown.code, 1)
  assert.match(unknown.stderr, /there is no key key_none/)
})

test('tokens: revoked by id, subject or time within 2 s, on cached tokens too, until taken back', async () => {
  const revoke = (...words: readonly string[]) =>
    portcullis([
      'tokens',
      'revoke',
      '--issuer',
      issuer.issuer,
      '--json',
      '-c',
      gate.configurationFile,
      ...words,
    ])
  const token = await issuer.token({ jti: 'one', sub: 'alice' })
  const other = await issuer.token({ jti: 'two', sub: 'bob' })
  const status = (one: string) => ask(gate, '/token', { token: one })
  assert.equal((await status(token)).status, 200)
  assert.equal((await status(other)).status, 200)
  const byId = JSON.parse((await revoke('--jti', 'one')).stdout) as { readonly id: string }
  await within2Seconds(401, () => status(token))
  await assertNotForwarded(gate, status(token), 401, 'credential_invalid')
  assert.equal((await status(other)).status, 200)
  const list = await portcullis(['tokens', 'list', '-c', gate.configurationFile])
  assert.match(list.stdout, new RegExp(byId.id))
  await portcullis(['tokens', 'restore', byId.id, '-c', gate.configurationFile])
  await within2Seconds(200, () => status(token))
  assert.equal((await revoke('--subject', 'bob')).code, 0)
  await within2Seconds(401, () => status(other))
  assert.equal((await status(token)).status, 200)
  const later = await issuer.token({ sub: 'bob', iat: Math.floor(Date.now() / 1000) + 2 })
  assert.equal((await status(later)).status, 200)
  assert.equal((await revoke('--issued-before', '2020-01-01T00:00:00Z')).code, 0)
  assert.equal((await revoke()).code, 0)
  await within2Seconds(401, () => status(token))
})

test('tokens revoke that would revoke nothing says so: a misspelt issuer, an empty id', async () => {
  const file = ['-c', gate.configurationFile]
  const wrong: readonly (readonly [words: readonly string[], says: RegExp])[] = [
    [['--issuer', `${issuer.issuer}/`], /no scheme takes tokens of .*; did you mean http/],
    [['--issuer', 'https://login.example.com', '--jti', 'x'], /no scheme takes tokens of/],
    [['--issuer', issuer.issuer, '--jti', ''], /must not be empty/],
    [['--issuer', issuer.issuer, '--subject', ''], /must not be empty/],
  ]
  for (const [words, says] of wrong) {
    const { code, stdout, stderr } = await portcullis(['tokens', 'revoke', ...words, ...file])
    assert.equal(code, 2, stderr)
    assert.match(stderr, says)
    assert.equal(stdout, '')
  }
})

test('a ledger that cannot be opened is told in words, with exit code 1', async () => {
  const yaml = readFileSync(gate.configurationFile, 'utf8')
  const other = join(gate.folder, 'other.yaml')
  for (const place of ['stateDir: /dev/null/no', 'stateDir: ./corrupt']) {
    mkdirSync(join(gate.folder, 'corrupt'), { recursive: true })
    writeFileSync(join(gate.folder, 'corrupt', 'keys.sqlite'), 'this is no database, nor was it ever one')
    writeFileSync(other, `${yaml}\n${place}\n`)
    const made = await portcullis(['keys', 'create', '--name', 'x', '--scheme', 'partnerKey', '-c', other])
    assert.equal(made.code, 1)
    assert.match(made.stderr, /the ledger of keys cannot be used: \S/)
    assert.equal(made.stdout, '')
  }
})

test('basic: a right password opens, all else is one 401; the password never reaches the upstream', async () => {
  const basic = (pair: string) =>
    ask(gate, '/basic', { headers: [`Authorization: Basic ${Buffer.from(pair).toString('base64')}`] })
  assert.equal((await basic('olga:correct horse battery')).status, 200)
  assert.ok(!gate.upstream.seen.at(-1)?.headers.some((text) => text.toLowerCase() === 'authorization'))
  assert.equal((await basic('olga:correct horse battery')).status, 200)
  for (const pair of [
    'olga:wrong',
    'igor:correct horse battery',
    'olga',
    ':',
    'olga:correct horse battery\0',
  ]) {
    const reply = await assertNotForwarded(gate, basic(pair), 401, 'credential_invalid')
    assert.equal(reply.fields.get('www-authenticate'), 'Basic realm="api", charset="UTF-8"')
  }
  await assertNotForwarded(gate, ask(gate, '/basic'), 401, 'credential_missing')
  const { stdout } = await portcullis(['check', '-c', gate.configurationFile])
  assert.match(stdout, /warning: passwords are sent with every request/)
  const yaml = readFileSync(gate.configurationFile, 'utf8')
  gate.configure(yaml.replace(password, 'letmein'))
  const plain = await portcullis(['check', '-c', gate.configurationFile])
  gate.configure(yaml)
  assert.equal(plain.code, 1)
  assert.match(plain.stdout, /must be a hash in PHC format/)
})

test('a ledger that cannot be read is believed for staleAfter, then keys and tokens get 503; back again, all is well', async () => {
  const { key } = await make('--scheme', 'cookieKey')
  const cookie = () => ask(gate, '/cookie', { headers: [`Cookie: key=${key}`] })
  await within2Seconds(200, cookie)
  const file = join(gate.folder, '.portcullis', 'keys.sqlite')
  renameSync(file, `${file}.away`)
  await gate.logged((one) => one.event === 'ledger_unavailable')
  assert.equal((await cookie()).status, 200)
  await new Promise((resolve) => setTimeout(resolve, 5500))
  await assertNotForwarded(gate, cookie(), 503, 'verifier_unavailable')
  const token = await issuer.token()
  await assertNotForwarded(gate, ask(gate, '/token', { token }), 503, 'verifier_unavailable')
  assert.equal((await ask(gate, '/open')).status, 200)
  renameSync(`${file}.away`, file)
  await within2Seconds(200, cookie)
})
