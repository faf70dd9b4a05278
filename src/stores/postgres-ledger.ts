import { randomUUID } from 'node:crypto'
import type { Ledger } from '../engine/ledger.ts'
import { createSqlLedger, type SqlRow, type SqlValue, type SqlWork, tables } from './sql-ledger.ts'

const timeoutMs = 5000

/**
 * A ledger in PostgreSQL, for the gateways of many machines. Needs the package `pg`.
 * @param url `postgres://…`; TLS as its `sslmode` says
 */
export async function openPostgresLedger(url: string): Promise<Ledger> {
  const { Pool } = await driver()
  const pool = new Pool({
    connectionString: url,
    max: 2,
    connectionTimeoutMillis: timeoutMs,
    query_timeout: timeoutMs,
    statement_timeout: timeoutMs,
    idleTimeoutMillis: 30_000,
    allowExitOnIdle: true,
    application_name: 'portcullis',
  })
  // A connection that breaks while idle is replaced by the next use, which tells of it when that fails too.
  pool.on('error', () => {})
  let prepared = false

  return createSqlLedger({
    async transaction(mode, work) {
      const client = await pool.connect()
      let broken: Error | undefined
      try {
        const run = async (sql: string, values: readonly SqlValue[] = []) =>
          (await client.query(sql.replace(/\?(\d+)/g, '$$$1'), [...values])).rows as SqlRow[]
        if (!prepared) {
          await run('BEGIN')
          // One gateway makes the tables, the others wait: CREATE … IF NOT EXISTS alone can collide.
          await run('SELECT pg_advisory_xact_lock(7021394)')
          const [made] = await run("SELECT to_regclass('portcullis_revocations') AS name")
          // Where they are made already, a role without the right to make tables will do.
          if (made?.name === null) for (const statement of tables) await run(statement)
          await run(
            'INSERT INTO portcullis_ledger (one, identity, revision) VALUES (1, ?1, 0) ON CONFLICT DO NOTHING',
            [randomUUID()],
          )
          await run('COMMIT')
          prepared = true
        }
        await run(mode === 'read' ? 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY' : 'BEGIN')
        const value = await finish(work(), run)
        await run('COMMIT')
        return value
      } catch (error) {
        broken = error as Error
        throw error
      } finally {
        // The connection of a failed transaction is thrown away: nothing of it can leak into the next.
        client.release(broken)
      }
    },
    close: () => pool.end(),
  })
}

async function driver(): Promise<typeof import('pg')> {
  try {
    return await import('pg')
  } catch {
    throw new Error('PostgreSQL needs the package pg: npm install pg')
  }
}

async function finish<T>(
  work: SqlWork<T>,
  run: (sql: string, values?: readonly SqlValue[]) => Promise<readonly SqlRow[]>,
): Promise<T> {
  let step = work.next()
  while (!step.done) step = work.next(await run(...step.value))
  return step.value
}
