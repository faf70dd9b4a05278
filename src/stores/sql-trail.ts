import type { ChainState, Hold, HoldField, PruneRecord, TrailRow, TrailStore } from '../engine/trail-store.ts'
import type { SqlDatabase, SqlRow, SqlStatement, SqlWork } from './sql-ledger.ts'

/** A database that can take many entries at once in its own way. */
export interface TrailDatabase extends SqlDatabase {
  appendRows(chain: string, rows: readonly TrailRow[]): Iterable<SqlStatement>
}

/** Statements that make the tables; safe to run at every start. */
export const trailTables: readonly string[] = [
  `CREATE TABLE IF NOT EXISTS portcullis_trail (
    chain TEXT NOT NULL, sequence BIGINT NOT NULL, time_ms BIGINT NOT NULL, hash TEXT NOT NULL, entry TEXT NOT NULL,
    PRIMARY KEY (chain, sequence))`,
  `CREATE TABLE IF NOT EXISTS portcullis_trail_chains (
    chain TEXT PRIMARY KEY, sequence BIGINT NOT NULL, hash TEXT NOT NULL, pruned_sequence BIGINT, pruned_hash TEXT,
    pruned_ms BIGINT, pruned_key TEXT, pruned_signature TEXT)`,
  `CREATE TABLE IF NOT EXISTS portcullis_trail_holds (
    id TEXT PRIMARY KEY, field TEXT NOT NULL, value TEXT NOT NULL, note TEXT NOT NULL, created_ms BIGINT NOT NULL)`,
]

const putTold = `INSERT INTO portcullis_trail_chains (chain, sequence, hash) VALUES (?1, ?2, ?3)
  ON CONFLICT (chain) DO UPDATE SET sequence = excluded.sequence, hash = excluded.hash`
const nextChain = 'SELECT MIN(chain) AS chain FROM portcullis_trail WHERE chain > ?1'
const readChains = `SELECT told.*, entry.sequence AS last_sequence, entry.hash AS last_hash
  FROM portcullis_trail_chains told LEFT JOIN portcullis_trail entry ON entry.chain = told.chain AND entry.sequence =
    (SELECT MAX(sequence) FROM portcullis_trail every WHERE every.chain = told.chain)
  ORDER BY told.chain`
const readRows = `SELECT sequence, time_ms, hash, entry FROM portcullis_trail
  WHERE chain = ?1 AND sequence > ?2 ORDER BY sequence LIMIT ?3`
const putPruned = `UPDATE portcullis_trail_chains SET pruned_sequence = ?2, pruned_hash = ?3, pruned_ms = ?4,
    pruned_key = ?5, pruned_signature = ?6
  WHERE chain = ?1 AND (pruned_sequence IS NULL OR pruned_sequence < ?2)`

/**
 * The audit trail in a database.
 *
 * INVARIANT: chain and sequence are the key of an entry, so that no entry is ever there twice, whatever became of an
 * append that nobody heard of again.
 */
export function createSqlTrail(database: TrailDatabase): TrailStore {
  return {
    append: (chain, rows, told) =>
      database.transaction('write', function* (): SqlWork<void> {
        const last = rows.at(-1)
        if (!last) return
        yield* database.appendRows(chain, rows) as Generator<SqlStatement, void, readonly SqlRow[]>
        if (told) yield [putTold, [chain, last.sequence, last.hash]]
      }),
    chains: () =>
      database.transaction('read', function* () {
        return (yield [readChains]).map(chainOf)
      }),
    chainsWithEntries: () =>
      database.transaction('read', function* () {
        const names: string[] = []
        for (;;) {
          const [row] = yield [nextChain, [names.at(-1) ?? '']]
          if (row?.chain == null) return names
          names.push(String(row.chain))
        }
      }),
    read: (chain, after, limit) =>
      database.transaction('read', function* () {
        return (yield [readRows, [chain, after, limit]]).map(rowOf)
      }),
    prune: (chain, { sequence, hash, timeMs, keyId, signature }) =>
      database.transaction('write', function* () {
        yield [putPruned, [chain, sequence, hash, timeMs, keyId, signature]]
        yield ['DELETE FROM portcullis_trail WHERE chain = ?1 AND sequence <= ?2', [chain, sequence]]
      }),
    holds: () =>
      database.transaction('read', function* () {
        return (yield ['SELECT * FROM portcullis_trail_holds ORDER BY created_ms, id']).map(holdOf)
      }),
    putHold: ({ id, field, value, note, createdMs }) =>
      database.transaction('write', function* () {
        yield [
          'INSERT INTO portcullis_trail_holds VALUES (?1, ?2, ?3, ?4, ?5)',
          [id, field, value, note, createdMs],
        ]
      }),
    removeHold: (id) =>
      database.transaction('write', function* () {
        return (yield ['DELETE FROM portcullis_trail_holds WHERE id = ?1 RETURNING id', [id]]).length > 0
      }),
    close: () => database.close(),
  }
}

function rowOf(row: SqlRow): TrailRow {
  const { sequence, time_ms: timeMs, hash, entry } = row
  return { sequence: Number(sequence), timeMs: Number(timeMs), hash: String(hash), text: String(entry) }
}

function chainOf(row: SqlRow): ChainState {
  const pruned: PruneRecord | null =
    row.pruned_sequence === null
      ? null
      : {
          sequence: Number(row.pruned_sequence),
          hash: String(row.pruned_hash),
          timeMs: Number(row.pruned_ms),
          keyId: String(row.pruned_key),
          signature: String(row.pruned_signature),
        }
  const last = pruned ?? { sequence: 0, hash: '' }
  const { last_sequence: sequence, last_hash: hash } = row
  return {
    chain: String(row.chain),
    ...(sequence === null
      ? { sequence: last.sequence, hash: last.hash }
      : { sequence: Number(sequence), hash: String(hash) }),
    told: Number(row.sequence),
    pruned,
  }
}

function holdOf(row: SqlRow): Hold {
  return {
    id: String(row.id),
    field: String(row.field) as HoldField,
    value: String(row.value),
    note: String(row.note),
    createdMs: Number(row.created_ms),
  }
}
