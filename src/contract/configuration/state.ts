import { isJsonObject, type Json } from '../../base/json.ts'
import type { StateSettings } from '../../program/settings.ts'
import type { Section } from '../section.ts'
import { readSecret } from './files.ts'
import { isLoopback, notInThisVersion } from './listen.ts'

const memory: StateSettings = { kind: 'memory' }

/** Where what gateways may share is kept. In this version browser sessions can be shared, and nothing else. */
export function readState(root: Section, env: NodeJS.ProcessEnv): StateSettings {
  const written = root.text('state') ?? 'memory'
  if (written === 'memory') return memory
  if (!keepsSessions(root.get('identity'))) {
    notInThisVersion(root, 'state', 'only browser sessions can be shared, and no identity entry keeps any')
    return memory
  }
  const url = /^rediss?:/.test(written) ? written : readSecret(root, 'state', env)
  if (url === undefined) return memory
  if (!/^rediss?:\/\//.test(url) || !URL.canParse(url)) {
    root.wrong('state', 'memory, or redis:// or rediss:// of a server')
    return memory
  }
  const warn = (rule: string, message: string, fix: string) =>
    root.report.warn(rule, root.position('state'), message, fix)
  const { protocol, hostname, password } = new URL(url)
  if (url === written && password !== '')
    warn('secret-plain', 'state holds a secret in plain text', 'write state: ${REDIS_URL}')
  if (protocol === 'redis:' && !isLoopback(hostname.replace(/^\[|\]$/g, '')))
    warn('plaintext', 'the store of sessions is asked in the clear', 'write rediss://')
  warn(
    'state-partial',
    'only browser sessions are shared: limits and used DPoP proofs are counted in each process',
    'divide the limits among the gateways',
  )
  return { kind: 'redis', url }
}

function keepsSessions(identity: Json | undefined): boolean {
  const entries = isJsonObject(identity) ? Object.values(identity) : []
  return entries.some((entry) => isJsonObject(entry) && entry.type === 'session')
}
