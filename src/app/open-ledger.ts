import { join } from 'node:path'
import type { Ledger } from '../engine/ledger.ts'
import type { Settings } from '../program/settings.ts'
import { openPostgresLedger } from '../stores/postgres-ledger.ts'
import { openSqliteLedger } from '../stores/sqlite-ledger.ts'

/** The ledger that a configuration names. Opens no connection yet. */
export function openLedger({ ledger, stateDir }: Pick<Settings, 'ledger' | 'stateDir'>): Promise<Ledger> {
  const { database } = ledger
  return database === null ? openSqliteLedger(join(stateDir, 'keys.sqlite')) : openPostgresLedger(database)
}
