import { parseDuration } from '../../base/duration.ts'
import type { LedgerSettings } from '../../program/settings.ts'
import type { Section } from '../section.ts'
import { readSecret } from './files.ts'
import { keys } from './keys.ts'

const defaultStaleMs = 30_000
const maxStaleMs = 3_600_000

export function readLedger(root: Section, env: NodeJS.ProcessEnv): LedgerSettings {
  const section = root.child('keys')?.expect(keys.keys)
  const written =
    section && section.get('database') !== 'sqlite' ? readSecret(section, 'database', env) : undefined
  if (written !== undefined && !/^postgres(?:ql)?:\/\//.test(written))
    section?.wrong('database', 'sqlite, or a URL postgres://… from ${NAME} or file:PATH')
  const staleMs = section?.parsed('staleAfter', parseDuration, 'a duration such as 30s') ?? defaultStaleMs
  // Below that, one slow read of the database would deny everybody.
  if (staleMs < 5000 || staleMs > maxStaleMs) section?.wrong('staleAfter', 'from 5s to 1h')
  return { database: written ?? null, staleAfterMs: staleMs }
}
