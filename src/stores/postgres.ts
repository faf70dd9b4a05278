import type { Duplex } from 'node:stream'
import { OwnError } from '../base/code-of-error.ts'
import type { SqlDatabase, SqlRow, SqlStatement, SqlValue, SqlWork } from './sql-ledger.ts'

const timeoutMs = 5000
/** SQLSTATE. */
const insufficientPrivilege = '42501'

export interface PostgresTables {
  /** Key of the advisory lock under which they are made: CREATE … IF NOT EXISTS alone can collide. */
  readonly lock: number
  /** The last of them: where it is, all are, and a role without the right to make tables will do. */
  readonly last: string
  readonly statements: readonly string[]
  /** One that a database of before may lack. A role that may not make it does without. */
  readonly later?: { readonly name: string; readonly statement: string }
  /** Run at every start; leaves alone what is there. */
  readonly begin?: SqlStatement
  /** Of each connection, as in libpq's `options`. */
  readonly options?: string
  /** At the begin of each transaction that writes: a statement without values. */
  readonly writing?: string
}

/** A database in PostgreSQL whose tables are made by its first use. Needs the package `pg`. */
export async function openPostgres(url: string, tables: PostgresTables): Promise<SqlDatabase> {
  const { Pool, Client } = await driver()
  const pool = new Pool({
    Client: carefulClient(Client),
    connectionString: url,
    max: 2,
    connectionTimeoutMillis: timeoutMs,
    query_timeout: timeoutMs,
    statement_timeout: timeoutMs,
    idleTimeoutMillis: 30_000,
    allowExitOnIdle: true,
    application_name: 'portcullis',
    ...(tables.options !== undefined && { options: tables.options }),
  })
  // A connection that breaks while idle is replaced by the next use, which tells of it when that fails too.
  pool.on('error', () => {})
  // INVARIANT: one that breaks while in use fails the statement under way, or the next; without a listener it would end
  // the thread.
  pool.on('connect', (client) => client.on('error', () => {}))
  const beginWrite = ['BEGIN', tables.writing].filter((statement) => statement !== undefined).join(';')
  let prepared = false
  const allowed = new Set<string>()

  return {
    async transaction(mode, work) {
      const client = await pool.connect()
      let broken: Error | undefined
      try {
        const run = async (sql: string, values: readonly SqlValue[] = []) =>
          (await client.query(sql.replace(/\?(\d+)/g, '$$$1'), [...values])).rows as SqlRow[]
        if (!prepared) {
          await prepare(run)
          prepared = true
        }
        await run(mode === 'read' ? 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY' : beginWrite)
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
    may: (use, table) => allowed.has(`${use} ${table}`),
    close: () => pool.end(),
  }

  async function prepare(run: Run): Promise<void> {
    await run('BEGIN')
    await run(`SELECT pg_advisory_xact_lock(${tables.lock})`)
    const [made] = await run('SELECT to_regclass(?1) AS name', [tables.last])
    if (made?.name == null) for (const statement of tables.statements) await run(statement)
    if (tables.begin) await run(...tables.begin)
    await run('COMMIT')
    if (tables.later) await addLater(run, tables.later)
  }

  async function addLater(
    run: Run,
    { name, statement }: NonNullable<PostgresTables['later']>,
  ): Promise<void> {
    const [made] = await run('SELECT to_regclass(?1) AS name', [name])
    if (made?.name == null && !(await isMade(run, statement))) return
    for (const use of ['SELECT', 'INSERT']) {
      const [may] = await run('SELECT has_table_privilege(?1, ?2) AS yes', [name, use])
      if (may?.yes === true) allowed.add(`${use} ${name}`)
    }
  }

  async function isMade(run: Run, statement: string): Promise<boolean> {
    await run('BEGIN')
    try {
      await run(`SELECT pg_advisory_xact_lock(${tables.lock})`)
      await run(statement)
      await run('COMMIT')
      return true
    } catch (error) {
      await run('ROLLBACK')
      if ((error as { readonly code?: unknown }).code !== insufficientPrivilege) throw error
      return false
    }
  }
}

type Run = (sql: string, values?: readonly SqlValue[]) => Promise<readonly SqlRow[]>

/** What the driver reads a connection by; not among its types. */
interface DriverConnection {
  attachListeners(stream: Duplex): void
}

/**
 * What the driver cannot read ends the connection. It throws while it reads, where nobody catches: at a server that asks for GSS,
 * and at one that speaks another protocol, the process ended.
 */
function carefulClient(Client: typeof import('pg').Client): typeof import('pg').Client {
  return class extends Client {
    constructor(...args: ConstructorParameters<typeof Client>) {
      super(...args)
      const { connection } = this as unknown as { readonly connection: DriverConnection }
      const attach = connection.attachListeners.bind(connection)
      connection.attachListeners = (stream) => {
        const before = new Set(stream.listeners('data'))
        attach(stream)
        for (const listener of stream.listeners('data') as ((chunk: Buffer) => void)[]) {
          if (before.has(listener)) continue
          stream.off('data', listener).on('data', (chunk: Buffer) => {
            try {
              listener(chunk)
            } catch (error) {
              stream.destroy(error as Error)
            }
          })
        }
      }
    }
  }
}

async function driver(): Promise<typeof import('pg')> {
  try {
    return await import('pg')
  } catch {
    throw new OwnError('PostgreSQL needs the package pg: npm install pg')
  }
}

async function finish<T>(work: SqlWork<T>, run: Run): Promise<T> {
  let step = work.next()
  while (!step.done) step = work.next(await run(...step.value))
  return step.value
}
