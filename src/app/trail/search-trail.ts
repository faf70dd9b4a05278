import type { TrailRow, TrailStore } from '../../engine/trail-store.ts'
import { apart, entriesAtOnce } from '../../sinks/trail/grouped-entries.ts'
import { type EntryFacts, factsOf } from './entry-facts.ts'
import { lastBefore } from './prune-trail.ts'

export interface TrailFilter {
  readonly subject: string | null
  readonly operation: string | null
  readonly requestId: string | null
  readonly decision: 'allow' | 'deny' | null
  /** Epoch milliseconds; `untilMs` excluded. */
  readonly sinceMs: number | null
  readonly untilMs: number | null
}

/** An entry as it is shown. An outcome has what its intent says of who did what, where that is near. */
export interface FoundEntry {
  readonly time: string
  readonly chain: string
  readonly sequence: number
  readonly kind: string
  readonly decision: 'allow' | 'deny' | null
  readonly facts: EntryFacts
}

/** An outcome comes soon after its intent; of so many intents it is known what they were. */
const maxIntents = 20_000
const unreadable: EntryFacts = { kind: 'unreadable' }
/** What an outcome takes over. */
const shared = [
  'operation',
  'method',
  'object',
  'subject',
  'issuer',
  'client',
  'key_id',
  'schemes',
  'address',
]

/** Entries that fit, of all chains, by time, without checkpoints. */
export async function* searchTrail(store: TrailStore, filter: TrailFilter): AsyncGenerator<FoundEntry> {
  const readers: ChainReader[] = []
  for (const { chain, sequence, pruned } of await store.chains()) {
    const from = pruned?.sequence ?? 0
    const before =
      filter.sinceMs === null ? null : await lastBefore(store, chain, from, sequence, filter.sinceMs)
    const reader = new ChainReader(store, chain, before?.sequence ?? from)
    if (await reader.fill()) readers.push(reader)
  }
  const intents = new Map<unknown, EntryFacts>()
  while (readers.length > 0) {
    let next = readers[0] as ChainReader
    for (const reader of readers) if (reader.timeMs < next.timeMs) next = reader
    if (filter.untilMs !== null && next.timeMs >= filter.untilMs) return
    const row = next.take()
    for (const text of apart(row.text)) {
      const found = entryOf(next.chain, { ...row, text }, intents)
      if (fits(found, filter)) yield found
    }
    if (!(await next.fill())) readers.splice(readers.indexOf(next), 1)
  }
}

class ChainReader {
  readonly chain: string
  readonly #store: TrailStore
  #rows: readonly TrailRow[] = []
  #place = 0
  #last: number

  constructor(store: TrailStore, chain: string, after: number) {
    this.#store = store
    this.chain = chain
    this.#last = after
  }

  get timeMs(): number {
    return this.#rows[this.#place]?.timeMs ?? 0
  }

  /** @returns whether there is a next entry */
  async fill(): Promise<boolean> {
    if (this.#place < this.#rows.length) return true
    this.#rows = await this.#store.read(this.chain, this.#last, entriesAtOnce)
    this.#place = 0
    return this.#rows.length > 0
  }

  take(): TrailRow {
    const row = this.#rows[this.#place++] as TrailRow
    this.#last = row.sequence
    return row
  }
}

function entryOf(chain: string, row: TrailRow, intents: Map<unknown, EntryFacts>): FoundEntry {
  // That something was tampered with, `verify` tells.
  const { kind, ...read } = factsOf(row.text) ?? unreadable
  let facts = read
  if (kind === 'intent') {
    intents.set(facts.request_id, facts)
    for (const [oldest] of intents) {
      if (intents.size <= maxIntents) break
      intents.delete(oldest)
    }
  } else if (kind === 'outcome') {
    const intent = intents.get(facts.request_id)
    intents.delete(facts.request_id)
    if (intent) facts = { ...Object.fromEntries(shared.map((name) => [name, intent[name]])), ...facts }
  }
  const { sequence, timeMs } = row
  const time = new Date(timeMs).toISOString()
  return { time, chain, sequence, kind: String(kind), decision: decisionOf(String(kind), facts), facts }
}

function decisionOf(kind: string, facts: EntryFacts): FoundEntry['decision'] {
  if (kind === 'intent') return 'allow'
  if (kind === 'denial' || kind === 'denials') return 'deny'
  if (kind === 'outcome') return 'reason' in facts ? 'deny' : 'allow'
  return null
}

function fits({ kind, decision, facts }: FoundEntry, filter: TrailFilter): boolean {
  if (kind === 'checkpoint') return false
  if (filter.decision !== null && decision !== filter.decision) return false
  if (filter.subject !== null && facts.subject !== filter.subject) return false
  if (filter.operation !== null && facts.operation !== filter.operation) return false
  return filter.requestId === null || facts.request_id === filter.requestId
}
