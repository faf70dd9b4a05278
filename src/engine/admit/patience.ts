import type { Priority } from '../../program/program.ts'

/**
 * How long a request may have waited in a queue before it is turned away, by Controlled Delay: a burst that a queue works
 * off may wait `burstMs`; in a queue that has not been empty for so long, what waited more than a few milliseconds is
 * turned away, so that the queue stays short and what is served is served soon.
 *
 * The lowest priority gives way first: each rank may wait ten times as long as the one below.
 * @see B. Maurer, Fail at Scale, ACM Queue 13(8), 2015; K. Nichols and V. Jacobson, Controlling Queue Delay, 2012; RFC 8289
 */
export const burstMs = 100

const standingMs = { low: 0, normal: 5, high: 50, critical: 500 } as const satisfies Record<Priority, number>

/** @param standing the queue has not been empty for `burstMs` */
export function mayWaitMs(priority: Priority, standing: boolean): number {
  return standing ? standingMs[priority] : Math.max(burstMs, standingMs[priority])
}
