import { createPublicKey, verify } from 'node:crypto'
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
import { createFirstSights } from '../src/identity/first-sights.ts'
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
  /** The signature alone, measured in turn with it; null where none is verified. */
  readonly signatureUs: Spread | null
  /** Of one round to the signature alone in that round: the machine's slow minutes are in both. */
  readonly timesSignature: Spread | null
}

interface Case {
  readonly name: string
  readonly targetUs: number | null
  readonly path: string
  readonly credentials: readonly string[]
  /** Verifies the signature of a token, with nothing around it; null for credentials that were seen before. */
  readonly signature: ((index: number) => void) | null
}

const keyCount = 1000
const tokenCount = 2000
const warmRequests = 50_000
/** First sights and signatures alone, in turn. */
const sliceRequests = 100

/**
 * `authenticate()` on its ports: verifiers with real key sets, a ledger of keys and revocations in SQLite.
 *
 * First sight: every token is another one, and the verifier is new in each round; the other ports are not, so that what
 * it takes to make them is in no figure. They come without a pause, so what they take of a turn is measured and not
 * bounded. Warm: the same tokens, seen before.
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
  const cases: readonly Case[] = [
    {
      name: 'RS256 token, first sight',
      targetUs: 60,
      path: '/rs',
      credentials: tokens.rs,
      signature: signatureOf(issuers.rs, tokens.rs),
    },
    {
      name: 'ES256 token, first sight',
      targetUs: 110,
      path: '/es',
      credentials: tokens.es,
      signature: signatureOf(issuers.es, tokens.es),
    },
    {
      name: 'RS256 token, cached',
      targetUs: 3,
      path: '/rs',
      credentials: tokens.rs.slice(0, 1),
      signature: null,
    },
    {
      name: `${tokenCount} cached tokens in turn`,
      targetUs: null,
      path: '/rs',
      credentials: tokens.rs,
      signature: null,
    },
    { name: 'API key, one of a thousand', targetUs: 4, path: '/key', credentials: keys, signature: null },
  ]
  const shared = portsOf(holder, view, linked.program, registry)
  const samples = cases.map((): { readonly own: number[]; readonly alone: number[] } => ({
    own: [],
    alone: [],
  }))
  for (let round = -2; round < rounds; round++) {
    for (const [index, { path, credentials, signature }] of cases.entries()) {
      const verifier = createTokenVerifier(
        linked.program.schemes,
        registry,
        null,
        createFirstSights(Infinity),
      )
      await verifier.started
      const ports = { ...shared, tokens: verifier }
      const presented = credentials.map((credential) => presentation(path, credential))
      const one = decideAs(securityOf(linked, path), presented, ports)
      const { ownUs, aloneUs } = signature
        ? timedInTurn(one, signature, presented.length)
        : timedWarm(one, presented.length)
      verifier.stop()
      if (round < 0) continue
      samples[index]?.own.push(ownUs)
      if (aloneUs !== null) samples[index]?.alone.push(aloneUs)
    }
  }
  holder.stop()
  await view.stop()
  await issuers.rs.stop()
  await issuers.es.stop()
  rmSync(folder, { recursive: true })
  const figures = cases.map(({ name, targetUs, signature }, index): Line => {
    const { own, alone } = samples[index] ?? { own: [], alone: [] }
    const ratios = own.map((us, round) => us / (alone[round] ?? Number.NaN))
    return {
      name,
      targetUs,
      cpuUs: spreadOf(own),
      signatureUs: signature && spreadOf(alone),
      timesSignature: signature && spreadOf(ratios),
    }
  })
  const rows = figures.map(({ name, targetUs, cpuUs, signatureUs, timesSignature }) => [
    name,
    shown(cpuUs, 2),
    targetUs === null ? '' : String(targetUs),
    signatureUs ? shown(signatureUs, 2) : '',
    timesSignature ? shown(timesSignature, 2) : '',
  ])
  console.log(
    `authenticate()\n${table([['', 'CPU µs/request', 'at most', 'signature alone', 'times it'], ...rows])}\n`,
  )
  return figures
}

type Step = (index: number) => void

function decideAs(security: LinkedSecurity, presented: readonly Presentation[], ports: Ports): Step {
  const nowMs = Date.now()
  return (index) => {
    const decision = authenticate(security, presented[index % presented.length] as Presentation, ports, nowMs)
    if (decision instanceof Promise || !decision.allow) throw new Error(JSON.stringify(decision))
  }
}

interface Timed {
  readonly ownUs: number
  readonly aloneUs: number | null
}

function timedInTurn(one: Step, alone: Step, requests: number): Timed {
  let [ownUs, aloneUs] = [0, 0]
  for (let from = 0; from < requests; from += sliceRequests) {
    aloneUs += cpuUsOf(alone, from, from + sliceRequests)
    ownUs += cpuUsOf(one, from, from + sliceRequests)
  }
  return { ownUs: ownUs / requests, aloneUs: aloneUs / requests }
}

function timedWarm(one: Step, credentials: number): Timed {
  cpuUsOf(one, 0, credentials)
  return { ownUs: cpuUsOf(one, 0, warmRequests) / warmRequests, aloneUs: null }
}

/** CPU time of this process, its garbage collector included. */
function cpuUsOf(step: Step, from: number, end: number): number {
  const before = process.cpuUsage()
  for (let index = from; index < end; index++) step(index)
  const { user, system } = process.cpuUsage(before)
  return user + system
}

/** What node:crypto takes for the signatures of these tokens. */
function signatureOf({ key: { jwk } }: TestIssuer, tokens: readonly string[]): Step {
  const key = createPublicKey({ key: jwk as Record<string, unknown>, format: 'jwk' })
  const parts = tokens.map((token) => {
    const end = token.lastIndexOf('.')
    return {
      signed: Buffer.from(token.slice(0, end)),
      signature: Buffer.from(token.slice(end + 1), 'base64url'),
    }
  })
  return (index) => {
    const { signed, signature } = parts[index] as (typeof parts)[number]
    if (!verify('sha256', signed, { key, dsaEncoding: 'ieee-p1363' }, signature))
      throw new Error('the signature is wrong')
  }
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
