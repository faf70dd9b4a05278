import { isJsonObject, type JsonSchema } from '../base/json.ts'
import type {
  CapPlan,
  LimitKey,
  LimitPlan,
  OperationPlan,
  ParameterPlan,
  Program,
  SecurityPlan,
  SharingPlan,
  SourcePosition,
} from '../program/program.ts'
import type { StateSettings } from '../program/settings.ts'
import { describeScheme } from './describe-scheme.ts'
import { shownPath } from './terminal.ts'

/** The effective policy of one operation, in words; each line says where it was decided. */
export function explainOperation(operation: OperationPlan, program: Program, state: StateSettings): string {
  const rows: (readonly [label: string, lines: readonly string[]])[] = [
    ['declared', [place(operation.source)]],
    ['who', whoLines(operation.security, program)],
    ['rules', operation.rules.map(({ expression, source }) => `${expression}  (${place(source)})`)],
    ['addresses', addressLines(operation, program)],
    ['limits', limitLines(operation, program, state)],
    ['priority', operation.priority === 'normal' ? [] : [operation.priority]],
    ['parameters', [...operation.parameters.map(describeParameter), ...unknownLines(operation)]],
    ['body', bodyLines(operation)],
    ['forwarded', forwardLines(operation, program)],
    ['answers', answerLines(operation)],
  ]
  const width = Math.max(...rows.map(([label]) => label.length))
  const text = rows
    .filter(([, lines]) => lines.length > 0)
    .flatMap(([label, lines]) =>
      lines.map((line, index) => `  ${(index === 0 ? label : '').padEnd(width)}  ${line}`),
    )
  return [`${operation.id}  ${operation.method} ${operation.route}`, ...text].join('\n')
}

const deciders = {
  operation: 'the operation',
  document: 'the document',
  configuration: 'security in the configuration',
} as const satisfies { readonly [D in SecurityPlan['decidedBy']]: string }

function whoLines({ alternatives, decidedBy, source }: SecurityPlan, program: Program): readonly string[] {
  const decided = `decided by ${deciders[decidedBy]}, ${place(source)}`
  if (alternatives.length === 0) return ['anyone, without a credential', decided]
  const lines = alternatives.map((requirement, index) => {
    const needs = requirement.map(
      ({ scheme, scopes }) => scheme + (scopes.length > 0 ? ` with scope ${scopes.join(' and ')}` : ''),
    )
    return `${index === 0 ? '' : 'or '}${needs.length === 0 ? 'anyone, without a credential' : needs.join(', and ')}`
  })
  const schemes = new Set(alternatives.flatMap((requirement) => requirement.map(({ scheme }) => scheme)))
  for (const name of schemes) {
    const scheme = program.schemes[name]
    if (!scheme) continue
    lines.push(`${name}: ${describeScheme(scheme)}`)
  }
  return [...lines, decided]
}

function addressLines(operation: OperationPlan, program: Program): readonly string[] {
  const lists = [program.admission.addresses, operation.addresses]
  return lists.flatMap(({ allow, deny }) => [
    ...(allow.length > 0 ? [`only ${allow.join(', ')}`] : []),
    ...(deny.length > 0 ? [`not ${deny.join(', ')}`] : []),
  ])
}

function limitLines(operation: OperationPlan, program: Program, state: StateSettings): readonly string[] {
  const describe = (index: number, when: string) => {
    const limit = program.limits[index] as LimitPlan | CapPlan
    if ('concurrent' in limit)
      return `${limit.name}: ${limit.concurrent} in flight at once in each gateway, by ${keysText(limit)}, ${when}`
    const { name, rate, windowSeconds, burst, sharing } = limit
    return `${name}: ${rate} in ${windowSeconds} s, ${burst} at once, by ${keysText(limit)}, ${when}${sharingText(sharing, state)}`
  }
  return [
    ...program.admission.limits.map((index) => describe(index, 'before authentication')),
    ...(operation.security.alternatives.length > 0
      ? [failures(program.admission.failedAuthentications, state)]
      : []),
    ...operation.limits.map((index) => describe(index, 'after authentication')),
    ...(operation.cost > 1
      ? [`a request costs ${operation.cost} of each of those after authentication`]
      : []),
  ]
}

function failures({ rate, windowSeconds, burst, sharing }: LimitPlan, state: StateSettings): string {
  return `refused credentials: ${rate} in ${windowSeconds} s, ${burst} at once, by address${sharingText(sharing, state)}`
}

/** Nothing where each gateway counts for itself. */
function sharingText(sharing: SharingPlan | undefined, { kind }: StateSettings): string {
  if (!sharing || kind === 'memory') return ''
  const how = sharing.mode === 'exact' ? 'exactly' : `by leases of ${sharing.lease}`
  return `, shared ${how}; without the store: ${sharing.onStoreFault}`
}

function keysText({ by }: LimitPlan | CapPlan): string {
  return by.map(keyText).join(' and ')
}

function keyText(key: LimitKey): string {
  return 'property' in key ? key.property : key.expression
}

function describeParameter({ in: where, name, required, schema, json }: ParameterPlan): string {
  return `${where} ${name}: ${required ? 'required' : 'optional'}, ${json ? 'JSON, ' : ''}${shape(schema)}`
}

function unknownLines({ undeclaredCookies }: OperationPlan): readonly string[] {
  return undeclaredCookies === 'refuse'
    ? ['no other query parameter or cookie passes']
    : ['no other query parameter passes; other cookies are dropped (undeclaredCookies: drop)']
}

function shape(schema: JsonSchema): string {
  if (!isJsonObject(schema)) return schema ? 'anything' : 'nothing'
  if (typeof schema.$ref === 'string') return schema.$ref.replace('#/$defs/', '')
  const { type, format } = schema
  const types =
    typeof type === 'string' ? type : Array.isArray(type) ? type.join(' or ') : 'described by its schema'
  return typeof format === 'string' ? `${types} (${format})` : types
}

function bodyLines({
  body,
  maxBodyBytes,
  contentCodings,
  validateRequests,
}: OperationPlan): readonly string[] {
  if (!body) return ['none; one that comes is refused']
  const lines = body.content.map((content) => {
    const name = [content.mediaType, ...content.parameters.map(([key, value]) => `${key}=${value}`)].join(
      '; ',
    )
    if (content.reading === 'opaque') return `${name}: streamed, content not looked at`
    const streams = content.reading === 'multipart' && content.parts.some(({ kind }) => kind === 'file')
    const how = streams ? 'parts validated on their way, files unread' : 'read whole and validated'
    return `${name}: ${shape(content.schema)}, ${how}; unknown fields are refused`
  })
  const bounds = `${body.required ? 'required' : 'optional'}, at most ${maxBodyBytes} octets`
  const report = validateRequests === 'report' ? ['faults are reported, and pass (validate: report)'] : []
  const codings =
    contentCodings.length > 0
      ? [`what is read whole may come in ${contentCodings.join(', ')}, decoded within the same bound`]
      : []
  return [...lines, bounds, ...codings, ...report]
}

const answerTexts = {
  enforce: 'what breaks the contract becomes 502 response_invalid',
  strip: 'undeclared fields are cut out; what else breaks the contract becomes 502 response_invalid',
  report: 'what breaks the contract is reported, and passes',
  off: 'not looked at (validate.responses: off)',
} as const satisfies { readonly [V in OperationPlan['validateResponses']]: string }

function answerLines({ responses, validateResponses }: OperationPlan): readonly string[] {
  const statuses = responses.map(({ status }) => status)
  const declared = statuses.length > 0 ? [`declared: ${statuses.join(', ')}`] : []
  return [...declared, answerTexts[validateResponses]]
}

function forwardLines(operation: OperationPlan, program: Program): readonly string[] {
  const upstream = program.upstreams[operation.upstream]
  if (!upstream) return []
  const credential = upstream.forwardCredential ? 'with the bearer token' : 'without the credential'
  const identity = Object.entries(upstream.identityHeaders).map(
    ([name, expression]) => `${name}: ${expression}`,
  )
  return [
    `to ${upstream.origin}${upstream.basePath} as ${upstream.host}, ${credential}, ${operation.timeoutMs} ms to answer`,
    ...identity,
  ]
}

function place({ file, line, column }: SourcePosition): string {
  return `${shownPath(file)}:${line}:${column}`
}
