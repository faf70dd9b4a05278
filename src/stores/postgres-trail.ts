import type { TrailRow, TrailStore } from '../engine/trail-store.ts'
import { openPostgres } from './postgres.ts'
import { createSqlTrail, trailTables } from './sql-trail.ts'

const insert = `INSERT INTO portcullis_trail (chain, sequence, time_ms, hash, entry)
  SELECT ?1, sequence, time_ms, hash, entry
  FROM json_to_recordset(?2::json) AS rows(sequence bigint, time_ms bigint, hash text, entry text)`

/** Where the server, the database or the role says `off`; what is stronger than `on` stays. */
const writtenThrough = `SELECT set_config('synchronous_commit', 'on', true)
  WHERE current_setting('synchronous_commit') = 'off'`

/**
 * The audit trail in PostgreSQL, for the gateways of many machines. Needs the package `pg`.
 * @param url `postgres://…`; TLS as its `sslmode` says
 * @param durability `process`: the server may lose the last moments at a crash of its own (`synchronous_commit`)
 */
export async function openPostgresTrail(url: string, durability: 'power' | 'process'): Promise<TrailStore> {
  const database = await openPostgres(url, {
    lock: 7021395,
    last: 'portcullis_trail_holds',
    statements: trailTables,
    ...(durability === 'process' ? { options: '-c synchronous_commit=off' } : { writing: writtenThrough }),
  })
  return createSqlTrail({
    ...database,
    *appendRows(chain, rows) {
      yield [insert, [chain, JSON.stringify(rows.map(asRecord))]] as const
    },
  })
}

function asRecord({ sequence, timeMs, hash, text }: TrailRow): object {
  return { sequence, time_ms: timeMs, hash, entry: text }
}
