import type { Thinning } from '../../program/thinning.ts'
import type { Ending } from './ending.ts'
import { samplesTrace } from './samples-trace.ts'

/**
 * Share of such lines that are written, this one among them; 0: it is not written.
 * INVARIANT: 1 for whatever tells of something amiss: a denial, a report, an answer of 5xx, a client that went away, an intent
 * that is not on the trail, an answer that was not looked at or was cut, a caller that could not be counted as it should.
 */
export function shareOfLine({ requests, slowMs }: Thinning, ending: Ending): number {
  if (requests >= 1 || isAmiss(ending) || (slowMs !== null && ending.durationMs >= slowMs)) return 1
  return samplesTrace(ending.journal.traceId, requests) ? requests : 0
}

function isAmiss({ journal, denial, status }: Ending): boolean {
  return (
    denial !== null ||
    status === null ||
    status >= 500 ||
    journal.reported.length > 0 ||
    journal.trailFault !== null ||
    journal.answerUnseen !== null ||
    journal.answerStripped > 0 ||
    journal.limitFallbacks.length > 0
  )
}

/** Whether the line of an event that is no request is written. */
export function isWritten({ silent }: Thinning, event: string): boolean {
  return !(silent as readonly string[]).includes(event)
}
