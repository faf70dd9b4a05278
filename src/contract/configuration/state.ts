import { parseDuration } from '../../base/duration.ts'
import { isJsonObject, type Json } from '../../base/json.ts'
import type { RedisServers, RedisSettings, StateSettings } from '../../program/settings.ts'
import type { Section } from '../section.ts'
import { readKeyPair, readNamedFile, readSecret } from './files.ts'
import { keys } from './keys.ts'
import { isLoopback } from './listen.ts'

const memory: StateSettings = { kind: 'memory' }
const noTls: RedisSettings['tls'] = { ca: null, cert: null, key: null }
const defaultDeadlineMs = 50
const wantsUrl =
  'redis:// or rediss:// of a server, a password in it percent-encoded, with at most the number of a database behind it'

/** Where what gateways may share is kept: buckets of limits, and browser sessions. */
export function readState(root: Section, env: NodeJS.ProcessEnv): StateSettings {
  const written = root.get('state')
  if (written === undefined || written === 'memory') return memory
  const state = isJsonObject(written) ? readStore(root, env) : readAddress(root, env)
  if (!state) return memory
  if (state.servers.kind === 'cluster' && keepsSessions(root.get('identity')))
    root.problem(
      'state',
      'state-sessions',
      'browser sessions are not kept in a cluster: what belongs together would stand on several nodes',
      'name one server, or Sentinels',
    )
  root.report.warn(
    'state-partial',
    root.position('state'),
    'used DPoP proofs are remembered in each process; limits by address alone, and requests in flight (concurrent), are counted in each gateway',
    'write mode: exact for a limit that must be shared all the same',
  )
  return state
}

function readAddress(root: Section, env: NodeJS.ProcessEnv): RedisSettings | undefined {
  const url = readUrl(root, 'state', env, `memory, or ${wantsUrl}`)
  return url === undefined
    ? undefined
    : {
        kind: 'redis',
        servers: { kind: 'one', url },
        user: null,
        password: null,
        tls: noTls,
        deadlineMs: defaultDeadlineMs,
      }
}

function readStore(root: Section, env: NodeJS.ProcessEnv): RedisSettings | undefined {
  const section = root.child('state')?.expect(keys.state)
  if (!section) return undefined
  const servers = readServers(section, env)
  const deadlineMs = section.parsed('deadline', parseDuration, 'a duration such as 50ms') ?? defaultDeadlineMs
  if (deadlineMs < 1 || deadlineMs > 1000) section.wrong('deadline', 'from 1ms to 1s')
  const user = section.text('user') ?? null
  const password = readSecret(section, 'password', env) ?? null
  if (user !== null && !section.has('password'))
    section.problem('user', 'key-missing', 'a user needs a password', 'write password: ${REDIS_PASSWORD}')
  const tls = readTls(section, servers)
  if (!servers) return undefined
  if (servers.kind === 'one' && new URL(servers.url).password !== '' && password !== null)
    section.problem('password', 'value-invalid', 'the address holds a password too', 'write one of them')
  return { kind: 'redis', servers, user, password, tls, deadlineMs }
}

function readServers(section: Section, env: NodeJS.ProcessEnv): RedisServers | undefined {
  const named = (['redis', 'cluster', 'sentinels'] as const).filter((key) => section.has(key))
  const [kind] = named
  if (named.length !== 1 || kind === undefined) {
    section.report.error(
      'state-servers',
      section.position(),
      'state names one server (redis), some nodes of a cluster, or some sentinels',
      'write redis: ${REDIS_URL}',
    )
    return undefined
  }
  for (const key of ['master', 'sentinelUser', 'sentinelPassword'])
    if (kind !== 'sentinels' && section.has(key))
      section.problem(key, 'value-invalid', `${key} goes with sentinels`, 'leave it out')
  if (kind === 'redis') {
    const url = readUrl(section, 'redis', env, wantsUrl)
    return url === undefined ? undefined : { kind: 'one', url }
  }
  const urls = readUrls(section, kind)
  if (kind === 'cluster') return urls && { kind, urls }
  const master = section.require('master', 'mymaster') ? section.text('master') : undefined
  const user = section.text('sentinelUser') ?? null
  const password = readSecret(section, 'sentinelPassword', env) ?? null
  return urls && master !== undefined ? { kind, urls, master, user, password } : undefined
}

function readUrl(section: Section, key: string, env: NodeJS.ProcessEnv, wanted: string): string | undefined {
  const written = section.text(key)
  if (written === undefined) return undefined
  const url = /^rediss?:/.test(written) ? written : readSecret(section, key, env)
  if (url === undefined) return undefined
  if (!isStoreUrl(url)) return section.wrong(key, wanted)
  if (url === written && new URL(url).password !== '')
    section.report.warn(
      'secret-plain',
      section.position(key),
      `${key} holds a secret in plain text`,
      `write ${key}: \${REDIS_URL}`,
    )
  warnOfPlaintext(section, key, [url])
  return url
}

/** Nodes of one system: all encrypted, or none; who we are is said once, beside them. */
function readUrls(section: Section, key: 'cluster' | 'sentinels'): readonly string[] | undefined {
  const urls = section.texts(key)
  if (!urls) return undefined
  const sound =
    urls.length > 0 &&
    urls.every((url) => isStoreUrl(url) && /^rediss?:\/\/[^/@]+\/?$/.test(url)) &&
    new Set(urls.map((url) => new URL(url).protocol)).size === 1
  if (!sound)
    return section.wrong(key, 'a list of redis://HOST:PORT, or of rediss://HOST:PORT, without a password')
  warnOfPlaintext(section, key, urls)
  return urls
}

function isStoreUrl(text: string): boolean {
  if (!/^rediss?:\/\//.test(text) || !URL.canParse(text)) return false
  const { hostname, username, password, pathname, search, hash } = new URL(text)
  // To the driver a query is options of its own, which would have their way over those of the gateway.
  const isPlain = /^(?:\/\d{0,4})?$/.test(pathname) && search === '' && hash === ''
  return hostname !== '' && isPlain && isEncoded(username) && isEncoded(password)
}

/** The driver decodes it, and a % alone cannot be. */
function isEncoded(text: string): boolean {
  try {
    decodeURIComponent(text)
    return true
  } catch {
    return false
  }
}

function warnOfPlaintext(section: Section, key: string, urls: readonly string[]): void {
  const outside = urls.some(
    (url) => url.startsWith('redis:') && !isLoopback(new URL(url).hostname.replace(/^\[|\]$/g, '')),
  )
  if (outside)
    section.report.warn(
      'plaintext',
      section.position(key),
      'the store is asked in the clear',
      'write rediss://',
    )
}

function readTls(section: Section, servers: RedisServers | undefined): RedisSettings['tls'] {
  const tls = section.child('tls')?.expect(keys.stateTls)
  if (!tls) return noTls
  const urls = servers?.kind === 'one' ? [servers.url] : (servers?.urls ?? [])
  if (urls.some((url) => url.startsWith('redis:')))
    section.problem('tls', 'value-invalid', 'tls is written for a plain redis:// address', 'write rediss://')
  const ca = readNamedFile(tls, 'ca')
  const pair = tls.has('cert') || tls.has('key') ? readKeyPair(tls) : undefined
  return { ca: ca?.path ?? null, cert: pair?.cert ?? null, key: pair?.key ?? null }
}

function keepsSessions(identity: Json | undefined): boolean {
  const entries = isJsonObject(identity) ? Object.values(identity) : []
  return entries.some((entry) => isJsonObject(entry) && entry.type === 'session')
}
