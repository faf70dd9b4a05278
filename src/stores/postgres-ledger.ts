import { randomUUID } from 'node:crypto'
import type { Ledger } from '../engine/ledger.ts'
import { openPostgres } from './postgres.ts'
import { createSqlLedger, tables } from './sql-ledger.ts'

const begin =
  'INSERT INTO portcullis_ledger (one, identity, revision) VALUES (1, ?1, 0) ON CONFLICT DO NOTHING'

/**
 * A ledger in PostgreSQL, for the gateways of many machines. Needs the package `pg`.
 * @param url `postgres://…`; TLS as its `sslmode` says
 */
export async function openPostgresLedger(url: string): Promise<Ledger> {
  const database = await openPostgres(url, {
    lock: 7021394,
    last: 'portcullis_revocations',
    statements: tables,
    begin: [begin, [randomUUID()]],
  })
  return createSqlLedger(database)
}
