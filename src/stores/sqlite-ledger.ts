import { randomUUID } from 'node:crypto'
import { closeSync, existsSync, mkdirSync, openSync, statSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { OwnError } from '../base/code-of-error.ts'
import type { Actor, Ledger } from '../engine/ledger.ts'
import {
  actsTable,
  createSqlLedger,
  type SqlRow,
  type SqlStatement,
  type SqlWork,
  type TransactionMode,
  tables,
} from './sql-ledger.ts'

/** INVARIANT: a gateway reads and notes, and its only thread stands still while it waits for another's lock. */
const busyTimeoutsMs: { readonly [M in TransactionMode]: number } = { read: 50, note: 0, write: 2000 }

/**
 * A ledger in one SQLite file, for the gateways of one machine.
 * @param actor who writes; none where it is only read
 * @param file made with mode 0600, its folder with 0700, by the first write; until then it reads as empty. Beside it an
 * empty file `.made` tells, at this start and at later ones, that there was one.
 */
export async function openSqliteLedger(file: string, actor: Actor | null = null): Promise<Ledger> {
  const { DatabaseSync: Database } = await import('node:sqlite')
  const marker = `${file}.made`
  let open: { readonly database: DatabaseSync; readonly inode: number } | null = null

  const database = {
    transaction: async <T>(mode: TransactionMode, work: () => SqlWork<T>) => transact(mode, work),
    async close() {
      open?.database.close()
      open = null
    },
  }
  return createSqlLedger(database, actor)

  /** Never waits in the middle: another connection of this thread would wait for it in vain. */
  function transact<T>(mode: TransactionMode, work: () => SqlWork<T>): T {
    const database = current(mode)
    if (!database) return finish(work(), () => [])
    database.exec(`PRAGMA busy_timeout = ${busyTimeoutsMs[mode]}`)
    database.exec(mode === 'read' ? 'BEGIN' : 'BEGIN IMMEDIATE')
    try {
      const value = finish(work(), ([sql, values = []]) => database.prepare(sql).all(...values) as SqlRow[])
      database.exec('COMMIT')
      return value
    } catch (error) {
      if (database.isTransaction) database.exec('ROLLBACK')
      throw error
    }
  }

  /** The file that bears the name now: one that was replaced is opened anew, one that went away is a fault. */
  function current(mode: TransactionMode): DatabaseSync | null {
    const { ino: inode, size } = statSync(file, { throwIfNoEntry: false }) ?? {}
    if (open && open.inode === inode) return open.database
    if (open) {
      open.database.close()
      open = null
    }
    // INVARIANT: a ledger that was there is never taken for an empty one; its revocations would be forgotten.
    if ((inode === undefined || size === 0) && existsSync(marker))
      throw new OwnError(
        `${file} is ${size === 0 ? 'empty' : 'gone'}: restore it, or remove ${marker} to begin with an empty ledger`,
      )
    if (inode === undefined && mode !== 'write') return null
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    // Only where there is none: closing a file drops the locks that other connections of this process hold on it.
    if (inode === undefined) closeSync(openSync(file, 'a', 0o600))
    const database = new Database(file, { timeout: busyTimeoutsMs[mode] })
    try {
      database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON')
      for (const statement of [...tables, actsTable.statement]) database.exec(statement)
      database
        .prepare(
          'INSERT INTO portcullis_ledger (one, identity, revision) VALUES (1, ?1, 0) ON CONFLICT DO NOTHING',
        )
        .run(randomUUID())
      if (!existsSync(marker)) writeFileSync(marker, '', { mode: 0o600 })
    } catch (error) {
      database.close()
      throw error
    }
    open = { database, inode: statSync(file).ino }
    return database
  }
}

function finish<T>(work: SqlWork<T>, run: (statement: SqlStatement) => readonly SqlRow[]): T {
  let step = work.next()
  while (!step.done) step = work.next(run(step.value))
  return step.value
}
