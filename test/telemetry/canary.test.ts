import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Reason, reasons } from '../../src/engine/reasons.ts'
import { type Collector, startCollector } from '../harness/collector.ts'
import { portcullis } from '../harness/command.ts'
import { freePort } from '../harness/free-port.ts'
import { audience, startIssuer, type TestIssuer } from '../harness/issuer.ts'
import { type RawReply, sendRaw } from '../harness/raw-client.ts'
import { patienceMs, until } from '../harness/until.ts'
import { startUpstream, type TestUpstream } from '../harness/upstream.ts'
import { type CanaryGate, leaksOf, startCanaryGate } from './canary/gate.ts'
import { leaksIn, secret, type Where } from './canary/plants.ts'

// Attack G1: a secret in every place that can carry one, through every reason of a denial, and a look at all that was written.

let issuer: TestIssuer
let upstream: TestUpstream
let collector: Collector
let gate: CanaryGate
let blind: CanaryGate
let basic: string

before(async () => {
  ;[issuer, upstream, collector] = await Promise.all([startIssuer(), startUpstream(), startCollector()])
  const password = (await portcullis(['keys', 'hash-password'], { input: `${secret('password')}\n` })).stdout
  basic = Buffer.from(`olga:${secret('password')}`).toString('base64')
  const closed = await freePort()
  const env = {
    CLIENT_SECRET: secret('clientsecret'),
    ADMIN_TOKEN: secret('admintoken'),
    REDIS_URL: `redis://u:${secret('redispassword')}@127.0.0.1:${closed}`,
    DATABASE_URL: `postgres://u:${secret('databasepassword')}@127.0.0.1:${closed}/none`,
    OTLP_AUTHORIZATION: `Bearer ${secret('otlptoken')}`,
  }
  const configuration = (more: string) => `
contract: ./openapi.json
allowWeakening: true
publicUrl: "https://api.example.com"
hosts: [api.example.com]
listen:
  https: { host: 127.0.0.1, port: 0, tls: { cert: ./tls/localhost.crt, key: ./tls/localhost.key } }
  http: { host: 127.0.0.1, port: 0, allowPlaintext: true }
  admin: { host: 127.0.0.1, port: 0, token: "\${ADMIN_TOKEN}" }
upstreams:
  default: { url: "${upstream.url}", breaker: { failures: 3, ratio: 0.1, openFor: 30s } }
identity:
  bearerAuth: { type: jwt, issuer: "${issuer.issuer}", audience: "${audience}", algorithms: [ES256] }
  opaqueAuth: { type: introspection, issuer: "http://127.0.0.1:${closed}", audience: "${audience}", clientId: gate, clientSecret: "\${CLIENT_SECRET}" }
  partnerKey: { type: apiKey }
  operator: { type: basic, users: { olga: { password: "${password.trim()}" } } }
limits: [{ name: wide, by: address, rate: 1000000/s, burst: 1000000 }]
failedAuthentications: { rate: 1000000/s }
validate: { responses: enforce, undeclaredCookies: drop }
bounds: { queueDelay: 10s, headTimeout: 1s }
telemetry: { otlp: { endpoint: "${collector.url}", headers: { authorization: "\${OTLP_AUTHORIZATION}" }, logs: true }, traces: { sample: 1 } }
stopTimeout: 5s
${more}
`
  gate = await startCanaryGate(configuration('state: "${REDIS_URL}"'), env)
  blind = await startCanaryGate(configuration('trail: { database: "${DATABASE_URL}" }'), env)
})
after(async () => {
  await Promise.all([gate?.stop(), blind?.stop()])
  gate?.remove()
  blind?.remove()
  await Promise.all([issuer.stop(), upstream.stop(), collector.stop()])
})

interface Sent {
  readonly method?: string
  readonly headers?: readonly string[]
  readonly body?: string
  readonly type?: string
  readonly host?: string
}

const everywhere = [
  `User-Agent: ${secret('useragent')}`,
  `Cookie: other=${secret('cookie')}; ${secret('cookiename')}=1; __Host-session=${secret('session')}`,
  `X-Other: ${secret('header')}`,
  `${secret('headername')}: 1`,
  `Referer: https://a/${secret('referer')}`,
  `tracestate: a=${secret('tracestate')}`,
  `X-Forwarded-For: ${secret('forwarded')}`,
]

/** Sends, with secrets in all places that have no part in the judgement. */
function sendTo(
  to: CanaryGate,
  target: string,
  { method = 'GET', headers = [], body, type = 'application/json', host = 'api.example.com' }: Sent = {},
): Promise<RawReply> {
  const lines = [`${method} ${target} HTTP/1.1`, `Host: ${host}`, ...everywhere, ...headers]
  if (body !== undefined) lines.push(`Content-Type: ${type}`, `Content-Length: ${Buffer.byteLength(body)}`)
  return sendRaw(to.http, `${lines.join('\r\n')}\r\n\r\n${body ?? ''}`, { lingerMs: 0 })
}
const send = (target: string, sent?: Sent) => sendTo(gate, target, sent)

const tokens: string[] = []
async function bearer(): Promise<string> {
  const token = await issuer.token({ sub: secret('subject'), secret: secret('claim'), jti: secret('jti') })
  tokens.push(token)
  return `Authorization: Bearer ${token}`
}
const held = async (target: string, sent: Sent = {}) =>
  send(target, { ...sent, headers: [await bearer(), ...(sent.headers ?? [])] })
const post = (body: string, type?: string) =>
  held('/secure', { method: 'POST', body, ...(type === undefined ? {} : { type }) })

async function answered(answer: TestUpstream['answer'], ask: () => Promise<RawReply>): Promise<RawReply> {
  const { answer: sound } = upstream
  upstream.answer = answer
  try {
    return await ask()
  } finally {
    upstream.answer = sound
  }
}
const open = '/open/x'
const multipart = `--b\r\nContent-Disposition: form-data; name="${secret('partname')}"; filename="${secret('filename')}"\r\n\r\n${secret('part')}\r\n--b--\r\n`
const proof = `${Buffer.from(`{"x":"${secret('proof')}"}`).toString('base64url')}.e30.e30`

/** Each reason, by requests that lead to it; the last to come up are those that leave the upstream alone. */
const leads: { readonly [R in Reason]: readonly (() => Promise<RawReply>)[] } = {
  malformed_request: [() => send(open, { headers: [`Bad Name: ${secret('badheader')}`] })],
  path_ambiguous: [() => send(`/open//${secret('ambiguous')}/../x`)],
  route_unknown: [() => send(`/${secret('unknownpath')}`)],
  method_not_allowed: [() => send(open, { method: 'DELETE' })],
  credential_missing: [() => send('/secure')],
  credential_invalid: [
    () => send('/secure', { headers: [`Authorization: Bearer ${secret('badtoken')}`] }),
    () => send('/key', { headers: [`X-API-Key: ${secret('apikey')}`] }),
    () => send('/key', { headers: [`X-API-Key: pck_${'x'.repeat(46)}`] }),
    () =>
      send('/basic', {
        method: 'POST',
        headers: [`Authorization: Basic ${btoa(`${secret('user')}:${secret('badpassword')}`)}`],
      }),
  ],
  proof_required: [() => held('/bound', { headers: [`DPoP: ${proof}`] })],
  step_up_required: [() => held('/step')],
  credential_ambiguous: [
    () => held('/secure', { headers: [`Authorization: Bearer ${secret('secondtoken')}`] }),
  ],
  scope_missing: [() => held('/strong')],
  not_authorized: [() => held('/owned')],
  cross_site: [
    () =>
      send('/basic', {
        method: 'POST',
        headers: [
          `Authorization: Basic ${basic}`,
          'Sec-Fetch-Site: cross-site',
          `Origin: https://${secret('origin')}.example`,
        ],
      }),
  ],
  quota_exceeded: [() => held('/spent'), () => held('/spent')],
  parameter_invalid: [
    () => send(`${open}?tag=${secret('query')}-too-long`),
    () => send(`${open}?${secret('queryname')}=1`),
    () => send(`/open/${secret('path')}`),
    () => send(open, { headers: [`Cookie: theme=${secret('declaredcookie')}`] }),
    () => send(open, { headers: [`X-Mode: ${secret('headervalue')}`] }),
  ],
  body_invalid: [
    () => post(`{"name":"${secret('jsonvalue')}","${secret('jsonname')}":1}`),
    () => post(`{${secret('brokenjson')}`),
    () => post(`count=${secret('formvalue')}&${secret('formname')}=%zz`, 'application/x-www-form-urlencoded'),
    () => post(multipart.replace('\r\n\r\n', '\r\n\r\r\n'), 'multipart/form-data; boundary=b'),
    () => post(`${secret('text')}-too-long`, 'text/plain'),
  ],
  body_unexpected: [() => held('/owned', { body: secret('unexpected') })],
  media_type_unsupported: [() => post('x', `application/${secret('mediatype')}`)],
  body_too_large: [() => post(`"${secret('large')}${'x'.repeat(1_100_000)}"`)],
  header_too_large: [() => send(open, { headers: [`X-Big: ${secret('bigheader')}${'x'.repeat(40_000)}`] })],
  uri_too_long: [() => send(`${open}?tag=${secret('longuri')}${'x'.repeat(20_000)}`)],
  request_timeout: [
    () => sendRaw(gate.http, `GET ${open} HTTP/1.1\r\nHost: api.example.com\r\nX-Late: ${secret('late')}`),
  ],
  misdirected_request: [() => send(open, { host: `${secret('host')}.example` })],
  upgrade_refused: [() => send(open, { headers: ['Connection: Upgrade', `Upgrade: ${secret('upgrade')}`] })],
  expectation_failed: [() => send(open, { headers: [`Expect: ${secret('expect')}`] })],
  address_denied: [() => held('/near')],
  verifier_unavailable: [() => send('/opaque', { headers: [`Authorization: Bearer ${secret('opaque')}`] })],
  limiter_unavailable: [() => held('/hard')],
  trail_unavailable: [
    async () => sendTo(blind, '/secure', { method: 'POST', headers: [await bearer()], body: '{"name":"x"}' }),
  ],
  internal: [
    () => send(`/EXPLODE-${secret('panicpath')}`),
    () => send('/open/EXPLODE'),
    () => send(`${open}?EXPLODE=1`),
  ],
  response_invalid: [
    () =>
      answered(
        (response) =>
          response
            .writeHead(200, { 'Content-Type': 'application/json', Server: secret('server') })
            .end(`{"ok":"${secret('answer')}"}`),
        () => send(open),
      ),
    () =>
      answered(
        (response) =>
          response.socket?.end(`HTTP/1.1 ${secret('statusline')} x\r\n${secret('answerfield')}\r\n\r\n`),
        () => send(open),
      ),
  ],
  upstream_timeout: [
    () =>
      answered(
        () => {},
        () => send('/slow'),
      ),
  ],
  upstream_unreachable: [
    () =>
      answered(
        (response) => response.destroy(),
        () => send(open),
      ),
  ],
  overloaded: Array.from(
    { length: 12 },
    () => () =>
      answered(
        (response) => response.destroy(),
        () => send(open),
      ),
  ),
}

test('G1 every reason of a denial is reached, and no secret comes out where the table does not let it', async () => {
  const leaks: string[] = []
  const look = (where: Where, text: string) => leaks.push(...leaksIn(where, text))
  const missed: string[] = []
  let someId = ''
  for (const [reason, asks] of Object.entries(leads)) {
    const seen: string[] = []
    for (const ask of asks) {
      const reply = await ask()
      if (reply.fields.get('content-type') !== 'application/problem+json') continue
      look('problem', reply.text)
      const id = reply.fields.get('x-request-id') ?? ''
      if (reason === 'body_invalid') someId ||= id
      const line = await lineOf(reason === 'trail_unavailable' ? blind : gate, id)
      seen.push(String(line?.reason))
    }
    if (!seen.includes(reason)) missed.push(`${reason}: ${seen.join()}`)
  }
  assert.deepEqual(missed, [], 'reasons that were not reached')
  assert.deepEqual(Object.keys(leads).toSorted(), Object.keys(reasons).toSorted())

  await held('/secure', { method: 'POST', body: '{"name":"x"}' })
  const headers = { authorization: `Bearer ${secret('admintoken')}` }
  const found = async () => (await fetch(`${gate.admin}/denials/${someId}`, { headers })).ok
  await until(found, 'the last denials are written')
  await new Promise((resolve) => setTimeout(resolve, 600))
  for (const one of [gate, blind])
    for (const path of ['/metrics', '/readyz', '/livez', `/denials/${someId}`, '/denials/none'])
      look(
        path === '/metrics' ? 'metric' : 'admin',
        await (await fetch(`${one.admin}${path}`, { headers })).text(),
      )
  const options = { env: gate.env }
  for (const words of [
    ['explain', '--id', someId],
    ['explain', '--id', someId, '--json'],
    ['keys', 'create', '--scheme', 'partnerKey', '--name', 'x'],
    ['keys', 'list'],
    ['tokens', 'list'],
    ['trail', 'search'],
    ['trail', 'export'],
    ['trail', 'export', '--format', 'csv'],
    ['trail', 'verify'],
    ['check'],
  ]) {
    const { code, stdout, stderr } = await portcullis([...words, '-c', gate.configurationFile], options)
    assert.equal(code, 0, `${words.join(' ')}: ${stderr}`)
    look('command', stdout + stderr)
  }
  // Its database cannot be reached: what the commands say of that is looked at.
  for (const words of [
    ['keys', 'list'],
    ['trail', 'verify'],
    ['trail', 'search'],
  ]) {
    const { code, stdout, stderr } = await portcullis([...words, '-c', blind.configurationFile], options)
    if (words[0] === 'trail') assert.notEqual(code, 0, words.join(' '))
    look('command', stdout + stderr)
  }
  await Promise.all([gate.stop(), blind.stop()])
  for (const one of [gate, blind])
    for (const token of tokens) {
      const signature = token.slice(-40)
      assert.ok(![one.stdout(), one.stderr(), ...one.state()].some((text) => text.includes(signature)))
    }
  assert.ok(collector.spans.length > 30 && collector.logs.length > 60)
  leaks.push(...leaksOf([gate, blind], collector))
  assert.deepEqual([...new Set(leaks)], [])
  assert.ok(gate.stdout().includes('"event":"defect"'))
  // What may come out does, so that the looking is known to look.
  for (const text of [gate.stdout(), JSON.stringify(collector.logs)])
    assert.ok(text.includes(secret('useragent')) && text.includes(secret('subject')))
  for (const line of (gate.stdout() + blind.stdout()).trimEnd().split('\n')) JSON.parse(line)
})

interface Line {
  readonly reason?: string
}

async function lineOf(one: CanaryGate, id: string): Promise<Line | null> {
  for (let waited = 0; waited < patienceMs; waited += 10) {
    const text = one
      .stdout()
      .split('\n')
      .findLast(
        (line) =>
          line.includes(`"request_id":"${id}"`) && line.includes('"event":"denied"') && line.endsWith('}'),
      )
    if (text !== undefined) return JSON.parse(text) as Line
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  return null
}
