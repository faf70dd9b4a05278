import { readFileSync } from 'node:fs'
import type { Json } from '../base/json.ts'
import { isJsonObject, type JsonObject } from '../base/json.ts'
import type { Diagnostic } from './diagnostic.ts'
import { readSource } from './source.ts'

/** What a first configuration is drafted from. Guesses, to be confirmed by a person; `compile` is what judges. */
export interface OutlinedContract {
  readonly operations: number
  /** Operations for which neither they nor the root say anything about security. */
  readonly undecided: number
  /** Origin of the first server, when it is an absolute https URL. */
  readonly origin: string | null
  readonly schemes: readonly OutlinedScheme[]
}

export interface OutlinedScheme {
  readonly name: string
  /** `token` for what a JWT verifier serves; else the kind as the contract spells it. */
  readonly kind: 'token' | 'apiKey' | 'basic' | 'mutualTLS' | 'unknown'
  /** Issuer that the definition points to; null when it names none. */
  readonly issuer: string | null
}

export type Outline =
  | { readonly readable: true; readonly contract: OutlinedContract }
  | { readonly readable: false; readonly diagnostics: readonly Diagnostic[] }

const methods = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace', 'query']

/** Reads an OpenAPI document just far enough to draft a configuration for it. */
export function outlineContract(file: string): Outline {
  const { source, diagnostics } = readSource(file, readFileSync(file, 'utf8'))
  if (!source) return { readable: false, diagnostics }
  const root = source.value
  if (!isJsonObject(root) || (root.openapi === undefined && root.paths === undefined)) {
    const message = 'this is no OpenAPI 3 document'
    const fix = 'name a document that begins with openapi: 3.1.0'
    const diagnostic = {
      severity: 'error',
      rule: 'openapi-version',
      position: source.position(''),
      message,
      fix,
    } as const
    return { readable: false, diagnostics: [diagnostic] }
  }
  const operations = membersOf(root.paths).flatMap(([, item]) =>
    membersOf(item).filter(([method]) => methods.includes(method)),
  )
  const undecided = root.security === undefined ? operations.filter(([, one]) => !has(one, 'security')) : []
  return {
    readable: true,
    contract: {
      operations: operations.length,
      undecided: undecided.length,
      origin: originOf(root),
      schemes: schemesOf(root),
    },
  }
}

function schemesOf(root: JsonObject): readonly OutlinedScheme[] {
  const components = root.components ?? null
  const schemes = isJsonObject(components) ? components.securitySchemes : undefined
  return membersOf(schemes).map(([name, scheme]) => {
    const { type, scheme: http, openIdConnectUrl, flows } = isJsonObject(scheme) ? scheme : ({} as JsonObject)
    if (type === 'openIdConnect')
      return { name, kind: 'token', issuer: issuerFromDiscovery(openIdConnectUrl) }
    if (type === 'oauth2') return { name, kind: 'token', issuer: issuerFromFlows(flows) }
    if (type === 'http' && String(http).toLowerCase() === 'bearer')
      return { name, kind: 'token', issuer: null }
    if (type === 'http' && String(http).toLowerCase() === 'basic')
      return { name, kind: 'basic', issuer: null }
    return { name, kind: type === 'apiKey' || type === 'mutualTLS' ? type : 'unknown', issuer: null }
  })
}

/** OpenID Connect Discovery 4: the issuer is what stands before the well-known path. */
function issuerFromDiscovery(url: Json | undefined): string | null {
  if (typeof url !== 'string' || !URL.canParse(url)) return null
  return url.replace(/\/\.well-known\/openid-configuration$/, '')
}

function issuerFromFlows(flows: Json | undefined): string | null {
  for (const [, flow] of membersOf(flows)) {
    const url = isJsonObject(flow) ? (flow.tokenUrl ?? flow.authorizationUrl) : undefined
    if (typeof url === 'string' && URL.canParse(url)) return new URL(url).origin
  }
  return null
}

function originOf({ servers }: JsonObject): string | null {
  const first = Array.isArray(servers) ? (servers[0] as Json) : null
  const url = first !== null && isJsonObject(first) ? first.url : undefined
  if (typeof url !== 'string' || !/^https:\/\/[^{}]+$/.test(url) || !URL.canParse(url)) return null
  return new URL(url).origin
}

function membersOf(value: Json | undefined): readonly (readonly [string, Json])[] {
  return value !== undefined && isJsonObject(value) ? Object.entries(value) : []
}

function has(value: Json, key: string): boolean {
  return isJsonObject(value) && Object.hasOwn(value, key)
}
