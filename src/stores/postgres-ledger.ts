import { randomUUID } from 'node:crypto'
import type { Actor, Ledger } from '../engine/ledger.ts'
import { openPostgres } from './postgres.ts'
import { actsTable, createSqlLedger, tables } from './sql-ledger.ts'

const begin =
  'INSERT INTO portcullis_ledger (one, identity, revision) VALUES (1, ?1, 0) ON CONFLICT DO NOTHING'

/**
 * A ledger in PostgreSQL, for the gateways of many machines. Needs the package `pg`.
 * @param actor who writes; none where it is only read
 * @param url `postgres://…`; TLS as its `sslmode` says
 */
export async function openPostgresLedger(url: string, actor: Actor | null = null): Promise<Ledger> {
  const database = await openPostgres(url, {
    lock: 7021394,
    last: 'portcullis_revocations',
    statements: tables,
    later: actsTable,
    begin: [begin, [randomUUID()]],
  })
  return createSqlLedger(database, actor)
}
