import { closeSync, existsSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { OwnError } from '../base/code-of-error.ts'
import type { TrailStore } from '../engine/trail-store.ts'
import type { SqlRow, SqlStatement, SqlWork } from './sql-ledger.ts'
import { createSqlTrail, trailTables } from './sql-trail.ts'

/** Long enough for a pruning by another process; the thread of the trail serves nobody else. */
const busyTimeoutMs = 3000
/** 16 MiB: a page that several commits fill is copied into the file once. */
const checkpointPages = 4000
const insert =
  'INSERT INTO portcullis_trail (chain, sequence, time_ms, hash, entry) VALUES (?1, ?2, ?3, ?4, ?5)'

export interface SqliteTrailOptions {
  /** `power`: written through to the disk at each commit. `process`: handed to the operating system. */
  readonly durability: 'power' | 'process'
  /** Makes the file, mode 0600, where there is none. */
  readonly create: boolean
}

/**
 * The audit trail in one SQLite file, for the gateways of one machine.
 * @throws Error when there is none and none is to be made
 * @see https://sqlite.org/wal.html, https://sqlite.org/pragma.html#pragma_synchronous
 */
export async function openSqliteTrail(file: string, options: SqliteTrailOptions): Promise<TrailStore> {
  const { DatabaseSync: Database } = await import('node:sqlite')
  if (!existsSync(file)) {
    if (!options.create) throw new OwnError(`there is no ${file}`)
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    closeSync(openSync(file, 'a', 0o600))
  }
  const database: DatabaseSync = new Database(file, { timeout: busyTimeoutMs })
  const statements = new Map<string, StatementSync>()
  try {
    database.exec(`PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = ${checkpointPages}`)
    database.exec(`PRAGMA synchronous = ${options.durability === 'power' ? 'FULL' : 'NORMAL'}`)
    for (const statement of trailTables(' WITHOUT ROWID')) database.exec(statement)
  } catch (error) {
    database.close()
    throw error
  }

  return createSqlTrail({
    *appendRows(chain, rows) {
      for (const { sequence, timeMs, hash, text } of rows)
        yield [insert, [chain, sequence, timeMs, hash, text]] as const
    },
    transaction: async (mode, work) => transact(mode === 'read', work),
    async close() {
      database.close()
    },
  })

  function transact<T>(reads: boolean, work: () => SqlWork<T>): T {
    run([reads ? 'BEGIN' : 'BEGIN IMMEDIATE'])
    try {
      const value = finish(work())
      run(['COMMIT'])
      return value
    } catch (error) {
      if (database.isTransaction) database.exec('ROLLBACK')
      throw error
    }
  }

  function finish<T>(work: SqlWork<T>): T {
    let step = work.next()
    while (!step.done) step = work.next(run(step.value))
    return step.value
  }

  function run([sql, values = []]: SqlStatement): readonly SqlRow[] {
    let statement = statements.get(sql)
    if (!statement) {
      statement = database.prepare(sql)
      statements.set(sql, statement)
    }
    if (sql !== insert) return statement.all(...values) as SqlRow[]
    statement.run(...values)
    return none
  }
}
const none: readonly SqlRow[] = []
