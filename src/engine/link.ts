import { isJsonObject, type JsonSchema } from '../base/json.ts'
import { unreachable } from '../base/unreachable.ts'
import type {
  CapPlan,
  LimitPlan,
  MediaTypePlan,
  OperationPlan,
  ParameterPlan,
  Program,
  UpstreamPlan,
} from '../program/program.ts'
import { compileValidator, type Validator } from '../schema/validator.ts'
import { type AddressRule, type Admission, linkAddresses, linkAdmission } from './admit/admission.ts'
import type { LinkedSecurity } from './authenticate/authenticate.ts'
import { linkSecurity } from './authenticate/link-security.ts'
import type { LinkedDestination } from './forward/compose-forwarding.ts'
import { type CredentialPlaces, credentialPlaces } from './forward/credential-places.ts'
import { forwardableFields } from './forward/forwardable-fields.ts'
import { identityFields } from './forward/identity-fields.ts'
import { type Linked, type LinkedCap, type LinkedLimit, linkLimit, pickLimits } from './limit/limit-key.ts'
import { credentialFields } from './parse/credential-fields.ts'
import { type CookieSyntax, cookieSyntax } from './parse/judge-cookies.ts'
import { metadataPath, resourceMetadata } from './resource-metadata.ts'
import { metadataRoute } from './route/metadata-route.ts'
import type { OwnRoutes } from './route/own-routes.ts'
import { buildRoutes, type RouteNode } from './route/route-table.ts'
import { sessionRoutes } from './route/session-routes.ts'
import { linkRules } from './rules/link-rules.ts'
import type { LinkedRules } from './rules/rules.ts'
import { isOwnCookie } from './session-cookies.ts'
import type { ReadContent } from './validate/content.ts'
import { type LinkedResponses, linkResponses } from './validate/link-responses.ts'
import { linkForm } from './validate/read-form.ts'
import { linkParts } from './validate/read-multipart.ts'
import { claimFor } from './validate/read-query.ts'
import { linkText } from './validate/read-text.ts'
import { type LinkedBody, readJsonContent } from './validate/validate-body.ts'
import type { LinkedParameters, LinkedPathParameter } from './validate/validate-parameters.ts'

/** A program with its functions: validators, the route tree, parsed networks. Made once per thread. */
export interface LinkedProgram {
  readonly program: Program
  readonly admission: Admission
  /** Drawn from before anything is computed for a request. */
  readonly doorLimits: readonly LinkedLimit[]
  readonly doorCaps: readonly LinkedCap[]
  readonly failedAuthentications: LinkedLimit
  readonly routes: RouteNode<LinkedOperation>
  readonly operations: readonly LinkedOperation[]
  readonly ownRoutes: OwnRoutes
  /** Lower-case names of the fields in which keys come. */
  readonly credentialFields: ReadonlySet<string>
}

export interface LinkedOperation {
  readonly plan: OperationPlan
  readonly addresses: AddressRule
  readonly security: LinkedSecurity
  readonly limits: readonly LinkedLimit[]
  readonly caps: readonly LinkedCap[]
  readonly parameters: LinkedParameters
  /** Of the values of the cookies that it reads. */
  readonly cookies: CookieSyntax
  readonly body: LinkedBody | null
  /** Null where answers are not looked at. */
  readonly responses: LinkedResponses | null
  /** Null where the contract has none. */
  readonly rules: LinkedRules | null
  readonly destination: LinkedDestination
}

type Compile = (schema: JsonSchema) => Validator

/** Makes a program executable. Pure; its time and memory are part of the start-up budget. */
export function link(program: Program): LinkedProgram {
  const compile = sharing((schema) => compileValidator(schema, program.definitions))
  const shared = {
    limits: program.limits.map((limit) => linkLimit(limit)),
    cookies: declaredCookies(program),
    compile,
  }
  const operations = program.operations.map((plan) => linkOperation(program, plan, shared))
  const door = pickLimits(shared.limits, program.admission.limits)
  return {
    program,
    admission: linkAdmission(program),
    doorLimits: door.limits,
    doorCaps: door.caps,
    failedAuthentications: linkLimit(program.admission.failedAuthentications),
    routes: buildRoutes(operations),
    operations,
    ownRoutes: linkOwnRoutes(program),
    credentialFields: credentialFields(program.schemes),
  }
}

function linkOwnRoutes(program: Program): OwnRoutes {
  const { origin } = program.admission
  if (origin === null) return new Map()
  const metadata = program.resources.map(
    (resource) =>
      [metadataPath(resource), metadataRoute(resourceMetadata(origin, program, resource))] as const,
  )
  const sessions = Object.entries(program.schemes).flatMap(([name, plan]) =>
    plan.kind === 'session' ? sessionRoutes(name, plan, origin) : [],
  )
  return new Map([...metadata, ...sessions])
}

/** Browsers send all cookies of a host to every path: what one operation declares, the others get too. */
function declaredCookies({ operations }: Program): ReadonlySet<string> {
  const names = operations.flatMap(({ parameters }) =>
    parameters.flatMap((parameter) => (parameter.in === 'cookie' ? [parameter.name] : [])),
  )
  return new Set(names)
}

/** What all operations of a program have in common. */
interface Shared {
  readonly limits: readonly Linked<LimitPlan | CapPlan>[]
  readonly cookies: ReadonlySet<string>
  readonly compile: Compile
}

function linkOperation(
  program: Program,
  plan: OperationPlan,
  { limits, cookies, compile }: Shared,
): LinkedOperation {
  const upstream = program.upstreams[plan.upstream]
  if (!upstream) throw new Error(`the program names an upstream it does not hold: ${plan.upstream}`)
  const credentials = credentialPlaces(program, plan)
  const responses = linkResponses(plan, compile)
  return {
    plan,
    addresses: linkAddresses(plan.addresses),
    security: linkSecurity(program, plan),
    ...pickLimits(limits, plan.limits),
    parameters: linkParameters(plan, credentials, cookies, compile),
    cookies: cookieSyntax(plan.parameters, credentials.cookie),
    body: plan.body && linkBody(plan.body, plan.contentCodings, compile),
    responses,
    rules: linkRules(plan, program.definitions),
    destination: linkDestination(plan, credentials, upstream, responses?.whole ?? false),
  }
}

function linkParameters(
  plan: OperationPlan,
  credentials: CredentialPlaces,
  cookies: ReadonlySet<string>,
  compile: Compile,
): LinkedParameters {
  const knowsCookie = (name: string) => cookies.has(name) || credentials.cookie.has(name) || isOwnCookie(name)
  const inPlace = (place: ParameterPlan['in']) =>
    plan.parameters.filter((parameter) => parameter.in === place)
  const linked = (parameter: ParameterPlan) => ({ plan: parameter, validator: compile(parameter.schema) })
  return {
    path: inPlace('path').map((parameter) => ({ ...linked(parameter), ...positionOf(plan, parameter) })),
    query: inPlace('query').map((parameter) => ({ ...linked(parameter), claim: claimFor(parameter) })),
    header: inPlace('header').map(linked),
    cookie: inPlace('cookie').map(linked),
    credentials: credentials.query,
    knowsCookie: plan.undeclaredCookies === 'refuse' ? knowsCookie : null,
  }
}

function positionOf(
  plan: OperationPlan,
  parameter: ParameterPlan,
): Pick<LinkedPathParameter, 'segment' | 'texts' | 'index'> {
  for (const [segment, found] of plan.segments.entries()) {
    if (found.kind !== 'parameter') continue
    const index = found.names.indexOf(parameter.name)
    if (index >= 0) return { segment, texts: found.texts, index }
  }
  throw new Error(`no segment for path parameter ${parameter.name} of ${plan.id}`)
}

function linkBody(
  body: NonNullable<OperationPlan['body']>,
  codings: OperationPlan['contentCodings'],
  compile: Compile,
): LinkedBody {
  return {
    required: body.required,
    codings,
    content: body.content.map((plan) => ({
      plan,
      validator: plan.reading === 'opaque' ? null : compile(plan.schema),
      read: linkReading(plan),
      parts: plan.reading === 'multipart' ? linkParts(plan, partCompiler(plan.schema, compile)) : null,
    })),
  }
}

function linkReading(plan: MediaTypePlan): ReadContent | null {
  switch (plan.reading) {
    case 'json':
      return readJsonContent
    case 'text':
      return linkText(plan.primitives)
    case 'form':
      return linkForm(plan)
    case 'multipart':
    case 'opaque':
    case 'unread':
      return null
    default:
      return unreachable(plan)
  }
}

/** Each part is judged when it ends, by the schema that the whole has for it. */
function partCompiler(
  whole: JsonSchema,
  compile: Compile,
): (name: string, list: boolean) => Validator | null {
  const properties = isJsonObject(whole) && isJsonObject(whole.properties ?? null) ? whole.properties : {}
  return (name, list) => {
    const schema = (properties as { readonly [name: string]: JsonSchema })[name]
    const part = list && isJsonObject(schema) ? (schema.items as JsonSchema | undefined) : schema
    return part === undefined ? null : compile(part)
  }
}

function linkDestination(
  plan: OperationPlan,
  credentials: CredentialPlaces,
  upstream: UpstreamPlan,
  wholeAnswers: boolean,
): LinkedDestination {
  return {
    upstream,
    forwardable: forwardableFields(plan, upstream, credentials.header, wholeAnswers),
    wholeAnswers,
    cookies: plan.parameters
      .filter(
        ({ in: place, name }) => place === 'cookie' && !credentials.cookie.has(name) && !isOwnCookie(name),
      )
      .map(({ name }) => name),
    credentials,
    identity: identityFields(upstream),
  }
}

/** Equal schemas get one validator: large contracts repeat their parameters hundreds of times. */
function sharing(compile: Compile): Compile {
  const byText = new Map<string, Validator>()
  return (schema) => {
    const text = JSON.stringify(schema)
    const known = byText.get(text)
    if (known) return known
    const validator = compile(schema)
    byText.set(text, validator)
    return validator
  }
}
