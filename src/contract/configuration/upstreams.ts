import { compileExpression } from '../../expression/compile-expression.ts'
import { identityScope } from '../../expression/scopes.ts'
import type { UpstreamPlan } from '../../program/program.ts'
import type { UpstreamSettings } from '../../program/settings.ts'
import type { Section } from '../section.ts'
import { readBreaker } from './bounds.ts'
import { readTimeout } from './delay.ts'
import { readKeyPair, readNamedFile } from './files.ts'
import { keys } from './keys.ts'

export interface Upstream {
  readonly plan: UpstreamPlan & { readonly timeoutMs: number }
  readonly settings: UpstreamSettings
}

const defaultTimeoutMs = 30_000
/** Of one worker. A stream that stays open, such as server-sent events, holds one of them. */
const defaultConnections = 1024
const defaultQueue = 1024

export function readUpstreams(root: Section): ReadonlyMap<string, Upstream> {
  root.require('upstreams', '{ default: { url: "http://127.0.0.1:3000" } }')
  const upstreams = new Map<string, Upstream>()
  for (const [name, section] of root.members('upstreams')) {
    const upstream = readUpstream(section.expect(keys.upstream))
    if (upstream) upstreams.set(name, upstream)
  }
  return upstreams
}

function readUpstream(section: Section): Upstream | undefined {
  const url = section.require('url', '"http://127.0.0.1:3000"')
    ? section.parsed('url', parseUpstreamUrl, 'an http or https URL without credentials, query or fragment')
    : undefined
  const timeoutMs = readTimeout(section, 'timeout') ?? defaultTimeoutMs
  const host = section.text('host')
  if (host !== undefined && !/^[A-Za-z0-9.-]+(?::\d{1,5})?$/.test(host))
    section.wrong('host', 'a host, with a port when it has one')
  const settings = {
    tls: readTls(section, url),
    connections: section.integer('connections', 1, 1_000_000) ?? defaultConnections,
    queue: section.integer('queue', 0, 1_000_000) ?? defaultQueue,
    breaker: readBreaker(section),
  }
  const identityHeaders = readIdentityHeaders(section)
  if (!url) return undefined
  const plan = {
    origin: url.origin,
    basePath: url.pathname === '/' ? '' : url.pathname.replace(/\/$/, ''),
    host: host ?? url.host,
    forwardCredential: section.flag('forwardCredential') ?? true,
    identityHeaders,
    timeoutMs,
  }
  return { plan, settings }
}

function parseUpstreamUrl(text: string): URL | null {
  const url = URL.canParse(text) ? new URL(text) : null
  const plain =
    url && /^https?:$/.test(url.protocol) && url.username === '' && url.search === '' && url.hash === ''
  return plain ? url : null
}

function readTls(section: Section, url: URL | undefined): UpstreamSettings['tls'] {
  const tls = section.child('tls')?.expect(keys.upstreamTls)
  if (!tls) return null
  if (url?.protocol === 'http:')
    section.problem('tls', 'value-invalid', 'tls is written for a plain http upstream', 'write an https URL')
  const ca = readNamedFile(tls, 'ca')
  const pair = tls.has('cert') || tls.has('key') ? readKeyPair(tls) : undefined
  return { ca: ca?.path ?? null, cert: pair?.cert ?? null, key: pair?.key ?? null }
}

/** Fields that frame or route a message; an identity must not stand in one of them. */
const reserved: ReadonlySet<string> = new Set([
  'host',
  'connection',
  'content-length',
  'transfer-encoding',
  'te',
  'upgrade',
  'authorization',
  'cookie',
  'expect',
])

function readIdentityHeaders(section: Section): { readonly [name: string]: string } {
  const headers = section.child('identityHeaders')
  const read: Record<string, string> = {}
  for (const name of Object.keys(headers?.value ?? {})) {
    const expression = headers?.text(name)
    if (!headers || expression === undefined) continue
    if (!/^[A-Za-z0-9-]+$/.test(name) || reserved.has(name.toLowerCase())) {
      headers.problem(
        name,
        'header-invalid',
        `${name} cannot carry an identity`,
        'write a name such as X-User-Id',
      )
      continue
    }
    const compiled = compileExpression(expression, identityScope, 'value')
    if (!compiled.ok)
      headers.problem(
        name,
        'expression-invalid',
        `the expression of ${name}: ${compiled.error.message}`,
        'write one such as token.sub',
      )
    read[name] = expression
  }
  return read
}
