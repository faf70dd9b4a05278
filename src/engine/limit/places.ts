import type { IpAddress } from '../../base/ip.ts'
import { allow, type Decision, denyWith } from '../decision.ts'
import type { Journal } from '../outcome.ts'
import type { Placed, Places, Placing } from '../ports.ts'
import { spreadOf } from '../spread.ts'
import { retryAfterSeconds } from './back-off.ts'
import type { LinkedCap } from './limit-key.ts'

/**
 * Takes a place under every cap at once, and notes what is left for the answer whatever comes of it. Places are kept until
 * `leavePlaces` or `endPlaces`.
 */
export function takePlaces(
  caps: readonly LinkedCap[],
  places: Places,
  journal: Journal,
  address: IpAddress,
  nowMs: number,
): Decision<null> {
  if (caps.length === 0) return nothingToTake
  const who = { address, principal: journal.principal, operationId: journal.operation?.id ?? null }
  const placings = caps.map(({ plan, keyFor }) => ({
    cap: plan,
    key: keyFor(who, (detail) => journal.limitFallbacks.push(detail)),
  }))
  const placed = places.take(placings, nowMs)
  for (const [index, { remaining }] of placed.states.entries())
    journal.quotas.push({ cap: (placings[index] as Placing).cap, remaining })
  if (placed.allowed) {
    journal.places = journal.places ? [...journal.places, ...placed.held] : placed.held
    if (journal.ended) leavePlaces(journal, places)
  }
  return judgePlaced(placings, placed, journal.requestId)
}
const nothingToTake = allow(null)

/** When it may be tried again where there is no room, at the earliest. */
const crowdedMs = 2000

/**
 * Turns what was answered into a decision. Pure.
 * @param requestId spreads the hints of those who are turned away together
 * @see RFC 6585 4, RFC 9110 10.2.3
 */
export function judgePlaced(
  placings: readonly Placing[],
  { allowed, states }: Pick<Placed, 'allowed' | 'states'>,
  requestId: string,
): Decision<null> {
  if (allowed) return nothingToTake
  const full = placings.flatMap(({ cap }, index) => ((states[index]?.retryMs ?? 0) > 0 ? [cap.name] : []))
  const spread = spreadOf(requestId)
  if (full.length === 0)
    return denyWith('limit', 'overloaded', 'there is no room to count one key more', {
      retryAfterSeconds: retryAfterSeconds(0, crowdedMs, spread),
    })
  const waits = states.map(({ retryMs, backOffMs }) => retryAfterSeconds(retryMs, backOffMs, spread))
  return denyWith('limit', 'quota_exceeded', `full: ${full.join(', ')}`, {
    retryAfterSeconds: Math.max(...waits),
    violatedPolicies: full,
  })
}

/** Gives back what the request holds. Again and again it gives back nothing more. */
export function leavePlaces(journal: Journal, places: Places): void {
  const held = journal.places
  if (held === null) return
  journal.places = null
  places.leave(held)
}

/** The answer has wholly ended, or never comes. A stage that is still under way keeps no place that it takes after this. */
export function endPlaces(journal: Journal, places: Places): void {
  journal.ended = true
  leavePlaces(journal, places)
}
