import { join } from 'node:path'
import type { Actor, Ledger } from '../engine/ledger.ts'
import type { Settings } from '../program/settings.ts'
import { openPostgresLedger } from '../stores/postgres-ledger.ts'
import { openSqliteLedger } from '../stores/sqlite-ledger.ts'

/**
 * The ledger that a configuration names. Opens no connection yet.
 * @param actor who writes; none where it is only read
 */
export function openLedger(
  { ledger, stateDir }: Pick<Settings, 'ledger' | 'stateDir'>,
  actor: Actor | null = null,
): Promise<Ledger> {
  const { database } = ledger
  return database === null
    ? openSqliteLedger(join(stateDir, 'keys.sqlite'), actor)
    : openPostgresLedger(database, actor)
}
