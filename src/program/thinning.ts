/**
 * Events that tell of nothing amiss and of nobody's act: they alone may be left out of the log. No denial, change of keys or
 * tokens, reload, start, stop or word of the audit trail is among them.
 */
export const harmlessEvents = [
  'request',
  'key_set_loaded',
  'ledger_read',
  'worker_replaced',
  'store_back',
  'quotas_saved',
  'breaker_closed',
  'telemetry_resumed',
] as const

export type HarmlessEvent = (typeof harmlessEvents)[number]

/** What is left out of the log. It reaches only lines that tell of nothing amiss. */
export interface Thinning {
  readonly silent: readonly HarmlessEvent[]
  /** Share of the lines of requests that passed that are written, from 0 to 1. */
  readonly requests: number
  /** Requests that took as long are always written; null: time does not matter. */
  readonly slowMs: number | null
}

export const everyLine: Thinning = { silent: [], requests: 1, slowMs: null }
