import type { Json, JsonSchema } from '../base/json.ts'
import { isJsonObject } from '../base/json.ts'
import { pointerTo } from '../base/pointer.ts'
import { compileExpression } from '../expression/compile-expression.ts'
import { ruleScope } from '../expression/scopes.ts'
import type { AddressLists, Method, OperationPlan, SegmentPlan } from '../program/program.ts'
import { createSchemaLowering, type SchemaLowering } from '../schema/lower.ts'
import { readBody } from './body.ts'
import { checkReferences } from './check-references.ts'
import { checkRoot } from './check-root.ts'
import type { Configuration, ContractEntry } from './configuration/configuration.ts'
import { settleTrail } from './configuration/trail.ts'
import { settleValidation } from './configuration/validation.ts'
import type { Documents } from './documents.ts'
import { defaults, type Extension, readExtension } from './extension.ts'
import { Inheritance } from './inheritance.ts'
import type { LimitTable } from './limit-table.ts'
import { methodsOf, type OpenApiVersion, openApiKeys, pathItemKeys } from './openapi-keys.ts'
import { readParameters } from './parameters.ts'
import { canonicalLiteral, readTemplate } from './paths.ts'
import type { Report } from './report.ts'
import { ResponseReader } from './responses.ts'
import { Section } from './section.ts'
import { type BoundScheme, SecurityReader } from './security.ts'
import { reportUnmetRule } from './unmet-rules.ts'
import { reportUnseenBodies } from './unseen-bodies.ts'

/** What is shared by all contracts of one program. */
export interface CompileContext {
  readonly configuration: Configuration
  readonly documents: Documents
  readonly report: Report
  readonly limits: LimitTable
  /** Indexes of the configuration's limits that are drawn from before a request is routed. */
  readonly doorLimits: readonly number[]
  /** Indexes of its other limits, which apply to every operation. */
  readonly commonLimits: readonly number[]
  /** Schemes that operations demand, by name. */
  readonly schemes: Map<string, BoundScheme>
}

/** Operations whose ids may still collide with those of other contracts. */
export interface CompiledDocument {
  readonly operations: readonly OperationPlan[]
  /** Null where the document could not be read. */
  readonly about: { readonly basePath: string; readonly documentation: string | null } | null
  readonly definitions: { readonly [name: string]: JsonSchema }
}

/** Compiles one OpenAPI document. */
export function compileDocument(entry: ContractEntry, context: CompileContext): CompiledDocument {
  const root = openDocument(entry, context)
  const version = root && versionOf(root)
  if (!root || !version) return { operations: [], about: null, definitions: {} }
  checkRoot(root, version)
  checkReferences(context.documents, { value: root.value, at: { file: root.source.file, pointer: '' } })
  const prefix = context.configuration.contracts.length > 1 ? `${entry.name}.` : ''
  const inheritance = new Inheritance(context.documents, context.report, root.value, root.source.file)
  const lowerFor = (direction: 'request' | 'response', definitionPrefix: string) =>
    createSchemaLowering({
      dialect: version === '3.0' ? '3.0' : '3.1',
      direction,
      definitionPrefix,
      resolver: {
        resolve: (ref, from) => {
          const found = context.documents.resolve(ref, from)
          return found && { schema: found.value, location: found.at, dynamicAnchor: found.dynamicAnchor }
        },
        resourceAround: ({ file, pointer }) => context.documents.resourcesOf(file).around(pointer),
        mapped: (name, from) => inheritance.mapped(name, from),
        heirs: (of) => inheritance.heirs(of),
      },
    })
  const lowering = lowerFor('request', prefix)
  // No definition of a request has a colon in its name.
  const answers = new ResponseReader(context.documents, lowerFor('response', `${prefix}response:`))
  const compiler = new DocumentCompiler(entry, context, root, lowering, answers, version)
  const operations = compiler.compile()
  for (const problem of [...lowering.problems, ...answers.lowering.problems]) {
    const { severity, rule, message, fix } = problem
    context.report.add({
      severity,
      rule,
      position: context.documents.position(problem.location),
      message,
      fix,
    })
  }
  const { basePath } = compiler
  const documentation = root.child('externalDocs')?.text('url') ?? null
  const definitions = { ...lowering.definitions, ...answers.lowering.definitions }
  return { operations, about: { basePath, documentation }, definitions }
}

function openDocument(entry: ContractEntry, { documents, report }: CompileContext): Section | null {
  const source = documents.open(entry.file, entry.position)
  if (!source) return null
  if (isJsonObject(source.value)) return new Section(source, '', source.value, report)
  report.error(
    'value-invalid',
    source.position(''),
    'an OpenAPI document is a mapping',
    'write openapi: 3.1.1',
  )
  return null
}

function versionOf(root: Section): OpenApiVersion | undefined {
  if (root.has('swagger'))
    return root.problem(
      'swagger',
      'openapi-version',
      'Swagger 2.0 is not read',
      'convert the document to OpenAPI 3.1',
    )
  const version = root.require('openapi', '3.1.1') ? root.text('openapi') : undefined
  if (version === undefined) return undefined
  const minor = /^(3\.[0-2])\.\d+/.exec(version)?.[1]
  if (minor === '3.0' || minor === '3.1' || minor === '3.2') return minor
  return root.problem(
    'openapi',
    'openapi-version',
    `OpenAPI ${version} is not read`,
    'this version reads OpenAPI 3.0, 3.1 and 3.2',
  )
}

interface PathItem {
  readonly template: string
  readonly section: Section
  readonly segments: readonly SegmentPlan[]
  readonly extension: Extension
  readonly limits: readonly number[]
}

class DocumentCompiler {
  readonly #entry: ContractEntry
  readonly #context: CompileContext
  readonly #root: Section
  readonly #lowering: SchemaLowering
  readonly #answers: ResponseReader
  readonly #security: SecurityReader
  readonly #version: OpenApiVersion
  readonly #extension: Extension
  readonly #limits: readonly number[]
  readonly #base: readonly SegmentPlan[]
  readonly #keyFields: ReadonlySet<string>

  constructor(
    entry: ContractEntry,
    context: CompileContext,
    root: Section,
    lowering: SchemaLowering,
    answers: ResponseReader,
    version: OpenApiVersion,
  ) {
    this.#version = version
    this.#entry = entry
    this.#context = context
    this.#root = root
    this.#lowering = lowering
    this.#answers = answers
    this.#security = new SecurityReader(
      root,
      context.documents,
      context.configuration,
      entry,
      version,
      context.schemes,
    )
    this.#extension = readExtension(root, context.configuration)
    this.#limits = context.limits.addAll(this.#extension.limits, entry.name)
    this.#base = basePathOf(entry, root)
    this.#keyFields = this.#security.keyFields
  }

  /** '' for the root. */
  get basePath(): string {
    return routeOf(this.#base, '').replace(/\/$/, '')
  }

  compile(): readonly OperationPlan[] {
    const paths = this.#root.has('paths') ? this.#root.child('paths') : undefined
    if (!paths) {
      if (!this.#root.has('paths')) this.#root.require('paths', '{ /orders: … }')
      return []
    }
    return Object.keys(paths.value)
      .filter((template) => !template.startsWith('x-'))
      .flatMap((template) => this.#compilePath(paths, template))
  }

  #compilePath(paths: Section, template: string): readonly OperationPlan[] {
    const segments = readTemplate(template)
    if (typeof segments === 'string') {
      paths.problem(
        template,
        'path-template-invalid',
        `${template}: ${segments}`,
        'write a template such as /orders/{orderId}',
      )
      return []
    }
    const at = { file: paths.source.file, pointer: pointerTo('/paths', template) }
    const section = this.#context.documents.section({ value: paths.value[template] as Json, at })
    if (!section) return []
    section.expect(pathItemKeys(this.#version), 'extensions')
    refuseAdditional(section)
    const extension = readExtension(section, this.#context.configuration)
    const limits = this.#context.limits.addAll(extension.limits, template)
    const item: PathItem = { template, section, segments, extension, limits }
    return methodsOf(this.#version).flatMap((method) => {
      const operation = section.child(method)
      return operation ? this.#compileOperation(item, method, operation) : []
    })
  }

  #compileOperation(
    item: PathItem,
    method: ReturnType<typeof methodsOf>[number],
    operation: Section,
  ): readonly OperationPlan[] {
    operation.expect(openApiKeys.operation, 'extensions')
    const { configuration, documents, limits } = this.#context
    const upper = method.toUpperCase() as Method
    const id = operation.text('operationId') ?? `${upper} ${item.template}`
    const context = { documents, lowering: this.#lowering, keyFields: this.#keyFields }
    const security = this.#security.decide(operation, id)
    const { parameters, segments } = readParameters(item.section, operation, item.segments, context)
    const body = readBody(operation, context)
    const own = readExtension(operation, configuration)
    const levels = [own, item.extension, this.#extension]
    const first = <T>(pick: (level: Extension) => T | undefined): T | undefined =>
      levels.map(pick).find((value) => value !== undefined)
    if (operation.has('servers')) {
      operation.report.warn(
        'servers-ignored',
        operation.position('servers', 'key'),
        'servers of an operation are ignored',
        'route it with an upstream of portcullis.yaml',
      )
    }
    const validate = settleValidation(
      levels.map((level) => level.validate),
      configuration.validate,
    )
    const rules = levels.toReversed().flatMap((level) => level.rules)
    this.#checkRules(rules, { id, security, parameters, body })
    const applying = [
      ...this.#context.commonLimits,
      ...this.#limits,
      ...item.limits,
      ...limits.addAll(own.limits, id),
    ]
    const cost = first((level) => level.cost) ?? 1
    limits.checkCount([...this.#context.doorLimits, ...applying], operation)
    limits.checkCost(applying, cost, operation)
    const written = levels.map((level) => level.trail)
    const trail = settleTrail(upper, written, configuration.trail, segments, operation)
    if (!security) return []
    this.#checkDemands(operation, own, security)
    return [
      {
        id,
        contract: this.#entry.name,
        method: upper,
        route: routeOf(this.#base, item.template),
        segments: [...this.#base, ...segments],
        stripSegments: this.#entry.stripBasePath ? this.#base.length : 0,
        upstream: this.#entry.upstream,
        security,
        senderConstraints: levels.flatMap(({ senderConstraint }) =>
          senderConstraint.length > 0 ? [senderConstraint] : [],
        ),
        stepUp: levels.flatMap(({ stepUp }) => stepUp ?? []),
        limits: applying,
        cost,
        parameters,
        body,
        rules: rules.map(({ expression, source }) => ({ expression, source })),
        contentCodings: validate.contentEncodings,
        undeclaredCookies: validate.undeclaredCookies,
        validateRequests: validate.requests,
        responses: validate.responses === 'off' ? [] : this.#answers.read(operation, validate.responses),
        validateResponses: validate.responses,
        maxResponseBytes: validate.maxResponseBytes,
        timeoutMs:
          first(({ timeoutMs }) => timeoutMs) ??
          configuration.upstreams[this.#entry.upstream]?.timeoutMs ??
          30_000,
        priority: first((level) => level.priority) ?? configuration.priority,
        maxBodyBytes: first(({ maxBodyBytes }) => maxBodyBytes) ?? defaults.maxBodyBytes,
        addresses: joinAddresses([this.#entry.addresses, ...levels.map(({ addresses }) => addresses)]),
        cors: first(({ cors }) => cors) ?? this.#entry.cors ?? configuration.cors,
        trail,
        source: operation.position(undefined, 'key'),
      },
    ]
  }

  /** Written at the operation itself, a demand on tokens that none of its schemes takes would mean nothing. */
  #checkDemands(operation: Section, own: Extension, { alternatives }: OperationPlan['security']): void {
    const kinds = alternatives.flat().map(({ scheme }) => this.#context.schemes.get(scheme)?.plan)
    // A scheme that nothing verifies is a problem of its own.
    if (kinds.includes(undefined)) return
    const takesTokens = kinds.some((plan) => plan !== undefined && 'issuers' in plan)
    const knowsUsers = takesTokens || kinds.some((plan) => plan?.kind === 'session')
    const unmet = (key: string) =>
      operation.problem(
        'x-portcullis',
        'demand-without-token',
        `${key} demands something of a token, and this operation takes none`,
        `remove ${key}, or let the operation demand a scheme of tokens`,
      )
    if (own.senderConstraint.length > 0 && !takesTokens) unmet('senderConstraint')
    else if (own.senderConstraint.length > 0 && kinds.some((plan) => plan?.kind === 'session'))
      operation.problem(
        'x-portcullis',
        'demand-unmet',
        'senderConstraint demands that tokens be bound, and the token of a browser session is bound to nothing',
        'remove senderConstraint, or the browser session from the security of the operation',
      )
    if (own.stepUp && !knowsUsers) unmet('stepUp')
  }

  #checkRules(
    rules: Extension['rules'],
    operation: Pick<OperationPlan, 'id' | 'parameters' | 'body'> & {
      readonly security: OperationPlan['security'] | undefined
    },
  ): void {
    if (rules.length === 0) return
    const { id, security } = operation
    const scope = ruleScope(operation, this.#lowering.definitions)
    const kindOf = (scheme: string) => this.#context.schemes.get(scheme)?.plan.kind
    for (const { expression, source } of rules) {
      const compiled = compileExpression(expression, scope, 'condition')
      if (compiled.ok) {
        reportUnseenBodies(operation.body, { expression, source }, scope, this.#context.report)
        if (security)
          reportUnmetRule({ expression, source }, scope, { id, ...security, kindOf }, this.#context.report)
        continue
      }
      const { message, fix } = compiled.error
      const otherwise = `name what the operation declares: ${Object.keys(scope).join(', ')}`
      this.#context.report.error('expression-invalid', source, `authorize: ${message}`, fix ?? otherwise)
    }
  }
}

/** OpenAPI 3.2.0 lets a path take any method; those that it does not name itself are not routed. */
function refuseAdditional(pathItem: Section): void {
  if (!pathItem.has('additionalOperations')) return
  pathItem.problem(
    'additionalOperations',
    'method-unsupported',
    'methods beyond those that OpenAPI names are not served by this version',
    'remove additionalOperations; such requests are answered 405',
  )
}

/** Lists of addresses add up on the deny side; on the allow side the innermost that says something stands. */
function joinAddresses(levels: readonly (AddressLists | null | undefined)[]): AddressLists {
  const written = levels.filter((level): level is AddressLists => level != null)
  return {
    allow: written.toReversed().find(({ allow }) => allow.length > 0)?.allow ?? [],
    deny: written.flatMap(({ deny }) => deny),
  }
}

/** The configuration's base path, else the path of the first server; the host of a server is never used. */
function basePathOf(entry: ContractEntry, root: Section): readonly SegmentPlan[] {
  const path = entry.basePath ?? serverPath(root)
  return path === ''
    ? []
    : path
        .slice(1)
        .split('/')
        .map((text) => ({ kind: 'literal', text: canonicalLiteral(text) }))
}

function serverPath(root: Section): string {
  const [server] = root.items('servers') ?? []
  const url = server?.text('url')
  if (!server || url === undefined) return ''
  const filled = url.replace(/\{([^{}]+)\}/g, (_, name: string) => {
    const fallback = server.child('variables')?.child(name)?.get('default')
    return typeof fallback === 'string' ? fallback : ''
  })
  if (!URL.canParse(filled, 'http://localhost')) {
    server.wrong('url', 'a URL')
    return ''
  }
  return new URL(filled, 'http://localhost').pathname.replace(/\/+$/, '')
}

function routeOf(base: readonly SegmentPlan[], template: string): string {
  return base.map((segment) => `/${segment.kind === 'literal' ? segment.text : ''}`).join('') + template
}
