import { unreachable } from '../../base/unreachable.ts'
import { allow, type Decision, type DenialOf, denyWith } from '../decision.ts'
import type { Turn } from '../ports.ts'
import { spreadOf } from '../spread.ts'

const maxSpreadSeconds = 4

/**
 * Turns a request away for which there is no time, before anything is computed for it. Pure.
 * @param requestId spreads the hints of those who are turned away together
 * @see RFC 9110 15.6.4, 10.2.3
 */
export function shed(turn: Turn, requestId: string): Decision<null> {
  switch (turn) {
    case 'taken':
      return inTime
    case 'late':
      return overloaded('admit', 'the thread is late', requestId)
    case 'full':
      return overloaded('admit', 'too many requests are in flight', requestId)
    case 'gone':
      return overloaded('admit', 'the client went away before its turn', requestId)
    default:
      return unreachable(turn)
  }
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
