import type { Stage } from '../decision.ts'

/** Notes when a request entered each stage. Brought in by whoever has a clock, where somebody wants to know. */
export interface StageClock {
  enter(stage: Stage): void
}
