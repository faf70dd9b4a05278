import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createGateway, type RunningGateway } from '../../src/app/create-gateway.ts'
import { ensureDevelopmentCertificate } from '../../src/app/development-certificate.ts'
import { audience, startIssuer, type TestIssuer } from './issuer.ts'
import { patienceMs } from './until.ts'
import { startUpstream, type TestUpstream } from './upstream.ts'

/** A line of the gate's log. */
export interface LogLine {
  readonly event: string
  readonly [field: string]: unknown
}

export interface TestGate {
  readonly gateway: RunningGateway
  readonly upstream: TestUpstream
  readonly issuer: TestIssuer
  readonly folder: string
  readonly configurationFile: string
  readonly certificateFile: string
  /** Lines so far; those of a request come after its answer. */
  readonly log: readonly LogLine[]
  /** The latest line that fits, once it is there; fails after half a minute. */
  logged(fits: (line: LogLine) => boolean): Promise<LogLine>
  /** Writes the configuration anew, e.g. before a reload. */
  configure(yaml: string): void
  stop(): Promise<void>
}

export interface GateOptions {
  /** Path of an OpenAPI document; `test/fixtures/things.yaml` by default. */
  readonly contract?: string
  /** The document itself, in place of a path. */
  readonly document?: object
  /** More of the configuration, YAML, top level. */
  readonly more?: string
  /** Replaces the limits, which are wide by default so that no test meets them by accident. */
  readonly limits?: string
  /** More keys of `upstreams.default`. */
  readonly upstream?: string
  /** More keys of the identity entry. */
  readonly identity?: string
  readonly issuer?: TestIssuer
  /** One, in this thread, by default. */
  readonly workers?: number
  /** Do not wait for the keys. */
  readonly unready?: boolean
  /** Replaces the whole configuration. */
  readonly yaml?: (upstream: TestUpstream) => string
  /** Replaces listen.http. */
  readonly http?: string
}

export const things = fileURLToPath(new URL('../fixtures/things.yaml', import.meta.url))
/** A machine that is busy with other tests turns nobody away for that. */
export const patient = 'bounds: { queueDelay: 10s }'
const wide = '[{ name: wide, by: address, rate: 1000000/s, burst: 1000000 }]'

/** A gate before a recording upstream, trusting a test issuer, on free ports of loopback: https and plaintext. */
export async function startGate(options: GateOptions = {}): Promise<TestGate> {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-test-'))
  const upstream = await startUpstream()
  const issuer = options.issuer ?? (await startIssuer())
  const certificate = await ensureDevelopmentCertificate(join(folder, 'tls'))
  const configurationFile = join(folder, 'portcullis.yaml')
  const log: LogLine[] = []
  const contract = join(folder, 'openapi.json')
  if (options.document) writeFileSync(contract, JSON.stringify(options.document))
  const configure = (yaml: string) => writeFileSync(configurationFile, yaml)
  const named = options.document ? { ...options, contract } : options
  configure(options.yaml?.(upstream) ?? configurationFor(named, upstream, issuer))
  const gateway = await createGateway({
    configurationFile,
    workers: options.workers ?? Number(process.env.GATE_WORKERS ?? 1),
    log: (lines) => {
      for (const line of lines.split('\n')) if (line !== '') log.push(JSON.parse(line) as LogLine)
    },
  })
  if (!options.unready) await gateway.ready
  return {
    gateway,
    upstream,
    issuer,
    folder,
    configurationFile,
    certificateFile: certificate.cert,
    log,
    configure,
    logged: (fits) => firstOf(log, fits),
    async stop() {
      await gateway.stop()
      await upstream.stop()
      await issuer.stop()
      // What a thread wrote last may still be on its way to the disk.
      rmSync(folder, { recursive: true, force: true, maxRetries: 10 })
    },
  }
}

export function configurationFor(options: GateOptions, upstream: TestUpstream, issuer: TestIssuer): string {
  return `
contract: ${JSON.stringify(options.contract ?? things)}
listen:
  https: { host: 127.0.0.1, port: 0, tls: { cert: ./tls/localhost.crt, key: ./tls/localhost.key } }
  http: ${options.http ?? '{ host: 127.0.0.1, port: 0, allowPlaintext: true }'}
  admin: { host: 127.0.0.1, port: 0 }
upstreams:
  default: { url: "${upstream.url}", ${options.upstream ?? ''} }
identity:
  bearerAuth: { type: jwt, issuer: "${issuer.issuer}", audience: "${audience}", algorithms: [ES256], ${options.identity ?? ''} }
limits: ${options.limits ?? wide}
${options.more?.includes('failedAuthentications') ? '' : 'failedAuthentications: { rate: 1000000/s }'}
${patiently(options.more ?? '')}
`
}

function patiently(more: string): string {
  if (more.includes('queueDelay')) return more
  return more.includes('bounds: {')
    ? more.replace('bounds: {', 'bounds: { queueDelay: 10s,')
    : `${patient}\n${more}`
}

async function firstOf(log: readonly LogLine[], fits: (line: LogLine) => boolean): Promise<LogLine> {
  const untilMs = Date.now() + patienceMs
  for (;;) {
    const found = log.findLast(fits)
    if (found) return found
    if (Date.now() > untilMs)
      throw new Error(`no such line among ${log.length}: ${JSON.stringify(log.at(-1))}`)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

/** The folder of the project. */
export const project = dirname(fileURLToPath(new URL('../../package.json', import.meta.url)))

/** A gate for one test. */
export async function withGate(options: GateOptions, run: (gate: TestGate) => Promise<void>): Promise<void> {
  const gate = await startGate(options)
  try {
    await run(gate)
  } finally {
    await gate.stop()
  }
}
