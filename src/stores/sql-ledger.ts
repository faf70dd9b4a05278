import type { Act, Actor, KeyRecord, Ledger, LedgerChanges, TokenRevocation } from '../engine/ledger.ts'

export type SqlValue = string | number | null
export type SqlRow = { readonly [column: string]: unknown }

/** A statement whose values are numbered `?1`, `?2` … */
export type SqlStatement = readonly [sql: string, values?: readonly SqlValue[]]

/** Work of one transaction: yields statements and is given their rows. A driver may run it without ever waiting. */
export type SqlWork<T> = Generator<SqlStatement, T, readonly SqlRow[]>

/** `note`: a write that may as well be tried again later, so it waits for nobody. */
export type TransactionMode = 'read' | 'write' | 'note'

/** What the ledger needs of a database that speaks SQL. */
export interface SqlDatabase {
  /** Runs work as one transaction in which reads see one state; writers go one after the other. */
  transaction<T>(mode: TransactionMode, work: () => SqlWork<T>): Promise<T>
  /** Whether a table that came later may be used so; absent: it may. Asked within a transaction. */
  may?(use: 'SELECT' | 'INSERT', table: string): boolean
  close(): Promise<void>
}

/** Came after the others: a database of before may lack it, and a role that may not make it goes on without. */
export const actsTable = {
  name: 'portcullis_acts',
  statement: `CREATE TABLE IF NOT EXISTS portcullis_acts (
    revision BIGINT PRIMARY KEY, command TEXT NOT NULL, os_user TEXT NOT NULL, sudo_user TEXT, host TEXT NOT NULL,
    records TEXT NOT NULL)`,
}

/** Statements that make the tables; safe to run at every start. */
export const tables: readonly string[] = [
  `CREATE TABLE IF NOT EXISTS portcullis_ledger (
    one INTEGER PRIMARY KEY CHECK (one = 1), identity TEXT NOT NULL, revision BIGINT NOT NULL)`,
  `CREATE TABLE IF NOT EXISTS portcullis_keys (
    id TEXT PRIMARY KEY, hash TEXT NOT NULL UNIQUE, scheme TEXT NOT NULL, name TEXT NOT NULL, owner TEXT,
    scopes TEXT NOT NULL, operations TEXT NOT NULL, addresses TEXT NOT NULL, created_ms BIGINT NOT NULL,
    expires_ms BIGINT, revoked_ms BIGINT, replaced_by TEXT, revision BIGINT NOT NULL)`,
  `CREATE INDEX IF NOT EXISTS portcullis_keys_revision ON portcullis_keys (revision)`,
  `CREATE TABLE IF NOT EXISTS portcullis_key_uses (
    id TEXT PRIMARY KEY REFERENCES portcullis_keys (id), used_ms BIGINT NOT NULL)`,
  `CREATE TABLE IF NOT EXISTS portcullis_revocations (
    id TEXT PRIMARY KEY, issuer TEXT NOT NULL, kind TEXT NOT NULL, value TEXT NOT NULL, issued_before_ms BIGINT,
    created_ms BIGINT NOT NULL, restored_ms BIGINT, revision BIGINT NOT NULL)`,
  `CREATE INDEX IF NOT EXISTS portcullis_revocations_revision ON portcullis_revocations (revision)`,
]

const putKey = `INSERT INTO portcullis_keys
  (id, hash, scheme, name, owner, scopes, operations, addresses, created_ms, expires_ms, revoked_ms, replaced_by, revision)
  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
  ON CONFLICT (id) DO UPDATE SET scheme = excluded.scheme, name = excluded.name, owner = excluded.owner,
    scopes = excluded.scopes, operations = excluded.operations, addresses = excluded.addresses,
    expires_ms = excluded.expires_ms, replaced_by = excluded.replaced_by,
    revoked_ms = COALESCE(portcullis_keys.revoked_ms, excluded.revoked_ms), revision = excluded.revision`
const putRevocation = `INSERT INTO portcullis_revocations
  (id, issuer, kind, value, issued_before_ms, created_ms, restored_ms, revision)
  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
  ON CONFLICT (id) DO UPDATE SET restored_ms = excluded.restored_ms, revision = excluded.revision`
const putAct = `INSERT INTO portcullis_acts (revision, command, os_user, sudo_user, host, records)
  VALUES (?1, ?2, ?3, ?4, ?5, ?6)`
const putUse = `INSERT INTO portcullis_key_uses (id, used_ms)
  SELECT id, ?2 FROM portcullis_keys WHERE id = ?1
  ON CONFLICT (id) DO UPDATE SET used_ms = excluded.used_ms
  WHERE excluded.used_ms > portcullis_key_uses.used_ms`

/**
 * A ledger in a database.
 *
 * INVARIANT: writers count the revision up in one row and hold it until they commit, so revisions appear in order and
 * who has read up to one has missed none before it.
 *
 * @param actor who writes; null where nobody does
 */
export function createSqlLedger(database: SqlDatabase, actor: Actor | null): Ledger {
  let identity: string | null = null
  const may = (use: 'SELECT' | 'INSERT') => database.may?.(use, actsTable.name) ?? true
  return {
    changesSince: (revision) =>
      database.transaction('read', function* (): SqlWork<LedgerChanges> {
        const [ledger] = yield ['SELECT identity, revision FROM portcullis_ledger']
        const current = Number(ledger?.revision ?? 0)
        // Another database under the old name, or one brought back from a copy, is read from its beginning.
        const whole = revision === 0 || current < revision || ledger?.identity !== identity
        const from = whole ? 0 : revision
        const unchanged = !whole && current === revision
        const keys = unchanged
          ? []
          : yield ['SELECT * FROM portcullis_keys WHERE revision > ?1 ORDER BY revision, id', [from]]
        const revocations = unchanged
          ? []
          : yield ['SELECT * FROM portcullis_revocations WHERE revision > ?1 ORDER BY revision, id', [from]]
        // What was there at the first sight is no news, whoever did it.
        const acts =
          identity === null || unchanged || !may('SELECT')
            ? []
            : yield ['SELECT * FROM portcullis_acts WHERE revision > ?1 ORDER BY revision', [from]]
        identity = String(ledger?.identity)
        return {
          revision: current,
          whole,
          keys: keys.map(keyOf),
          revocations: revocations.map(revocationOf),
          acts: acts.map(actOf),
        }
      }),
    write: ({ keys = [], revocations = [] }) =>
      database.transaction('write', function* () {
        const [counted] = yield ['UPDATE portcullis_ledger SET revision = revision + 1 RETURNING revision']
        const revision = Number(counted?.revision)
        for (const key of keys) yield [putKey, [...valuesOfKey(key), revision]]
        for (const one of revocations)
          yield [
            putRevocation,
            [
              ...[one.id, one.issuer, one.kind, one.value],
              ...[one.issuedBeforeMs, one.createdMs, one.restoredMs, revision],
            ],
          ]
        if (actor === null || !may('INSERT')) return
        const { command, user, sudoUser, host } = actor
        const records = JSON.stringify([...keys, ...revocations].map(({ id }) => id))
        yield [putAct, [revision, command, user, sudoUser, host, records]]
      }),
    uses: () =>
      database.transaction('read', function* () {
        const rows = yield ['SELECT id, used_ms FROM portcullis_key_uses']
        return new Map(rows.map((row) => [String(row.id), Number(row.used_ms)]))
      }),
    noteUses: (uses) =>
      database.transaction('note', function* () {
        // In one order everywhere, so that two gateways never wait for each other.
        for (const [id, usedMs] of [...uses].toSorted()) yield [putUse, [id, usedMs]]
      }),
    close: () => database.close(),
  }
}

function valuesOfKey(key: KeyRecord): readonly SqlValue[] {
  const { scopes, operations, addresses } = key
  return [
    ...[key.id, key.hash, key.scheme, key.name, key.owner],
    ...[scopes, operations, addresses].map((list) => JSON.stringify(list)),
    ...[key.createdMs, key.expiresMs, key.revokedMs, key.replacedBy],
  ]
}

function keyOf(row: SqlRow): KeyRecord {
  return {
    id: String(row.id),
    hash: String(row.hash),
    scheme: String(row.scheme),
    name: String(row.name),
    owner: textOf(row.owner),
    scopes: JSON.parse(String(row.scopes)) as string[],
    operations: JSON.parse(String(row.operations)) as string[],
    addresses: JSON.parse(String(row.addresses)) as string[],
    createdMs: Number(row.created_ms),
    expiresMs: numberOf(row.expires_ms),
    revokedMs: numberOf(row.revoked_ms),
    replacedBy: textOf(row.replaced_by),
  }
}

function revocationOf(row: SqlRow): TokenRevocation {
  return {
    id: String(row.id),
    issuer: String(row.issuer),
    kind: String(row.kind) as TokenRevocation['kind'],
    value: String(row.value),
    issuedBeforeMs: numberOf(row.issued_before_ms),
    createdMs: Number(row.created_ms),
    restoredMs: numberOf(row.restored_ms),
  }
}

function actOf(row: SqlRow): Act {
  return {
    command: nameOf(row.command),
    user: nameOf(row.os_user),
    sudoUser: row.sudo_user === null ? null : nameOf(row.sudo_user),
    host: nameOf(row.host),
    records: JSON.parse(String(row.records)) as string[],
  }
}

/** What other machines wrote of themselves, as it may stand in records. */
const nameOf = (value: unknown): string => String(value).slice(0, 128)
const textOf = (value: unknown): string | null => (value === null ? null : String(value))
// PostgreSQL's driver hands out 64-bit integers as texts.
const numberOf = (value: unknown): number | null => (value === null ? null : Number(value))
