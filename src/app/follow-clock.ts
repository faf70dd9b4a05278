import { attachDesk, type CountersMemory } from '../stores/counters-memory.ts'

const lookEveryMs = 1000
/** What is less is the wait between two readings, or as good as none. */
const leastStepMs = 1000

/**
 * Tells the buckets when the clock of the machine is set back, by one that nobody sets: else each caller would be held back for
 * as long as it was set back. It counts as no time passed. A clock that is set ahead refills buckets.
 */
export function followClock(memory: CountersMemory): { stop(): void } {
  const desk = attachDesk(memory)
  let [wallMs, steadyMs] = [Date.now(), performance.now()]
  const timer = setInterval(look, lookEveryMs).unref()
  return { stop: () => clearInterval(timer) }

  function look(): void {
    const [beforeMs, beforeSteadyMs] = [wallMs, steadyMs]
    wallMs = Date.now()
    steadyMs = performance.now()
    const setBackMs = steadyMs - beforeSteadyMs - (wallMs - beforeMs)
    if (setBackMs > leastStepMs) desk.noteSetBack(setBackMs)
  }
}
