import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createKey } from '../src/app/manage-keys.ts'
import { parseIp } from '../src/base/ip.ts'
import { compile } from '../src/contract/compile.ts'
import { authenticate, type LinkedSecurity } from '../src/engine/authenticate/authenticate.ts'
import type { Presentation } from '../src/engine/authenticate/scheme.ts'
import { type LinkedProgram, link } from '../src/engine/link.ts'
import { normalizeTarget } from '../src/engine/normalize/normalize-target.ts'
import { parseFields } from '../src/engine/parse/parse-fields.ts'
import type { Ports } from '../src/engine/ports.ts'
import { IssuerRegistry } from '../src/identity/issuer-registry.ts'
import { LedgerView } from '../src/identity/ledger-view.ts'
import { createTokenVerifier } from '../src/identity/token-verifier.ts'
import { openSqliteLedger } from '../src/stores/sqlite-ledger.ts'
import { audience, createTestKey, startIssuer, type TestIssuer } from '../test/harness/issuer.ts'
import { portsOf } from './ports.ts'
import { type Spread, shown, spreadOf, table } from './statistics.ts'

/** CPU time of `authenticate()` for one request, microseconds. */
interface Line {
  readonly name: string
  /** Null where none is set. */
  readonly targetUs: number | null
  readonly cpuUs: Spread
}

const keyCount = 1000
const tokenCount = 2000
const warmRequests = 50_000

/**
 * `authenticate()` on its ports: verifiers with real key sets, a ledger of keys and revocations in SQLite.
 *
 * First sight: every token is another one, and the verifier is new in each round. Warm: the same tokens, seen before.
 */
export async function measureIdentity(rounds: number): Promise<readonly Line[]> {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-bench-'))
  const issuers = {
    rs: await startIssuer({ key: await createTestKey('RS256', 'rs') }),
    es: await startIssuer({ key: await createTestKey('ES256', 'es') }),
  }
  const ledger = await openSqliteLedger(join(folder, 'keys.sqlite'))
  const keys = await fill(ledger, issuers.rs.issuer)
  const view = new LedgerView(ledger, 60_000, () => {})
  await view.started
  const registry = new IssuerRegistry(() => {})
  const linked = program(folder, issuers)
  // Held so that a verifier of a round finds the key sets at hand.
  const holder = createTokenVerifier(linked.program.schemes, registry)
  await holder.started
  const tokens = { rs: await tokensOf(issuers.rs), es: await tokensOf(issuers.es) }
  const lines = [
    { name: 'RS256 token, first sight', targetUs: 60, path: '/rs', credentials: tokens.rs, fresh: true },
    { name: 'ES256 token, first sight', targetUs: 110, path: '/es', credentials: tokens.es, fresh: true },
    {
      name: 'RS256 token, cached',
      targetUs: 3,
      path: '/rs',
      credentials: tokens.rs.slice(0, 1),
      fresh: false,
    },
    {
      name: `${tokenCount} cached tokens in turn`,
      targetUs: null,
      path: '/rs',
      credentials: tokens.rs,
      fresh: false,
    },
    { name: 'API key, one of a thousand', targetUs: 4, path: '/key', credentials: keys, fresh: false },
  ]
  const samples = lines.map((): number[] => [])
  for (let round = -2; round < rounds; round++) {
    for (const [index, { path, credentials, fresh }] of lines.entries()) {
      const verifier = createTokenVerifier(linked.program.schemes, registry)
      await verifier.started
      const ports = portsOf(verifier, view, linked.program, registry)
      const presented = credentials.map((credential) => presentation(path, credential))
      const security = securityOf(linked, path)
      if (!fresh) timed(security, presented, ports, presented.length)
      const cpuUs = timed(security, presented, ports, fresh ? presented.length : warmRequests)
      verifier.stop()
      if (round >= 0) samples[index]?.push(cpuUs)
    }
  }
  holder.stop()
  await view.stop()
  await issuers.rs.stop()
  await issuers.es.stop()
  rmSync(folder, { recursive: true })
  const figures = lines.map(({ name, targetUs }, index) => ({
    name,
    targetUs,
    cpuUs: spreadOf(samples[index] ?? []),
  }))
  const rows = figures.map(({ name, targetUs, cpuUs }) => [
    name,
    shown(cpuUs, 2),
    targetUs === null ? '' : String(targetUs),
  ])
  console.log(`authenticate()\n${table([['', 'CPU µs/request', 'at most'], ...rows])}\n`)
  return figures
}

/** CPU time of this process, its garbage collector included, for one request. */
function timed(
  security: LinkedSecurity,
  presented: readonly Presentation[],
  ports: Ports,
  requests: number,
): number {
  const nowMs = Date.now()
  const before = process.cpuUsage()
  for (let i = 0; i < requests; i++) {
    const decision = authenticate(security, presented[i % presented.length] as Presentation, ports, nowMs)
    if (decision instanceof Promise || !decision.allow) throw new Error(JSON.stringify(decision))
  }
  const { user, system } = process.cpuUsage(before)
  return (user + system) / requests
}

/** Keys of the scheme, and as many revoked tokens that are not asked for. */
async function fill(
  ledger: Awaited<ReturnType<typeof openSqliteLedger>>,
  issuer: string,
): Promise<readonly string[]> {
  const texts: string[] = []
  for (let i = 0; i < keyCount; i++) {
    const wish = { scheme: 'key', name: `key ${i}`, owner: `owner-${i}`, scopes: ['orders:read'] }
    const limits = { operations: [], addresses: [], expiresMs: null }
    texts.push((await createKey(ledger, { ...wish, ...limits }, Date.now())).text)
  }
  const revocations = Array.from({ length: keyCount }, (_, i) => ({
    id: `revocation-${i}`,
    issuer,
    kind: 'token' as const,
    value: `revoked-${i}`,
    issuedBeforeMs: null,
    createdMs: Date.now(),
    restoredMs: null,
  }))
  await ledger.write({ revocations })
  return texts
}

function tokensOf(issuer: TestIssuer): Promise<readonly string[]> {
  const exp = Math.floor(Date.now() / 1000) + 3600
  return Promise.all(
    Array.from({ length: tokenCount }, (_, i) =>
      issuer.token({ sub: `user-${i}`, scope: 'orders:read orders:write', exp }),
    ),
  )
}

function program(folder: string, { rs, es }: { rs: TestIssuer; es: TestIssuer }): LinkedProgram {
  const operation = (scheme: string) => ({
    get: {
      operationId: scheme,
      security: [{ [scheme]: ['orders:read'] }],
      responses: { 200: { description: 'ok' } },
    },
  })
  const document = join(folder, 'openapi.json')
  const file = join(folder, 'portcullis.yaml')
  writeFileSync(
    document,
    JSON.stringify({
      openapi: '3.1.0',
      info: { title: 'identity', version: '1' },
      components: {
        securitySchemes: {
          rs: { type: 'http', scheme: 'bearer' },
          es: { type: 'http', scheme: 'bearer' },
          key: { type: 'apiKey', in: 'header', name: 'X-API-Key' },
        },
      },
      paths: { '/rs': operation('rs'), '/es': operation('es'), '/key': operation('key') },
    }),
  )
  writeFileSync(
    file,
    `contract: ./openapi.json
listen: { http: { port: 0, allowPlaintext: true } }
upstreams: { default: { url: "http://127.0.0.1:1" } }
identity:
  rs: { type: jwt, issuer: "${rs.issuer}", audience: "${audience}", algorithms: [RS256] }
  es: { type: jwt, issuer: "${es.issuer}", audience: "${audience}", algorithms: [ES256] }
  key: { type: apiKey }
`,
  )
  const { program: compiled, diagnostics } = compile(file, {})
  if (!compiled) throw new Error(JSON.stringify(diagnostics))
  return link(compiled)
}

function securityOf({ operations }: LinkedProgram, path: string): LinkedSecurity {
  const found = operations.find(({ plan }) => plan.id === path.slice(1))
  if (!found) throw new Error(`no operation at ${path}`)
  return found.security
}

/** The credential is a text of its own, as it comes off the wire. */
function presentation(path: string, credential: string): Presentation {
  const text = Buffer.from(path === '/key' ? credential : `Bearer ${credential}`).toString('latin1')
  const fields = parseFields(['Host', 'localhost', path === '/key' ? 'X-API-Key' : 'Authorization', text])
  const target = normalizeTarget(path)
  const address = parseIp('127.0.0.1')
  if (!fields.allow || !target.allow || !address) throw new Error('the request cannot be read')
  return {
    method: 'GET',
    target: target.value,
    fields: fields.value,
    cookies: new Map(),
    certificate: null,
    client: { address, viaTrustedProxy: false, forwardingIgnored: false },
  }
}
