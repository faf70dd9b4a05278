import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { run } from '../harness/command.ts'
import { startGate, type TestGate, withGate } from '../harness/gate.ts'
import { openSocket, sendRaw } from '../harness/raw-client.ts'
import { until } from '../harness/until.ts'

let gate: TestGate
let https: string
let http: string
let port: string

before(async () => {
  gate = await startGate({ http: '{ host: 127.0.0.1, port: 0, redirect: https }' })
  https = gate.gateway.addresses.https ?? ''
  http = gate.gateway.addresses.http ?? ''
  port = new URL(https).port
})
after(() => gate.stop())

const curl = (...args: readonly string[]) =>
  run('curl', ['-sS', '--cacert', gate.certificateFile, '-i', ...args])

test('curl over TLS, certificate verified: HSTS, security headers, request id', async () => {
  const { code, stdout } = await curl(`https://localhost:${port}/public`)
  assert.equal(code, 0)
  assert.match(stdout, /^HTTP\/1\.1 200 /)
  assert.match(stdout, /\r\nStrict-Transport-Security: max-age=31536000; includeSubDomains\r\n/)
  assert.match(stdout, /\r\nX-Request-Id: [0-9a-f]{32}\r\n/)
  const unverified = await run('curl', ['-sS', `https://localhost:${port}/public`])
  assert.notEqual(unverified.code, 0, 'no other trust anchor accepts the development certificate')
})

test('openssl s_client: TLS 1.2 and 1.3 are spoken, 1.1 is not, nor a null or export cipher', async () => {
  const handshake = (...args: readonly string[]) =>
    run('openssl', [
      's_client',
      '-connect',
      `127.0.0.1:${port}`,
      '-servername',
      'localhost',
      '-CAfile',
      gate.certificateFile,
      ...args,
    ])
  for (const version of ['-tls1_2', '-tls1_3']) {
    const { stdout } = await handshake(version)
    assert.match(stdout, /Verify return code: 0 \(ok\)/, version)
    assert.match(stdout, /Peer signature type: (ECDSA|ecdsa_secp256r1_sha256)/)
  }
  for (const weak of [
    ['-tls1_1', '-cipher', 'ALL:@SECLEVEL=0'],
    ['-tls1_2', '-cipher', 'NULL:eNULL:EXPORT:RC4:3DES:@SECLEVEL=0'],
  ]) {
    const { code } = await handshake(...weak)
    assert.notEqual(code, 0, weak.join(' '))
  }
})

test('plain HTTP: GET and HEAD without credentials are redirected with 308', async () => {
  for (const method of ['GET', 'HEAD']) {
    const reply = await sendRaw(http, `${method} /things?limit=1 HTTP/1.1\r\nHost: api.example.com\r\n\r\n`)
    assert.equal(reply.status, 308)
    assert.equal(reply.fields.get('location'), `https://api.example.com:${port}/things?limit=1`)
  }
})

test('plain HTTP: a request that carries a credential is refused and told that its secret has leaked', async () => {
  for (const line of ['Authorization: Bearer x', 'Cookie: session=1', 'Proxy-Authorization: Basic x']) {
    const reply = await sendRaw(http, `GET /things HTTP/1.1\r\nHost: a\r\n${line}\r\n\r\n`)
    assert.equal(reply.status, 400)
    assert.match(reply.body, /consider it leaked/)
    assert.equal(reply.fields.get('location'), undefined)
  }
  const inQuery = await sendRaw(http, 'GET /things?access_token=x HTTP/1.1\r\nHost: a\r\n\r\n')
  assert.match(inQuery.body, /consider it leaked/)
})

test('plain HTTP: an API key is a credential too, wherever the contract puts it', async () => {
  const contract = new URL('../fixtures/keys.yaml', import.meta.url).pathname
  const keyed = await startGate({
    contract,
    http: '{ host: 127.0.0.1, port: 0, redirect: https }',
    identity: `}
  partnerKey: { type: apiKey }
  queryKey: { type: apiKey, allowInQuery: true }
  cookieKey: { type: apiKey }
  rawKey: { type: apiKey }
  operator: { type: basic, users: { olga: { password: "$scrypt$ln=14,r=8,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA" } }`,
  })
  try {
    const plain = keyed.gateway.addresses.http ?? ''
    for (const [target, line] of [
      ['/reports', 'x-api-KEY: pck_1'],
      ['/reports', 'Cookie: key=pck_1'],
      ['/query?page=1&api_key=pck_1', 'Accept: */*'],
      ['/query?api%5Fkey=pck_1', 'Accept: */*'],
    ]) {
      const reply = await sendRaw(plain, `GET ${target} HTTP/1.1\r\nHost: a\r\n${line}\r\n\r\n`)
      assert.equal(reply.status, 400, `${target} ${line}`)
      assert.match(reply.body, /consider it leaked/)
      assert.equal(reply.fields.get('location'), undefined)
    }
    const other = await sendRaw(plain, 'GET /query?page=1 HTTP/1.1\r\nHost: a\r\n\r\n')
    assert.equal(other.status, 308)
    assert.ok(!JSON.stringify(keyed.log).includes('pck_1'))
    assert.equal(keyed.upstream.heads, 0)
  } finally {
    await keyed.stop()
  }
})

test('plain HTTP: other methods, bad heads and injected hosts are refused, not redirected', async () => {
  const post = await sendRaw(http, 'POST /things HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}')
  assert.equal(post.status, 400)
  for (const host of ['a@evil.example.com', 'evil.example.com/', 'a b', '']) {
    const reply = await sendRaw(http, `GET /things HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
    assert.equal(reply.status, 400, host)
    assert.equal(reply.fields.get('location'), undefined)
  }
  assert.equal(gate.upstream.heads, 1, 'only what curl asked for over TLS')
})

test('plain HTTP: behind a redirect, which closes, nothing is a request; the bounds of heads are those that are written', () =>
  withGate(
    { http: '{ host: 127.0.0.1, port: 0, redirect: https }', more: 'bounds: { headerCount: 10 }' },
    async (own) => {
      const plain = own.gateway.addresses.http ?? ''
      const get = 'GET /things HTTP/1.1\r\nHost: a\r\n'
      for (const behind of [
        `${get}\r\n`.repeat(9),
        '\x00junk\r\n',
        'CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n',
      ]) {
        const before = own.log.length
        const statuses = () =>
          own.log.slice(before).flatMap((line) => line['http.response.status_code'] ?? [])
        const reply = await sendRaw(plain, `${get}\r\n${behind}`)
        assert.equal(reply.status, 308)
        assert.ok(reply.closed)
        assert.equal(reply.text.split('HTTP/1.1 ').length, 2)
        await until(() => statuses().length > 0, 'it is on record')
        await sleep(100)
        assert.deepEqual(statuses(), [308])
      }
      const long = await sendRaw(plain, `${get}${'X: y\r\n'.repeat(10)}\r\n`)
      assert.equal(long.status, 431)
    },
  ))

test('admin: liveness is for all, the rest for who holds the token', async () => {
  const admin = gate.gateway.addresses.admin ?? ''
  assert.equal((await fetch(`${admin}/livez`)).status, 200)
  assert.equal((await fetch(`${admin}/readyz`)).status, 200)
  assert.equal((await fetch(`${admin}/nothing`)).status, 404)
  assert.equal((await fetch(`${admin}/metrics`, { method: 'POST' })).status, 405)
  const guarded = await startGate({ more: '' })
  try {
    const yaml = readFileSync(guarded.configurationFile, 'utf8').replace(
      'admin: { host: 127.0.0.1, port: 0 }',
      'admin: { host: 127.0.0.1, port: 0, token: "file:./token" }',
    )
    writeFileSync(`${guarded.folder}/token`, 'open-sesame\n')
    guarded.configure(yaml)
    const { createGateway } = await import('../../src/app/create-gateway.ts')
    const second = await createGateway({ configurationFile: guarded.configurationFile, log: () => {} })
    const metrics = `${second.addresses.admin}/metrics`
    assert.equal((await fetch(`${second.addresses.admin}/livez`)).status, 200)
    assert.equal((await fetch(metrics)).status, 401)
    assert.equal((await fetch(metrics, { headers: { authorization: 'Bearer open-sesam' } })).status, 401)
    assert.equal((await fetch(metrics, { headers: { authorization: 'Bearer open-sesame' } })).status, 200)
    await second.stop()
  } finally {
    await guarded.stop()
  }
})

test('admin: of 300 connections that ask nothing 256 stay open, and health is told beside them (attack E3)', async () => {
  const admin = gate.gateway.addresses.admin ?? ''
  const held = Array.from({ length: 300 }, () => openSocket(admin).on('error', () => {}))
  try {
    await until(() => held.filter(({ closed }) => closed).length >= 44, 'what is over the bound is closed')
    assert.equal((await fetch(`${admin}/livez`)).status, 200)
    assert.equal((await fetch(`${admin}/readyz`)).status, 200)
    const open = held.filter(({ closed }) => !closed).length
    assert.ok(open >= 250 && open <= 256, `${open} are open`)
  } finally {
    for (const socket of held) socket.destroy()
  }
})

test('metrics are readable as Prometheus text', async () => {
  const text = await (await fetch(`${gate.gateway.addresses.admin}/metrics`)).text()
  const line =
    /^(?:# (?:HELP|TYPE) [a-z_][a-z0-9_]* .+|[a-z_][a-z0-9_]*(?:\{[a-z_][a-z0-9_]*="(?:[^"\\\n]|\\["\\n])*"(?:,[a-z_][a-z0-9_]*="(?:[^"\\\n]|\\["\\n])*")*\})? (?:\d+(?:\.\d+)?(?:e[+-]\d+)?|\+Inf))$/
  for (const one of text.trimEnd().split('\n')) assert.match(one, line)
  assert.match(text, /portcullis_issuer_ready\{issuer="http:\/\/127\.0\.0\.1:\d+"\} 1/)
})
