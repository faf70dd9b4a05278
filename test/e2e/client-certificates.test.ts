import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { ask, assertNotForwarded } from '../harness/ask.ts'
import { type Authority, type CertificateFiles, createAuthority, fieldOf } from '../harness/certificates.ts'
import { run } from '../harness/command.ts'
import { project, startGate, type TestGate } from '../harness/gate.ts'
import { audience, startIssuer, type TestIssuer } from '../harness/issuer.ts'

// Client certificates made with openssl, shown with curl and Node's own client (RFC 5280, RFC 8705, RFC 9440).

let folder: string
let root: Authority
let middle: Authority
let stranger: Authority
let issuer: TestIssuer
let gate: TestGate
let good: CertificateFiles
let crl: string

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'portcullis-certificates-'))
  root = createAuthority(folder, 'root')
  middle = root.intermediate('middle')
  stranger = createAuthority(folder, 'stranger')
  good = root.issue('good', 'URI:spiffe://example.org/ns/billing/api')
  crl = root.revoke([])
  issuer = await startIssuer()
  gate = await startedGate('1000000/s')
})
after(() => gate.stop())

/** @param failures how many credentials of an address may be refused */
function startedGate(failures: string): Promise<TestGate> {
  return startGate({
    issuer,
    yaml: (upstream) => `
contract: ${JSON.stringify(`${project}/test/fixtures/certificates.yaml`)}
trustedProxies: [127.0.0.1/32]
listen:
  https:
    host: 127.0.0.1
    port: 0
    tls: { cert: ./tls/localhost.crt, key: ./tls/localhost.key }
    clientCa: ${root.cert}
    clientCrl: ${crl}
  http: { host: 127.0.0.1, port: 0, allowPlaintext: true }
upstreams: { default: { url: "${upstream.url}" } }
identity:
  bearerAuth: { type: jwt, issuer: "${issuer.issuer}", audience: "${audience}" }
  partnerCert:
    type: mutualTLS
    clients:
      - { uri: "spiffe://example.org/ns/billing/*", scopes: ["invoices:read"] }
      - { dns: erp.partner.example, scopes: ["invoices:read"] }
      - { email: ops@partner.example, scopes: ["invoices:read"] }
      - { subject: 'CN=ledger,O=Acme\\, Inc,C=SE', scopes: ["invoices:read"] }
      - { dns: reader.partner.example }
limits: [{ name: wide, by: address, rate: 1000000/s, burst: 1000000 }]
failedAuthentications: { rate: ${failures} }
`,
  })
}

/** Status of one request by curl, with this certificate. The gate's https listener trusts no proxy from elsewhere. */
async function status(
  path: string,
  shown: CertificateFiles | null,
  ...more: readonly string[]
): Promise<number> {
  return statusOf(gate, path, shown, ...more)
}

async function statusOf(
  at: TestGate,
  path: string,
  shown: CertificateFiles | null,
  ...more: readonly string[]
): Promise<number> {
  const { port } = new URL(at.gateway.addresses.https ?? '')
  const certificate = shown ? ['--cert', shown.cert, '--key', shown.key] : []
  const { stdout, stderr, code } = await run('curl', [
    ...['-s', '-o', '/dev/null', '-w', '%{http_code}', '--cacert', at.certificateFile],
    ...['--interface', '127.0.0.2', ...certificate, ...more, `https://localhost:${port}${path}`],
  ])
  assert.equal(code, 0, stderr)
  return Number(stdout)
}

async function denied(path: string, shown: CertificateFiles | null, title: string): Promise<void> {
  const seen = gate.upstream.heads
  assert.equal(await status(path, shown), 401, title)
  assert.equal(gate.upstream.heads, seen, title)
}

test('a certificate whose name a rule accepts opens the operation, with the scopes of the rule', async () => {
  assert.equal(await status('/partner', good), 200)
  const line = await gate.logged((one) => one.operation === 'getPartner' && one.event === 'request')
  assert.equal(line['enduser.id'], 'spiffe://example.org/ns/billing/api')
  assert.equal(line.issuer, 'CN=root')
  for (const [name, altNames, subject] of [
    ['erp', 'DNS:ERP.partner.example', '/CN=erp'],
    ['ops', 'email:ops@partner.example', '/CN=ops'],
    ['ledger', 'DNS:other.example', '/C=SE/O=Acme, Inc/CN=ledger'],
  ] as const)
    assert.equal(await status('/partner', root.issue(name, altNames, { subject })), 200, name)
})

test('F6 a certificate is a credential where it is asked for alone: elsewhere nothing is guessed with it', async (t) => {
  const strict = await startedGate('1/day')
  t.after(() => strict.stop())
  assert.equal(await statusOf(strict, '/token', good), 401, 'the token is missing')
  assert.equal(await statusOf(strict, '/token', null, '-H', 'Authorization: Bearer x'), 401)
  assert.equal(await statusOf(strict, '/partner', good), 429, 'the address has guessed')
  assert.equal(await statusOf(strict, '/token', null, '-H', 'Authorization: Bearer x'), 429)
  assert.equal(await statusOf(strict, '/token', good), 401, 'nothing is shown that could be verified')
})

test('a rule without the scope is 403, no certificate and no rule are 401; others do not look at it', async () => {
  const reader = root.issue('reader', 'DNS:reader.partner.example')
  const seen = gate.upstream.heads
  assert.equal(await status('/partner', reader), 403)
  assert.equal(gate.upstream.heads, seen)
  await denied('/partner', null, 'no certificate')
  const nobody = root.issue('nobody', 'DNS:nobody.example')
  await denied('/partner', nobody, 'no rule')
  assert.equal(await status('/open', nobody), 200)
})

test('E4: names that only look like those of a rule open nothing', async () => {
  const tricks: readonly (readonly [string, string])[] = [
    ['wildcard', 'DNS:*.partner.example'],
    ['prefix', 'DNS:erp.partner.example.evil.example'],
    ['other kind', 'URI:erp.partner.example'],
    ['other name', 'otherName:1.2.3.4;UTF8:erp.partner.example'],
    ['a comma in a name', '@alt\n[alt]\nURI=https://x.example/\\,DNS:erp.partner.example'],
    ['climbing', 'URI:spiffe://example.org/ns/billing/../admin'],
    ['encoded climbing', 'URI:spiffe://example.org/ns/billing/%2e%2e/admin'],
    ['another trust domain', 'URI:spiffe://example.org.evil/ns/billing/api'],
    ['the folder itself', 'URI:spiffe://example.org/ns/billing/'],
  ]
  for (const [index, [title, altNames]] of tricks.entries())
    await denied('/partner', root.issue(`trick${index}`, altNames), title)
  const commonName = root.issue('cn', 'DNS:x.example', { subject: '/CN=erp.partner.example' })
  await denied('/partner', commonName, 'a common name is no alternative name')
})

test('E4: a certificate that cannot be read is a bad credential, also where none is needed', async () => {
  assert.equal(await status('/optional', null), 200)
  assert.equal(await status('/optional', good), 200)
  const garbled = root.issue('garbled', 'DNS:erp.partner.example\nauthorityInfoAccess=DER:05:00')
  await denied('/partner', garbled, 'garbled')
  await denied('/optional', garbled, 'garbled')
  const line = await gate.logged((one) => one.reason === 'credential_invalid')
  assert.equal(line.detail, 'the certificate cannot be read')
})

test('E6: an expired certificate, and one of another authority, are refused', async () => {
  await denied('/partner', root.issue('old', 'DNS:erp.partner.example', { days: -1 }), 'expired')
  await denied('/partner', stranger.issue('good', 'DNS:erp.partner.example'), 'stranger')
})

test('an intermediate authority that comes along is followed; its list must be there too', async () => {
  const below = middle.issue('below', 'DNS:erp.partner.example')
  const chained = { cert: join(folder, 'chained.pem'), key: below.key }
  writeFileSync(chained.cert, readFileSync(below.cert, 'utf8') + readFileSync(middle.cert, 'utf8'))
  await denied('/partner', below, 'without the intermediate')
  const seen = gate.upstream.heads
  assert.equal(await status('/partner', chained), 503)
  assert.equal(gate.upstream.heads, seen)
})

test('a scheme of AND needs both, and the log names both', async () => {
  const token = await issuer.token()
  assert.equal(await status('/both', good, '-H', `Authorization: Bearer ${token}`), 200)
  const line = await gate.logged((one) => one.operation === 'getBoth')
  assert.equal(line.schemes, 'partnerCert bearerAuth')
  await denied('/both', good, 'no token')
})

test('A27: a token bound to a certificate passes with it and with no other (RFC 8705 3)', async () => {
  const other = root.issue('other', 'DNS:other.example')
  const { X509Certificate } = await import('node:crypto')
  const fingerprint = new X509Certificate(readFileSync(good.cert)).fingerprint256.replaceAll(':', '')
  const thumbprint = Buffer.from(fingerprint, 'hex').toString('base64url')
  const token = await issuer.token({ cnf: { 'x5t#S256': thumbprint } })
  const bearer = ['-H', `Authorization: Bearer ${token}`]
  assert.equal(await status('/token', good, ...bearer), 200)
  const seen = gate.upstream.heads
  assert.equal(await status('/token', other, ...bearer), 401)
  assert.equal(await status('/token', null, ...bearer), 401)
  assert.equal(gate.upstream.heads, seen)
})

test('B9: Client-Cert is believed from a trusted proxy, verified anew, and never forwarded (RFC 9440)', async () => {
  const forwarded = (file: string, ...more: readonly string[]) =>
    ask(gate, '/partner', { headers: [`Client-Cert: ${fieldOf(file)}`, ...more] })
  assert.equal((await forwarded(good.cert)).status, 200)
  const upstream = gate.upstream.seen.at(-1)?.headers.map((text) => text.toLowerCase())
  assert.ok(!upstream?.includes('client-cert'))
  const bad = stranger.issue('bad', 'DNS:erp.partner.example')
  await assertNotForwarded(gate, forwarded(bad.cert), 401, 'credential_invalid')
  const junk = ask(gate, '/partner', { headers: ['Client-Cert: junk'] })
  await assertNotForwarded(gate, junk, 400, 'malformed_request')
  // The same field from a peer that is no trusted proxy says nothing.
  const seen = gate.upstream.heads
  assert.equal(await status('/partner', null, '-H', `Client-Cert: ${fieldOf(good.cert)}`), 401)
  assert.equal(gate.upstream.heads, seen)
})

test('Client-Cert of a trusted proxy is nothing to a gate that takes no certificates', async () => {
  const bare = await startGate({ more: 'trustedProxies: [127.0.0.1/32]' })
  try {
    const headers = [`Client-Cert: ${fieldOf(good.cert)}`]
    assert.equal((await ask(bare, '/things', { token: await bare.issuer.token(), headers })).status, 200)
    await assertNotForwarded(bare, ask(bare, '/things', { headers }), 401, 'credential_missing')
  } finally {
    await bare.stop()
  }
})

test('E6: revocation cuts off a connection that stands, and a list past its end is not believed', async () => {
  const victim = root.issue('victim', 'DNS:erp.partner.example')
  const agent = new Agent({
    keepAlive: true,
    maxSockets: 1,
    ca: readFileSync(gate.certificateFile),
    cert: readFileSync(victim.cert),
    key: readFileSync(victim.key),
  })
  const { port } = new URL(gate.gateway.addresses.https ?? '')
  let sockets = 0
  const once = () =>
    new Promise<number>((resolve, reject) => {
      const asked = request(
        { host: 'localhost', port, path: '/partner', agent, localAddress: '127.0.0.2', family: 4 },
        (response) => response.resume().on('end', () => resolve(response.statusCode ?? 0)),
      )
      asked.on('error', reject)
      asked.on('socket', (socket) => {
        if (!('counted' in socket)) sockets++
        Object.assign(socket, { counted: true })
      })
      asked.end()
    })
  assert.equal(await once(), 200)
  root.revoke([victim])
  assert.ok(await gate.gateway.reload())
  assert.equal(await once(), 401)
  assert.equal(sockets, 1, 'both came over one connection')
  assert.equal(await status('/partner', good), 200)
  root.revoke([], 0)
  assert.ok(await gate.gateway.reload())
  await new Promise((resolve) => setTimeout(resolve, 1500))
  assert.equal(await status('/partner', good), 503)
  root.revoke([])
  assert.ok(await gate.gateway.reload())
  assert.equal(await status('/partner', good), 200)
  agent.destroy()
})

test('a session is not resumed where certificates are asked for', async () => {
  const { port } = new URL(gate.gateway.addresses.https ?? '')
  for (const version of ['-tls1_2', '-tls1_3']) {
    const { stdout } = await run('openssl', [
      ...['s_client', '-connect', `127.0.0.1:${port}`, version, '-reconnect'],
      ...['-cert', good.cert, '-key', good.key],
    ])
    assert.match(stdout, /New, TLSv1/)
    assert.doesNotMatch(stdout, /Reused, TLSv1/, version)
  }
})

test('an authority that cannot be used keeps the running one in force', async () => {
  const list = readFileSync(crl)
  writeFileSync(crl, 'junk')
  assert.equal(await gate.gateway.reload(), false)
  writeFileSync(crl, readFileSync(root.deltaList()))
  assert.equal(await gate.gateway.reload(), false, 'a list of changes is no list (RFC 5280 5.2)')
  writeFileSync(crl, list)
  assert.ok(await gate.gateway.reload())
})

test('listeners that would judge certificates by others than each other are refused', async () => {
  const yaml = readFileSync(gate.configurationFile, 'utf8')
  const reloaded = (files: string) => {
    gate.configure(yaml.replace('allowPlaintext: true', `allowPlaintext: true, ${files}`))
    return gate.gateway.reload()
  }
  const lines = gate.log.length
  assert.equal(await reloaded(`clientCa: ${stranger.cert}, clientCrl: ${crl}`), false)
  assert.equal(await reloaded(`clientCa: ${root.cert}`), false)
  const refusals = gate.log.slice(lines).filter(({ event }) => event === 'reload_failed')
  assert.equal(refusals.length, 2)
  for (const refused of refusals)
    assert.match(JSON.stringify(refused), /listen\.https names another clientCa, or other clientCrl/)
  assert.ok(await reloaded(`clientCa: ${root.cert}, clientCrl: ${crl}`))
  gate.configure(yaml)
  assert.ok(await gate.gateway.reload())
})

for (const [what, curves] of [
  ['a certificate', ['brainpoolP256r1']],
  ['the authority of a certificate', ['P-256', 'brainpoolP384r1']],
] as const)
  test(`${what} on a curve without a name of NIST's is refused as any other, and ends nothing (Node.js 26.10)`, async () => {
    const make = async (name: string, curve: string, ...more: readonly string[]) => {
      const files = { cert: join(folder, `${name}.crt`), key: join(folder, `${name}.key`) }
      const { code, stderr } = await run('openssl', [
        ...[
          'req',
          '-x509',
          '-newkey',
          'ec',
          '-pkeyopt',
          `ec_paramgen_curve:${curve}`,
          '-nodes',
          '-days',
          '5',
        ],
        ...['-keyout', files.key, '-out', files.cert, '-subj', `/CN=${name}`, ...more],
      ])
      assert.equal(code, 0, stderr)
      return files
    }
    const [curve, above] = curves
    const authority = above && (await make('odd-authority', above))
    const issued = authority ? ['-CA', authority.cert, '-CAkey', authority.key] : []
    const leaf = await make(`odd-${curve}`, curve, ...issued)
    const cert = [leaf, ...(authority ? [authority] : [])]
      .map((one) => readFileSync(one.cert, 'utf8'))
      .join('')
    const statusOf = (path: string) =>
      new Promise((resolve, reject) => {
        const sent = request(`${gate.gateway.addresses.https}${path}`, {
          agent: new Agent({ cert, key: readFileSync(leaf.key), ca: readFileSync(gate.certificateFile) }),
          servername: 'localhost',
          localAddress: '127.0.0.2',
        })
        sent.on('error', reject).on('response', (response) => resolve(response.resume().statusCode))
        sent.end()
      })
    assert.equal(await statusOf('/open'), 200)
    assert.equal(await statusOf('/partner'), 401)
  })
