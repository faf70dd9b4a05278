import type { Priority } from '../../program/program.ts'

/** A queue that has not been empty for so long does not go away by itself. */
export const burstMs = 100

/** Of the wait that a request of normal priority is allowed. */
const factors = { low: 0.5, normal: 1, high: 10, critical: 100 } as const satisfies Record<Priority, number>

/** How full the gate may be before a rank gives way: the room above is kept for those who come after it. */
const roomFor = { low: 0.5, normal: 0.8, high: 0.9, critical: 1 } as const satisfies Record<Priority, number>

/** @param fullness requests in flight, as a share of the bound */
export function hasRoom(priority: Priority, fullness: number): boolean {
  return fullness < roomFor[priority]
}

/**
 * How long a request may have waited in a queue before it is turned away, by Controlled Delay: a burst that a queue works
 * off may wait; in a queue that stands, what waited more than a few milliseconds is turned away, so that the queue stays
 * short and what is served is served soon.
 *
 * The lowest priority gives way first: each rank may wait longer than the one below.
 * @param standing the queue does not go away by itself
 * @param delayMs what a request of normal priority may wait in a queue that stands
 * @see B. Maurer, Fail at Scale, ACM Queue 13(8), 2015; K. Nichols and V. Jacobson, Controlling Queue Delay, 2012; RFC 8289
 */
export function mayWaitMs(priority: Priority, standing: boolean, delayMs: number): number {
  const limitMs = delayMs * factors[priority]
  return standing ? limitMs : Math.max(burstMs, limitMs)
}
