import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { after, before, test } from 'node:test'
import { compile } from '../../src/contract/compile.ts'

// Rules that would deny every request, for want of what no caller has.

let folder: string
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'portcullis-rules-'))
})
after(() => rmSync(folder, { recursive: true, force: true }))

const hash = `$scrypt$ln=17,r=8,p=1$${'c2FsdHNhbHQ'.repeat(2)}$${'aGFzaGhhc2h'.repeat(4)}`
const configuration = `contract: ./openapi.yaml
publicUrl: https://api.example.com
listen: { http: { port: 0, allowPlaintext: true } }
upstreams: { default: { url: "http://127.0.0.1:9" } }
trustedProxies: [127.0.0.1/32]
identity:
  bearerAuth: { type: jwt, issuer: "https://i.example", audience: a }
  opaqueAuth: { type: introspection, issuer: "https://i.example", clientId: c, clientSecret: "\${SECRET}", audience: a }
  login: { type: session, issuer: "https://i.example", clientId: c, clientSecret: "\${SECRET}" }
  partnerKey: { type: apiKey }
  operator: { type: basic, users: { olga: { password: "${hash}" } } }
`

/** What is said of the rules of a GET at `/a/{id}`, as `severity line: message`. */
function said(security: string, rule: string, root = ''): readonly string[] {
  writeFileSync(join(folder, 'portcullis.yaml'), configuration)
  writeFileSync(
    join(folder, 'openapi.yaml'),
    `openapi: 3.1.0
info: { title: t, version: '1' }
${root}
paths:
  /a/{id}:
    get:
      operationId: getA
      security: ${security}
      parameters: [{ name: id, in: path, required: true, schema: { type: string } }]
      x-portcullis: { authorize: ${JSON.stringify(rule)} }
      responses: { '200': { description: ok } }
  /b: { get: { operationId: getB, security: [], responses: { '200': { description: ok } } } }
components:
  securitySchemes:
    bearerAuth: { type: http, scheme: bearer }
    opaqueAuth: { type: http, scheme: bearer }
    login: { type: openIdConnect, openIdConnectUrl: 'https://i.example/.well-known/openid-configuration' }
    partnerKey: { type: apiKey, in: header, name: X-API-Key }
    operator: { type: http, scheme: basic }
`,
  )
  const { diagnostics } = compile(join(folder, 'portcullis.yaml'), { SECRET: 'a secret of some length' })
  const wrong = diagnostics.filter(
    ({ severity, rule: name }) => severity === 'error' && name !== 'rule-unmet',
  )
  assert.deepEqual(wrong, [])
  return diagnostics.flatMap(({ severity, rule: name, position, message }) =>
    name === 'rule-unmet' ? [`${severity} ${basename(position.file)}:${position.line}: ${message}`] : [],
  )
}

const denies = 'openapi.yaml:10: authorize: the rule denies every'

test('schemes that yield claims give token and client, and apiKey gives key', () => {
  for (const scheme of ['bearerAuth', 'opaqueAuth', 'login'])
    assert.deepEqual(said(`[{ ${scheme}: [] }]`, 'token.sub == path.id && client != "a"'), [], scheme)
  for (const scheme of ['partnerKey', 'operator']) {
    const unmet = (variable: string) =>
      `error ${denies} caller of getA: it reads ${variable}, which no alternative of its security gives`
    assert.deepEqual(said(`[{ ${scheme}: [] }]`, 'token.sub == path.id'), [unmet('token')], scheme)
    assert.deepEqual(said(`[{ ${scheme}: [] }]`, 'client == path.id'), [unmet('client')], scheme)
  }
  assert.deepEqual(said('[{ partnerKey: [] }]', 'key.owner == path.id'), [])
  assert.deepEqual(said('[{ partnerKey: [], operator: [] }]', 'key.owner == path.id'), [])
  assert.equal(said('[{ bearerAuth: [] }]', 'key.owner == path.id').length, 1)
  assert.equal(said('[{ operator: [] }, {}]', 'key.owner == path.id').length, 1)
})

test('a public operation has nobody to ask about', () => {
  const unmet = `error ${denies} caller of getA, which is public: it reads`
  assert.deepEqual(said('[]', 'token.sub == path.id'), [`${unmet} token`])
  assert.deepEqual(said('[]', 'token.sub == path.id && key.id == path.id'), [`${unmet} token and key`])
  assert.deepEqual(said('[]', 'has(token.sub)'), [`${unmet} token`])
  assert.deepEqual(said('[]', 'path.id == "a"'), [])
  assert.deepEqual(said('[]', 'false'), [])
})

test('where some alternatives give it, those that do not are told of, unless the rule lets them in', () => {
  const owned = 'token.sub == path.id'
  const either = '[{ bearerAuth: [] }, { partnerKey: [] }, {}]'
  assert.deepEqual(said(either, owned), [
    `warning ${denies} caller of getA by partnerKey: it reads token`,
    `warning ${denies} anonymous caller of getA: it reads token`,
  ])
  assert.deepEqual(said(either, `${owned} || key.owner == path.id`), [
    `warning ${denies} anonymous caller of getA: it reads token and key`,
  ])
  assert.deepEqual(said(either, `!has(token.sub) || ${owned}`), [])
  assert.deepEqual(said('[{ bearerAuth: [], partnerKey: [] }]', `${owned} && key.owner == path.id`), [])
})

test('a rule of the root is judged at every operation it applies to', () => {
  const rule = 'x-portcullis: { authorize: token.sub != "u9" }'
  assert.deepEqual(said('[{ bearerAuth: [] }]', 'true', rule), [
    'error openapi.yaml:3: authorize: the rule denies every caller of getB, which is public: it reads token',
  ])
})
