import { attachDesk, type CountersMemory } from '../stores/counters-memory.ts'

/** How often it is to be looked at. */
export const lookAtClockEveryMs = 1000
/** Readings of two clocks are no nearer to each other than this. */
const leastStepMs = 100
/** Between readings that lie further apart this process did not run. */
const momentMs = 10

/**
 * Tells the buckets when the clock of the machine is set back, by one that nobody sets: else each caller would be held back for
 * as long as it was set back. It counts as no time passed. A clock that is set ahead refills buckets.
 * @returns looks at both clocks
 */
export function followClock(memory: CountersMemory): () => void {
  const desk = attachDesk(memory)
  let [wallMs, steadyMs] = [Date.now(), performance.now()]

  return () => {
    const beforeMs = performance.now()
    const nowMs = Date.now()
    const afterMs = performance.now()
    if (afterMs - beforeMs > momentMs) return
    const setBackMs = afterMs - steadyMs - (nowMs - wallMs)
    // Small steps add up until they are told of.
    if (setBackMs >= 0 && setBackMs < leastStepMs) return
    wallMs = nowMs
    steadyMs = afterMs
    if (setBackMs > 0) desk.noteSetBack(setBackMs)
  }
}
