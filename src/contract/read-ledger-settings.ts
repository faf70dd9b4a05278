import { resolve } from 'node:path'
import type { Settings } from '../program/settings.ts'
import { readLedgerPlace } from './configuration/read-configuration.ts'
import type { Diagnostic } from './diagnostic.ts'
import { Report } from './report.ts'

/** Where ledger and trail of a configuration are. */
export interface LedgerPlace {
  /** Null when the part of the configuration that names it has a problem. */
  readonly settings: Pick<Settings, 'ledger' | 'stateDir' | 'trail'> | null
  readonly diagnostics: readonly Diagnostic[]
}

/** Reads the part of the configuration that names the ledger, and nothing else. */
export function readLedgerSettings(configurationFile: string, env: NodeJS.ProcessEnv): LedgerPlace {
  const report = new Report()
  const settings = readLedgerPlace(resolve(configurationFile), env, report)
  return { settings: report.hasErrors ? null : settings, diagnostics: report.sorted() }
}
