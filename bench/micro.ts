import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RawRequest } from '../src/base/message.ts'
import { compile } from '../src/contract/compile.ts'
import { type LinkedProgram, link } from '../src/engine/link.ts'
import { openJournal } from '../src/engine/outcome.ts'
import { pipeline } from '../src/engine/pipeline.ts'
import type { Ports } from '../src/engine/ports.ts'
import { IssuerRegistry } from '../src/identity/issuer-registry.ts'
import { LedgerView } from '../src/identity/ledger-view.ts'
import { createTokenVerifier } from '../src/identity/token-verifier.ts'
import { openSqliteLedger } from '../src/stores/sqlite-ledger.ts'
import { audience, createTestKey, startIssuer } from '../test/harness/issuer.ts'
import { portsOf } from './ports.ts'
import { type Spread, shown, spreadOf } from './statistics.ts'
import { contract } from './world.ts'

interface EngineFigures {
  /** `pipeline()` with its ports and no sinks, nanoseconds for one GET. */
  readonly getNs: Spread
  readonly tenOperationsNs: Spread
  readonly thousandOperationsNs: Spread
  /** Median of the ratios of neighbouring runs. */
  readonly thousandOverTen: Spread
}

const requests = 20_000

/** The engine in this process: no sockets, no sinks. */
export async function measureEngine(rounds: number): Promise<EngineFigures> {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-bench-'))
  const key = await createTestKey('RS256', 'bench')
  const issuer = await startIssuer({ key })
  const token = await issuer.token({
    scope: 'orders:read orders:write',
    exp: Math.floor(Date.now() / 1000) + 7200,
  })
  const registry = new IssuerRegistry(() => {})
  const orders = linked(folder, 'orders', contract, issuer.issuer)
  const ten = linked(folder, 'ten', manyOperations(folder, 10), issuer.issuer)
  const thousand = linked(folder, 'thousand', manyOperations(folder, 1000), issuer.issuer)
  const tokens = createTokenVerifier(orders.program.schemes, registry)
  await tokens.started
  const ledger = new LedgerView(await openSqliteLedger(join(folder, 'keys.sqlite')), 60_000, () => {})
  await ledger.started
  const ports = portsOf(tokens, ledger, orders.program, registry)
  const get = request('/orders?status=open&limit=10', token)
  const last = (count: number) => request(`/api/group${(count - 1) % 10}/things${count - 1}/42`, token)

  const getNs: number[] = []
  const tenNs: number[] = []
  const thousandNs: number[] = []
  for (let round = -3; round < rounds; round++) {
    const own = await timed(orders, ports, get)
    const [few, many] = [await timed(ten, ports, last(10)), await timed(thousand, ports, last(1000))]
    if (round < 0) continue
    getNs.push(own)
    tenNs.push(few)
    thousandNs.push(many)
  }
  tokens.stop()
  await ledger.stop()
  await issuer.stop()
  const figures = {
    getNs: spreadOf(getNs),
    tenOperationsNs: spreadOf(tenNs),
    thousandOperationsNs: spreadOf(thousandNs),
    thousandOverTen: spreadOf(thousandNs.map((ns, index) => ns / (tenNs[index] ?? Number.NaN))),
  }
  console.log(`pipeline(), one GET: ${shown(figures.getNs)} ns`)
  console.log(
    `routing and decision with 10 operations: ${shown(figures.tenOperationsNs)} ns; with 1000: ${shown(figures.thousandOperationsNs)} ns; ratio ${shown(figures.thousandOverTen, 3)}\n`,
  )
  return figures
}

function linked(folder: string, name: string, document: string, issuer: string): LinkedProgram {
  const file = join(folder, `${name}.yaml`)
  writeFileSync(
    file,
    `contract: ${JSON.stringify(document)}
listen: { http: { port: 0, allowPlaintext: true } }
upstreams: { default: { url: "http://127.0.0.1:1" } }
identity: { bearerAuth: { type: jwt, issuer: "${issuer}", audience: "${audience}", algorithms: [RS256] } }
limits:
  - { name: per-address, by: address, rate: 1000000/s, burst: 1000000 }
  - { name: per-subject, by: subject, rate: 1000000/s, burst: 1000000 }
`,
  )
  const { program, diagnostics } = compile(file, {})
  if (!program) throw new Error(JSON.stringify(diagnostics))
  return link(program)
}

/** A document with so many operations, a hundred to a group, each with a parameter. */
function manyOperations(folder: string, count: number): string {
  const paths = Array.from({ length: count }, (_, i) => [
    `/api/group${i % 10}/things${i}/{id}`,
    {
      get: {
        operationId: `op${i}`,
        parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'integer', minimum: 1 } }],
        responses: { 200: { description: 'ok' } },
      },
    },
  ])
  const file = join(folder, `${count}.json`)
  writeFileSync(
    file,
    JSON.stringify({
      openapi: '3.1.0',
      info: { title: 'many', version: '1' },
      security: [{ bearerAuth: ['orders:read'] }],
      components: { securitySchemes: { bearerAuth: { type: 'http', scheme: 'bearer' } } },
      paths: Object.fromEntries(paths),
    }),
  )
  return file
}

function request(target: string, token: string): RawRequest {
  return {
    id: '0af7651916cd43dd8448eb211c80319c',
    receivedAtMs: Date.now(),
    peer: { address: '127.0.0.1', encrypted: false },
    method: 'GET',
    target,
    httpVersion: '1.1',
    headers: [
      'Host',
      'localhost:8080',
      'User-Agent',
      'bench',
      'Accept',
      '*/*',
      'Authorization',
      `Bearer ${token}`,
    ],
    body: { read: () => Promise.resolve({ kind: 'aborted' }) },
    trace: { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' },
  }
}

/** Nanoseconds for one request. */
async function timed(program: LinkedProgram, ports: Ports, like: RawRequest): Promise<number> {
  const startedMs = performance.now()
  for (let i = 0; i < requests; i++) {
    const one = { ...like, receivedAtMs: Date.now() }
    const outcome = await pipeline(program, ports, one, openJournal(one))
    if (outcome.kind !== 'permit') throw new Error(JSON.stringify(outcome))
  }
  return ((performance.now() - startedMs) / requests) * 1e6
}
