import type { Section } from '../../section.ts'
import type { IdentityEntry } from '../configuration.ts'
import { apiKeyKeys, readApiKey } from './api-key.ts'
import { basicKeys, readBasic } from './basic.ts'
import { introspectionKeys, readIntrospection } from './introspection.ts'
import { jwtKeys, readJwt } from './jwt.ts'
import { mutualTlsKeys, readMutualTls } from './mutual-tls.ts'
import { readSession, sessionKeys } from './session.ts'

interface EntryReader {
  /** Keys it knows beside `type`. */
  readonly keys: readonly string[]
  /** @param env where secrets are looked up */
  readonly read: (section: Section, env: NodeJS.ProcessEnv) => IdentityEntry | undefined
}

/** Every type of identity entry, and who reads it. `configuration.schema.json` holds the same, by a test. */
export const entryReaders: { readonly [type: string]: EntryReader } = {
  jwt: { keys: jwtKeys, read: readJwt },
  mutualTLS: { keys: mutualTlsKeys, read: readMutualTls },
  apiKey: { keys: apiKeyKeys, read: readApiKey },
  basic: { keys: basicKeys, read: readBasic },
  introspection: { keys: introspectionKeys, read: readIntrospection },
  session: { keys: sessionKeys, read: readSession },
}

export function readIdentity(
  root: Section,
  env: NodeJS.ProcessEnv,
): { readonly [scheme: string]: IdentityEntry } {
  const entries = root.members('identity').flatMap(([name, section]) => {
    const entry = readEntry(section, env)
    return entry ? [[name, entry] as const] : []
  })
  return Object.fromEntries(entries)
}

function readEntry(section: Section, env: NodeJS.ProcessEnv): IdentityEntry | undefined {
  if (!section.require('type', 'jwt')) return undefined
  const known = section.choice('type', Object.keys(entryReaders))
  const reader = known === undefined ? undefined : entryReaders[known]
  if (!reader) return undefined
  return reader.read(section.expect(['type', ...reader.keys]), env)
}
