import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { Json } from '../../base/json.ts'
import { isJsonObject } from '../../base/json.ts'
import { nearest } from '../../base/nearest.ts'
import { priorities } from '../../program/program.ts'
import type { Settings } from '../../program/settings.ts'
import type { Report } from '../report.ts'
import { Section } from '../section.ts'
import { readSource } from '../source.ts'
import { readBounds } from './bounds.ts'
import type { Configuration, ContractEntry, SecurityDefault } from './configuration.ts'
import { readDelay } from './delay.ts'
import { readNamedFile, readPath } from './files.ts'
import { readIdentity } from './identity/identity.ts'
import { keys } from './keys.ts'
import { readLedger } from './ledger.ts'
import { defaultLimits, readFailedAuthentications, readLimits } from './limits.ts'
import { readListen } from './listen.ts'
import { readLog } from './log.ts'
import { noAddresses, readAddresses, readCors, readNetworks } from './policy.ts'
import { readState } from './state.ts'
import { readTelemetry } from './telemetry.ts'
import { readTrail, readTrailDefault } from './trail.ts'
import { readUpstreams } from './upstreams.ts'
import { readConfiguredValidation } from './validation.ts'

/**
 * Reads `portcullis.yaml`. Everything that is wrong is reported at once; with any error there is no configuration.
 * @param file absolute path
 * @param env where `${NAME}` references are looked up
 */
export function readConfiguration(
  file: string,
  env: NodeJS.ProcessEnv,
  report: Report,
): Configuration | null {
  const root = openRoot(file, report)
  if (!root) return null
  root.expect(keys.root)
  const upstreams = readUpstreams(root)
  const listen = readListen(root, env)
  const { maxFields, ...bounds } = readBounds(root)
  const settings = {
    listen,
    state: readState(root, env),
    ...readPlace(root, env),
    log: readLog(root),
    telemetry: readTelemetry(root, env),
    bounds,
    drainDelayMs: readDelay(root, 'drainDelay') ?? 0,
    stopTimeoutMs: readDelay(root, 'stopTimeout') ?? 30_000,
    upstreams: Object.fromEntries([...upstreams].map(([name, upstream]) => [name, upstream.settings])),
    secrets: {},
  }
  const configuration: Configuration = {
    file,
    contracts: readContracts(root, [...upstreams.keys()]),
    settings,
    upstreams: Object.fromEntries([...upstreams].map(([name, upstream]) => [name, upstream.plan])),
    identity: readIdentity(root, env),
    limits: readLimits(root, 'door') ?? defaultLimits,
    failedAuthentications: readFailedAuthentications(root),
    maxFields,
    priority: root.choice('priority', priorities) ?? 'normal',
    security: readSecurity(root),
    securityPosition: root.has('security') ? root.position('security') : null,
    validate: readConfiguredValidation(root),
    decidesCookies: root.child('validate')?.has('undeclaredCookies') ?? false,
    allowWeakening: root.flag('allowWeakening') ?? false,
    trustedProxies: readNetworks(root, 'trustedProxies') ?? [],
    addresses: readAddresses(root) ?? noAddresses,
    hosts: root.texts('hosts') ?? [],
    publicUrl: root.parsed('publicUrl', parsePublicUrl, 'an origin such as https://api.example.com') ?? null,
    cors: readCors(root) ?? null,
    trail: readTrailDefault(root),
  }
  return configuration
}

/** What of the settings says where things are kept. */
type Place = Pick<Settings, 'ledger' | 'stateDir' | 'trail'>

/** The part that says where ledger and trail are; null after a report. */
export function readLedgerPlace(file: string, env: NodeJS.ProcessEnv, report: Report): Place | null {
  const root = openRoot(file, report)
  return root && readPlace(root, env)
}

function readPlace(root: Section, env: NodeJS.ProcessEnv): Place {
  const stateDir = readPath(root, 'stateDir') ?? resolve(dirname(root.source.file), '.portcullis')
  return { stateDir, ledger: readLedger(root, env), trail: readTrail(root, env) }
}

function openRoot(file: string, report: Report): Section | null {
  let text: string
  report.looksAt(file)
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const why =
      code === 'ENOENT' ? 'does not exist' : code === 'EISDIR' ? 'is a folder' : `cannot be read (${code})`
    report.error(
      'file-unreadable',
      { file, line: 1, column: 1 },
      `${file} ${why}`,
      'write one with `portcullis init OPENAPI`, or name it with -c FILE',
    )
    return null
  }
  const { source, diagnostics } = readSource(file, text)
  for (const diagnostic of diagnostics) report.add(diagnostic)
  if (!source) return null
  if (isJsonObject(source.value)) return new Section(source, '', source.value, report)
  report.error(
    'value-invalid',
    source.position(''),
    'the configuration must be a mapping',
    'write contract: ./openapi.yaml',
  )
  return null
}

function readContracts(root: Section, upstreams: readonly string[]): readonly ContractEntry[] {
  if (!root.require('contract', './openapi.yaml')) return []
  if (typeof root.get('contract') === 'string') {
    const named = readNamedFile(root, 'contract')
    if (!named) return []
    checkUpstream(root, 'contract', 'default', upstreams)
    const position = root.position('contract')
    return [
      {
        name: 'default',
        file: named.path,
        basePath: null,
        stripBasePath: false,
        upstream: 'default',
        cors: null,
        addresses: null,
        position,
      },
    ]
  }
  const names = new Set<string>()
  return (root.items('contract') ?? []).flatMap((section) => {
    section.expect(keys.contract)
    const complete = section.require('name', 'orders') && section.require('file', './openapi.yaml')
    const name = section.text('name')
    const named = readNamedFile(section, 'file')
    const basePath = section.parsed('basePath', parseBasePath, 'a path such as /v1, or /')
    const upstream = section.text('upstream') ?? 'default'
    checkUpstream(section, section.has('upstream') ? 'upstream' : 'name', upstream, upstreams)
    if (!complete || name === undefined || !named) return []
    if (names.has(name))
      section.problem(
        'name',
        'contract-duplicate',
        `a contract called ${name} stands above`,
        'give it another name',
      )
    names.add(name)
    return [
      {
        name,
        file: named.path,
        basePath: basePath ?? null,
        stripBasePath: section.flag('stripBasePath') ?? false,
        upstream,
        cors: readCors(section) ?? null,
        addresses: readAddresses(section) ?? null,
        position: section.position(),
      },
    ]
  })
}

function checkUpstream(section: Section, key: string, name: string, upstreams: readonly string[]): void {
  if (upstreams.includes(name)) return
  const meant = nearest(name, upstreams)
  section.problem(
    key,
    'upstream-unknown',
    `there is no upstream called ${name}`,
    meant ? `did you mean ${meant}?` : `write upstreams.${name}.url`,
  )
}

/** '' for the root; no trailing slash otherwise. */
function parseBasePath(text: string): string | null {
  if (text === '/') return ''
  return /^(?:\/[A-Za-z0-9\-._~!$&'()*+,=:@]+)+$/.test(text) ? text : null
}

function parsePublicUrl(text: string): string | null {
  return URL.canParse(text) && new URL(text).origin === text && /^https?:/.test(text) ? text : null
}

/** OpenAPI's own spelling: a list of alternatives, each naming schemes and their scopes. */
function readSecurity(root: Section): readonly SecurityDefault[] | null {
  const items = root.items('security')
  if (!items) return null
  return items.map((section) => {
    const entries = Object.entries(section.value).map(([scheme, scopes]): [string, readonly string[]] => {
      const list = Array.isArray(scopes) && scopes.every((scope: Json) => typeof scope === 'string')
      if (!list) section.wrong(scheme, 'a list of scopes, [] for none')
      return [scheme, list ? (scopes as string[]) : []]
    })
    return Object.fromEntries(entries)
  })
}
