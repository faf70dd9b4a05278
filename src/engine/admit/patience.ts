import type { Priority } from '../../program/program.ts'

/** A queue that has not been empty for so long does not go away by itself. */
export const burstMs = 100

/** Of the wait that is allowed. */
const factors = { low: 0, normal: 1, high: 10, critical: 100 } as const satisfies Record<Priority, number>

/**
 * How long a request may have waited in a queue before it is turned away, by Controlled Delay: a burst that a queue works
 * off may wait; in a queue that stands, what waited more than a few milliseconds is turned away, so that the queue stays
 * short and what is served is served soon.
 *
 * The lowest priority gives way first: each rank may wait ten times as long as the one below.
 * @param standing the queue has not been empty for `burstMs`
 * @param allowedMs what a request of normal priority may wait in a queue that stands
 * @see B. Maurer, Fail at Scale, ACM Queue 13(8), 2015; K. Nichols and V. Jacobson, Controlling Queue Delay, 2012; RFC 8289
 */
export function mayWaitMs(priority: Priority, standing: boolean, allowedMs: number): number {
  const limitMs = allowedMs * factors[priority]
  return standing ? limitMs : Math.max(burstMs, limitMs)
}
