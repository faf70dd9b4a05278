import type { Denial } from '../engine/decision.ts'
import type { Journal } from '../engine/outcome.ts'

/** How one exchange ended; exactly one is made for every request, whatever happened to it. */
export interface Ending {
  readonly journal: Journal
  /** Null when the request passed, or was answered by the gateway itself. */
  readonly denial: Denial | null
  /** Null when the client went away before an answer. */
  readonly status: number | null
  readonly durationMs: number
  /** Octets of the answer's body. */
  readonly responseBytes: number
}

export interface RecordSink {
  write(ending: Ending): void
}
