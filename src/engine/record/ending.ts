import type { Denial } from '../decision.ts'
import type { Journal } from '../outcome.ts'

/** How one exchange ended. Exactly one is made for every request, whatever happened to it. */
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

/** Takes note of endings: a log, metrics. Never throws. */
export interface RecordSink {
  write(ending: Ending): void
}
