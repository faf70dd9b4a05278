import type { Priority } from '../../program/program.ts'
import { allow, type Decision, type DenialOf, denyWith } from '../decision.ts'
import type { Lateness } from '../ports.ts'
import { spreadOf } from '../spread.ts'
import { mayWaitMs } from './patience.ts'

/** How full the gate may be before a rank gives way: the room above is kept for those who come after it. */
const roomFor = { low: 0.5, normal: 0.8, high: 0.9, critical: 1 } as const satisfies Record<Priority, number>
const maxSpreadSeconds = 4

/**
 * Turns a request away for which there is no time, before anything is computed for it. Pure.
 * @param requestId spreads the hints of those who are turned away together
 * @see RFC 9110 15.6.4, 10.2.3
 */
export function shed(
  { waitedMs, standing, limitMs, serveMs, fullness }: Lateness,
  priority: Priority,
  requestId: string,
): Decision<null> {
  const mayMs = standing && priority === 'normal' ? serveMs : mayWaitMs(priority, standing, limitMs)
  if (waitedMs > mayMs) return overloaded('admit', 'the thread is late', requestId)
  if (fullness >= roomFor[priority]) return overloaded('admit', 'too many requests are in flight', requestId)
  return inTime
}
const inTime = allow(null)

/** @param retryMs when it may be tried again, at the earliest */
export function overloaded(
  stage: 'admit' | 'forward',
  detail: string,
  requestId: string,
  retryMs = 1000,
): DenialOf<'overloaded'> {
  const retryAfterSeconds =
    Math.ceil(retryMs / 1000) + Math.floor(spreadOf(requestId) * (maxSpreadSeconds + 1))
  return denyWith(stage, 'overloaded', detail, { retryAfterSeconds: Math.max(1, retryAfterSeconds) })
}
