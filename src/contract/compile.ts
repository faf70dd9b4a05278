import { resolve } from 'node:path'
import type { JsonSchema } from '../base/json.ts'
import { deepFreeze, digestOf } from '../program/digest.ts'
import type { OperationPlan, Program, SourcePosition } from '../program/program.ts'
import type { SenderConstraint } from '../program/schemes.ts'
import type { Settings } from '../program/settings.ts'
import { checkSessions } from './check-sessions.ts'
import { type CompileContext, compileDocument } from './compile-document.ts'
import type { Configuration } from './configuration/configuration.ts'
import { isAddressOnly } from './configuration/limits.ts'
import { isLoopback } from './configuration/listen.ts'
import { readConfiguration } from './configuration/read-configuration.ts'
import type { Diagnostic } from './diagnostic.ts'
import { Documents } from './documents.ts'
import { LimitTable } from './limit-table.ts'
import { Report } from './report.ts'
import { checkOwnOrigin, gatherResources } from './resources.ts'
import { settleOperations } from './settle-operations.ts'

export interface Compiled {
  /** Null when there is any error. */
  readonly program: Program | null
  readonly settings: Settings | null
  /** Everything that is wrong, by file, line and column. */
  readonly diagnostics: readonly Diagnostic[]
  readonly summary: Summary
  /** All that was looked at, also what was not there: nothing else changes the outcome. Absolute. */
  readonly files: readonly string[]
}

/** What a person wants to know of a contract at a glance. */
export interface Summary {
  readonly operations: number
  readonly public: number
  readonly optional: number
  readonly decidedByConfiguration: number
}

/**
 * Compiles configuration and contracts to the program. Reads files and never the network.
 * @param configurationFile path of `portcullis.yaml`
 * @param env where secrets of the configuration are looked up
 */
export function compile(configurationFile: string, env: NodeJS.ProcessEnv): Compiled {
  const report = new Report()
  const configuration = readConfiguration(resolve(configurationFile), env, report)
  if (!configuration) {
    const diagnostics = report.sorted()
    return { program: null, settings: null, diagnostics, summary: summarize([]), files: report.files }
  }
  const limits = new LimitTable()
  limits.reserve(configuration.failedAuthentications.name)
  const indexes = limits.addAll(configuration.limits, 'portcullis')
  const atTheDoor = indexes.filter((index) => isAddressOnly(limits.limits[index]?.by ?? []))
  const context: CompileContext = {
    configuration,
    documents: new Documents(report),
    report,
    limits,
    doorLimits: atTheDoor,
    commonLimits: indexes.filter((index) => !atTheDoor.includes(index)),
    schemes: new Map(),
  }
  const compiled = configuration.contracts.map((entry) => compileDocument(entry, context))
  const operations = settleOperations(
    compiled.map((document) => document.operations),
    report,
  )
  const origin = configuration.publicUrl ?? loopbackOrigin(configuration)
  checkOwnOrigin(origin, operations, context.schemes, report)
  checkSessions(configuration, origin, operations, context.schemes, report)
  checkAuthorities(configuration, operations, context)
  reportUnused(configuration, context)
  const settings = {
    ...configuration.settings,
    secrets: Object.fromEntries([...context.schemes].map(([name, { secrets }]) => [name, secrets])),
  }
  const diagnostics = report.sorted()
  const summary = summarize(operations)
  const { files } = report
  if (report.hasErrors) return { program: null, settings: null, diagnostics, summary, files }
  const definitions = Object.assign({}, ...compiled.map(({ definitions: own }) => own)) as {
    [name: string]: JsonSchema
  }
  const program = {
    operations,
    definitions,
    schemes: Object.fromEntries([...context.schemes].map(([name, { plan }]) => [name, plan])),
    limits: limits.limits,
    resources: gatherResources(configuration.contracts, compiled, operations, context.schemes),
    upstreams: Object.fromEntries(
      Object.entries(configuration.upstreams).map(([name, { timeoutMs: _, ...plan }]) => [name, plan]),
    ),
    admission: {
      maxFields: configuration.maxFields,
      trustedProxies: configuration.trustedProxies,
      addresses: configuration.addresses,
      hosts: configuration.hosts,
      publicUrl: configuration.publicUrl,
      origin,
      limits: atTheDoor,
      failedAuthentications: configuration.failedAuthentications,
    },
  }
  return {
    program: deepFreeze({ digest: digestOf(program), ...program }),
    settings: deepFreeze(settings),
    diagnostics,
    summary,
    files,
  }
}

/** A certificate nobody vouches for is no credential, and without authorities no client is asked for one. */
function checkAuthorities(
  { settings: { listen }, identity }: Configuration,
  operations: readonly OperationPlan[],
  { schemes, configuration: { file }, report }: CompileContext,
): void {
  if ((listen.https?.clientCa ?? null) !== null || (listen.http?.clientCa ?? null) !== null) return
  const missing = (position: SourcePosition, message: string): void =>
    report.error('authority-missing', position, message, 'write listen.https.clientCa: ./tls/clients.pem')
  const isOnlyWay = (ways: readonly SenderConstraint[]): boolean =>
    ways.length > 0 && ways.every((way) => way === 'mutualTLS')
  for (const [name, { plan }] of schemes) {
    const position = identity[name]?.position ?? { file, line: 1, column: 1 }
    if (plan.kind === 'mutualTLS')
      missing(position, `nothing says which authorities vouch for the certificates of ${name}`)
    if ('senderConstraint' in plan && isOnlyWay(plan.senderConstraint))
      missing(position, `tokens of ${name} must be bound to a certificate, and no client is asked for one`)
  }
  const takesTokens = ({ security }: OperationPlan): boolean =>
    security.alternatives.flat().some(({ scheme }) => 'senderConstraint' in (schemes.get(scheme)?.plan ?? {}))
  for (const operation of operations.filter(takesTokens)) {
    const { id, senderConstraints, source } = operation
    if (senderConstraints.some(isOnlyWay))
      missing(source, `tokens for ${id} must be bound to a certificate, and no client is asked for one`)
  }
}

function reportUnused(configuration: Configuration, { schemes, report }: CompileContext): void {
  for (const [name, { position }] of Object.entries(configuration.identity)) {
    if (!schemes.has(name))
      report.warn(
        'identity-unused',
        position,
        `no operation demands ${name}`,
        'remove it, or name it in security',
      )
  }
}

function summarize(operations: readonly OperationPlan[]): Summary {
  const count = (holds: (operation: OperationPlan) => boolean) => operations.filter(holds).length
  return {
    operations: operations.length,
    public: count(({ security }) => security.alternatives.length === 0),
    optional: count(({ security }) => security.alternatives.some((requirement) => requirement.length === 0)),
    decidedByConfiguration: count(({ security }) => security.decidedBy === 'configuration'),
  }
}

/** While listening on loopback, on a port that is known, clients can only mean this. */
function loopbackOrigin({ settings: { listen } }: Configuration): string | null {
  const { https } = listen
  return https && isLoopback(https.host) && https.port !== 0 ? `https://localhost:${https.port}` : null
}
