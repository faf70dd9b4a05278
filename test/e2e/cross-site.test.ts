import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { ask, assertNotForwarded } from '../harness/ask.ts'
import { type CertificateFiles, createAuthority } from '../harness/certificates.ts'
import { portcullis, run } from '../harness/command.ts'
import { startGate, type TestGate } from '../harness/gate.ts'
import { until } from '../harness/until.ts'

// Credentials that a browser adds by itself to whatever a page makes it send (CWE-352).

const publicUrl = 'https://api.example.com'
const own = { responses: { 200: { description: 'ok' } }, requestBody: formBody() }
let folder: string
let gate: TestGate
let certificate: CertificateFiles
let basic: string

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'portcullis-cross-site-'))
  const root = createAuthority(folder, 'root')
  certificate = root.issue('client', 'DNS:client.example')
  const hashed = (await portcullis(['keys', 'hash-password'], { input: 'correct horse battery\n' })).stdout
  basic = `Authorization: Basic ${Buffer.from('olga:correct horse battery').toString('base64')}`
  gate = await startGate({
    document: {
      openapi: '3.1.0',
      info: { title: 'cross-site', version: '1' },
      paths: {
        '/basic': { post: { security: [{ operator: [] }], ...own } },
        '/key': { post: { security: [{ cookieKey: [] }], ...own } },
        '/certificate': { post: { security: [{ partner: [] }], ...own } },
      },
      components: {
        securitySchemes: {
          operator: { type: 'http', scheme: 'basic' },
          partner: { type: 'mutualTLS' },
          cookieKey: { type: 'apiKey', in: 'cookie', name: 'key' },
        },
      },
    },
    yaml: (upstream) => `
contract: ./openapi.json
publicUrl: "${publicUrl}"
listen:
  https:
    host: 127.0.0.1
    port: 0
    tls: { cert: ./tls/localhost.crt, key: ./tls/localhost.key }
    clientCa: ${root.cert}
  http: { host: 127.0.0.1, port: 0, allowPlaintext: true }
upstreams: { default: { url: "${upstream.url}" } }
identity:
  operator: { type: basic, users: { olga: { password: "${hashed.trim()}" } } }
  cookieKey: { type: apiKey }
  partner: { type: mutualTLS, clients: [{ dns: client.example }] }
limits: [{ name: wide, by: address, rate: 1000000/s, burst: 1000000 }]
failedAuthentications: { rate: 1000000/s }
`,
  })
})
after(async () => {
  await gate.stop()
  rmSync(folder, { recursive: true, force: true })
})

const foreign: readonly (readonly string[])[] = [
  ['Sec-Fetch-Site: cross-site', 'Origin: https://evil.example'],
  ['Sec-Fetch-Site: cross-site', 'Sec-Fetch-Mode: navigate', 'Sec-Fetch-Dest: document', 'Origin: null'],
  ['Sec-Fetch-Site: same-site', 'Origin: https://other.example.com'],
  ['Origin: https://evil.example'],
]
const ownPage = ['Sec-Fetch-Site: same-origin', `Origin: ${publicUrl}`]

test('a password that the browser added to the form of another site opens nothing (CWE-352)', async () => {
  const post = (headers: readonly string[]) =>
    ask(gate, '/basic', {
      method: 'POST',
      headers: [basic, ...headers],
      body: 'a=1',
      contentType: 'application/x-www-form-urlencoded',
    })
  for (const headers of foreign) await assertNotForwarded(gate, post(headers), 403, 'cross_site')
  const before = gate.upstream.heads
  for (const headers of [ownPage, []]) assert.equal((await post(headers)).status, 200)
  assert.equal(gate.upstream.heads, before + 2)
})

test('a key that the browser added as a cookie to the form of another site opens nothing (CWE-352)', async () => {
  const made = await portcullis(['keys', 'create', '--name', 'page', '--json', '-c', gate.configurationFile])
  const { key } = JSON.parse(made.stdout) as { readonly key: string }
  const post = (headers: readonly string[]) =>
    ask(gate, '/key', {
      method: 'POST',
      headers: [`Cookie: key=${key}`, ...headers],
      body: 'a=1',
      contentType: 'application/x-www-form-urlencoded',
    })
  await until(async () => (await post([])).status === 200, 'the key is known')
  for (const headers of foreign) await assertNotForwarded(gate, post(headers), 403, 'cross_site')
  for (const headers of [ownPage, []]) assert.equal((await post(headers)).status, 200)
})

test('a client certificate that the browser showed for the form of another site opens nothing (CWE-352)', async () => {
  const before = gate.upstream.heads
  for (const headers of foreign) {
    assert.equal(await statusOf(headers), 403)
    assert.equal(gate.log.findLast(({ event }) => event === 'denied')?.reason, 'cross_site')
  }
  assert.equal(gate.upstream.heads, before)
  for (const headers of [ownPage, []]) assert.equal(await statusOf(headers), 200)
  assert.equal(gate.upstream.heads, before + 2)
})

/** Status of a form posted by curl with the certificate. */
async function statusOf(headers: readonly string[]): Promise<number> {
  const { port } = new URL(gate.gateway.addresses.https ?? '')
  const { stdout, stderr } = await run('curl', [
    // The gate's own certificate is for localhost.
    ...['-sS', '-o', '/dev/null', '-w', '%{http_code}', '--insecure'],
    ...['--cert', certificate.cert, '--key', certificate.key, '-d', 'a=1'],
    ...['--connect-to', `api.example.com:443:127.0.0.1:${port}`],
    ...headers.flatMap((field) => ['-H', field]),
    `${publicUrl}/certificate`,
  ])
  assert.match(stdout, /^\d{3}$/, stderr)
  return Number(stdout)
}

function formBody() {
  const schema = { type: 'object', properties: { a: { type: 'integer' } } }
  return { content: { 'application/x-www-form-urlencoded': { schema } } }
}
