import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { portcullis } from '../harness/command.ts'
import { project } from '../harness/gate.ts'

// What `check` says of sessions that cannot work, or work less well than they look.

let folder: string
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'portcullis-test-'))
})
after(() => rmSync(folder, { recursive: true, force: true }))

const contract = `${project}/test/fixtures/sessions.yaml`
const sound = `contract: ${JSON.stringify(contract)}
publicUrl: "https://shop.example.com"
listen: { http: { port: 0, allowPlaintext: true } }
upstreams: { default: { url: "http://127.0.0.1:3000" } }
identity:
  webLogin: { type: session, issuer: "https://login.example.com", clientId: gate, clientSecret: "\${SECRET}" }
  bearerAuth: { type: jwt, issuer: "https://login.example.com", audience: api }
`

async function check(yaml: string): Promise<{ readonly code: number | null; readonly stdout: string }> {
  const file = join(folder, 'portcullis.yaml')
  writeFileSync(file, yaml)
  return portcullis(['check', '-c', file], { env: { SECRET: 's3cret' } })
}

test('a sound configuration of sessions is sound, and explain says who may call', async () => {
  const { code, stdout } = await check(sound)
  assert.equal(code, 0, stdout)
  const explained = await portcullis(['explain', 'getApp', '-c', join(folder, 'portcullis.yaml')], {
    env: { SECRET: 's3cret' },
  })
  assert.match(
    explained.stdout,
    /browser session after a login at https:\/\/login\.example\.com as gate, for 28800 s, 1800 s without use/,
  )
  assert.ok(!explained.stdout.includes('s3cret'))
})

test('check: cookies of other sites are to be decided about', async () => {
  const undecided = await check(sound)
  assert.match(
    undecided.stdout,
    /requests with one that no operation declares are refused[\s\S]*undeclaredCookies: drop/,
  )
  for (const decision of ['drop', 'refuse']) {
    const decided = await check(`${sound}validate: { undeclaredCookies: ${decision} }\n`)
    assert.equal(decided.code, 0)
    assert.doesNotMatch(decided.stdout, /cookies/)
  }
})

const rows: readonly (readonly [title: string, yaml: string, code: number, says: RegExp])[] = [
  [
    'no own origin',
    sound.replace(/publicUrl.*\n/, ''),
    1,
    /error: a login comes back to an address of this gateway[\s\S]*fix: write publicUrl/,
  ],
  ['a plain origin', sound.replace('https://shop', 'http://shop'), 1, /browsers keep no secure cookie/],
  ['an unknown key', sound.replace('clientId', 'clientID'), 1, /clientID is not a known key.*\n.*clientId/],
  ['no secret', sound.replace('SECRET', 'OTHER'), 1, /the environment has no OTHER/],
  [
    'a secret in plain text',
    sound.replace('"${SECRET}"', 's3cret'),
    0,
    /clientSecret holds a secret in plain text/,
  ],
  [
    'idle beyond lifetime',
    sound.replace('type: session', 'type: session, lifetime: 1h, idleTimeout: 2h'),
    1,
    /idleTimeout must be at most lifetime/,
  ],
  [
    'an endless lifetime',
    sound.replace('type: session', 'type: session, lifetime: 31d'),
    1,
    /lifetime must be from 1s to 30d/,
  ],
  [
    'a way out to elsewhere',
    sound.replace('type: session', 'type: session, afterLogout: //evil.example'),
    1,
    /afterLogout must be a path/,
  ],
  [
    'a scope that is two',
    sound.replace('type: session', 'type: session, scopes: "a b"'),
    1,
    /scopes must be words/,
  ],
  [
    'a shared secret as algorithm',
    sound.replace('type: session', 'type: session, algorithms: [HS256]'),
    1,
    /lets anyone who can verify a token make one/,
  ],
  ['a plain issuer', sound.replace('session, issuer: "https', 'session, issuer: "http'), 1, /in the clear/],
  [
    'sessions for http bearer',
    sound
      .replace('type: jwt', 'type: session, clientId: a, clientSecret: file:./portcullis.yaml')
      .replace(', audience: api }', ' }'),
    1,
    /the contract says http bearer, and session does not verify that/,
  ],
  [
    'a store in the clear',
    `${sound}state: "redis://store.example.com"\n`,
    0,
    /asked in the clear[\s\S]*used DPoP proofs are remembered in each process/,
  ],
  [
    'a store with a password',
    `${sound}state: "rediss://:hunter2@store.example.com"\n`,
    0,
    /state holds a secret in plain text/,
  ],
  ['a store that is none', `${sound}state: "mysql://store"\n`, 1, /state must be memory, or redis/],
]

for (const [title, yaml, code, says] of rows) {
  test(`check: ${title}`, async () => {
    const checked = await check(yaml)
    assert.match(checked.stdout, says)
    assert.equal(checked.code, code, checked.stdout)
    assert.doesNotMatch(checked.stdout, /hunter2|s3cret/)
  })
}

test('check: browser sessions are not kept in a cluster', async () => {
  const { code, stdout } = await check(`${sound}state: { cluster: ["rediss://store.example.com:7000"] }\n`)
  assert.equal(code, 1)
  assert.match(stdout, /browser sessions are not kept in a cluster/)
})

test("check: the gateway's own paths are no contract's", async () => {
  const taken = join(folder, 'taken.yaml')
  writeFileSync(
    taken,
    `openapi: 3.1.0
info: { title: T, version: '1' }
paths:
  /.portcullis/x: { get: { security: [], responses: { '200': { description: ok } } } }
  /app: { get: { security: [{ webLogin: [] }], responses: { '200': { description: ok } } } }
components: { securitySchemes: { webLogin: { type: openIdConnect, openIdConnectUrl: https://login.example.com } } }
`,
  )
  const { code, stdout } = await check(
    sound.replace(JSON.stringify(contract), taken).replace(/ {2}bearer.*\n/, ''),
  )
  assert.equal(code, 1)
  assert.match(stdout, /\/\.portcullis\/x is below the gateway's own paths/)
})

test('check: an operation that demands bound tokens takes no session, whose token is bound to nothing', async () => {
  const bound = join(folder, 'bound.yaml')
  const demand = 'operationId: getOrders, x-portcullis: { senderConstraint: dpop },'
  writeFileSync(bound, readFileSync(contract, 'utf8').replace('operationId: getOrders,', demand))
  const { code, stdout } = await check(sound.replace(JSON.stringify(contract), bound))
  assert.equal(code, 1, stdout)
  assert.match(stdout, /the token of a browser session is bound to nothing/)
})
