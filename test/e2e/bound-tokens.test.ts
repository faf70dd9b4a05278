import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { ensureDevelopmentCertificate } from '../../src/app/development-certificate.ts'
import { startAuthorizationServer } from '../../src/demo/authorization-server.ts'
import { createParties, ordersAudience } from '../../src/demo/parties.ts'
import { type CertificateFiles, createAuthority } from '../harness/certificates.ts'
import { run } from '../harness/command.ts'
import { project, startGate } from '../harness/gate.ts'

test('a token that a real authorization server bound to a certificate passes with it and with no other (RFC 8705 3; A27)', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-bound-'))
  const root = createAuthority(folder, 'root')
  const [own, other] = [root.issue('own', 'DNS:own.example'), root.issue('other', 'DNS:other.example')]
  const front = await ensureDevelopmentCertificate(join(folder, 'front'))
  const parties = createParties()
  const issuer = await startAuthorizationServer(parties, 0)
  const tls = { cert: readFileSync(front.cert), key: readFileSync(front.key), requestCert: true }
  const door = createServer({ ...tls, ca: readFileSync(root.cert), rejectUnauthorized: true }, issuer.serve)
  await new Promise<void>((resolve) => door.listen(0, '127.0.0.1', resolve))
  const gate = await startGate({
    yaml: (upstream) => `
contract: ${JSON.stringify(`${project}/test/fixtures/certificates.yaml`)}
listen:
  https:
    host: 127.0.0.1
    port: 0
    tls: { cert: ./tls/localhost.crt, key: ./tls/localhost.key }
    clientCa: ${root.cert}
upstreams: { default: { url: "${upstream.url}" } }
identity:
  bearerAuth: { type: jwt, issuer: "${issuer.issuer}", audience: "${ordersAudience}", senderConstraint: mutualTLS }
  partnerCert: { type: mutualTLS, anyTrusted: true }
`,
  })
  try {
    const { partner } = parties.services
    const { stdout } = await run('curl', [
      ...['-s', '--cacert', front.cert, '--cert', own.cert, '--key', own.key],
      ...['-u', `${partner.id}:${partner.secret}`, '-d', 'grant_type=client_credentials'],
      ...['-d', `resource=${ordersAudience}`, '-d', 'scope=orders:read'],
      `https://localhost:${(door.address() as AddressInfo).port}/token`,
    ])
    const { access_token: token } = JSON.parse(stdout) as { readonly access_token?: string }
    assert.ok(token, stdout)
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as {
      readonly cnf?: object
    }
    assert.deepEqual(Object.keys(claims.cnf ?? {}), ['x5t#S256'])
    const status = async (shown: CertificateFiles | null) => {
      const { port } = new URL(gate.gateway.addresses.https ?? '')
      const certificate = shown ? ['--cert', shown.cert, '--key', shown.key] : []
      const answered = await run('curl', [
        ...['-s', '-o', '/dev/null', '-w', '%{http_code}', '--cacert', gate.certificateFile],
        ...[...certificate, '-H', `Authorization: Bearer ${token}`, `https://localhost:${port}/anyToken`],
      ])
      return Number(answered.stdout)
    }
    assert.equal(await status(own), 200)
    const seen = gate.upstream.heads
    assert.equal(await status(other), 401)
    assert.equal(await status(null), 401)
    assert.equal(gate.upstream.heads, seen)
  } finally {
    await gate.stop()
    door.close()
    door.closeAllConnections()
    await issuer.stop()
  }
})
