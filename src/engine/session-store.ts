import type { Outage } from './ports.ts'

/**
 * Keeps browser sessions. It knows neither their ids, only hashes of them, nor what is in them. No method rejects:
 * an outage is a value.
 */
export interface SessionStore {
  /** Prolongs what it finds by `idleMs`; 0 leaves it as it is. */
  find(key: string, idleMs: number, nowMs: number): FoundEntry | Promise<FoundEntry>
  /** @returns `refused` when there is no room */
  create(key: string, entry: SessionEntry, nowMs: number): Promise<StoreAnswer>
  /** @returns `refused` when it is not there any more, in which case nothing is kept */
  replace(key: string, entry: Pick<SessionEntry, 'sealed' | 'endsMs'>, nowMs: number): Promise<StoreAnswer>
  remove(key: string): Promise<StoreAnswer>
  /** Removes every session that was created under this index. */
  removeAll(index: string): Promise<StoreAnswer>
  /** Takes a name for oneself, across all gateways of the store. @returns `refused` when another has it */
  claim(name: string, untilMs: number, nowMs: number): Promise<StoreAnswer>
  release(name: string): Promise<void>
  /** Null when it answers, else what is waited for. */
  waitingFor(): string | null
  stop(): Promise<void>
}

export interface SessionEntry {
  readonly sealed: string
  readonly idleMs: number
  /** Epoch milliseconds; it is gone then, whatever its use. */
  readonly endsMs: number
  /** What it can be removed by, beside its key. */
  readonly indexes: readonly string[]
}

export type FoundEntry =
  | { readonly kind: 'found'; readonly sealed: string }
  | { readonly kind: 'none' }
  | Outage

export type StoreAnswer = { readonly kind: 'done' } | { readonly kind: 'refused' } | Outage
