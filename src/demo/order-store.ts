import { randomUUID } from 'node:crypto'
import { DatabaseSync } from 'node:sqlite'
import type { Json, JsonObject } from '../base/json.ts'

export type OrderStatus = 'open' | 'shipped' | 'cancelled'

/** One order as clients read it; the shape of `Order` in `examples/orders/openapi.yaml`. */
export interface Order {
  readonly id: string
  readonly status: OrderStatus
  /** RFC 3339, UTC. */
  readonly placedAt: string
  readonly items: Json
  readonly shipTo: Json
  readonly note: string | null
}

/** Keeps orders in SQLite. Every method sees the orders of one owner only. */
export class OrderStore {
  readonly #database: DatabaseSync

  /** @param file path of the database, made when missing; `:memory:` keeps nothing */
  constructor(file: string) {
    this.#database = new DatabaseSync(file)
    this.#database.exec(`
      CREATE TABLE IF NOT EXISTS orders (
        id TEXT PRIMARY KEY, owner TEXT NOT NULL, status TEXT NOT NULL, placedAt TEXT NOT NULL,
        items TEXT NOT NULL, shipTo TEXT NOT NULL, note TEXT
      ) STRICT;
      CREATE INDEX IF NOT EXISTS orders_of_owner ON orders (owner, placedAt);
    `)
  }

  list(owner: string, status: string | null, limit: number): readonly Order[] {
    const rows = this.#database
      .prepare(
        `SELECT * FROM orders WHERE owner = ? AND (? IS NULL OR status = ?)
         ORDER BY placedAt DESC, rowid DESC LIMIT ?`,
      )
      .all(owner, status, status, limit)
    return rows.map(orderOf)
  }

  read(owner: string, id: string): Order | null {
    const row = this.#database.prepare('SELECT * FROM orders WHERE owner = ? AND id = ?').get(owner, id)
    return row ? orderOf(row) : null
  }

  /** @param body a body that the contract's `NewOrder` describes; the gate has checked it */
  create(owner: string, body: JsonObject): Order {
    const order: Order = {
      id: randomUUID(),
      status: 'open',
      placedAt: new Date().toISOString(),
      items: body.items ?? [],
      shipTo: body.shipTo ?? null,
      note: typeof body.note === 'string' ? body.note : null,
    }
    this.#database
      .prepare('INSERT INTO orders (id, owner, status, placedAt, items, shipTo, note) VALUES (?,?,?,?,?,?,?)')
      .run(
        order.id,
        owner,
        order.status,
        order.placedAt,
        JSON.stringify(order.items),
        JSON.stringify(order.shipTo),
        order.note,
      )
    return order
  }

  /** Writes status, address and note of an order that is still open; null when there is no such order. */
  update(owner: string, changed: Order): Order | null {
    const { changes } = this.#database
      .prepare(
        `UPDATE orders SET status = ?, shipTo = ?, note = ? WHERE owner = ? AND id = ? AND status = 'open'`,
      )
      .run(changed.status, JSON.stringify(changed.shipTo), changed.note, owner, changed.id)
    return changes === 1 ? changed : null
  }

  close(): void {
    this.#database.close()
  }
}

function orderOf(row: Record<string, unknown>): Order {
  return {
    id: row.id as string,
    status: row.status as OrderStatus,
    placedAt: row.placedAt as string,
    items: JSON.parse(row.items as string),
    shipTo: JSON.parse(row.shipTo as string),
    note: row.note as string | null,
  }
}
