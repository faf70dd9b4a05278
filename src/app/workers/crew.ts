import type { StartedCrew } from './control.ts'
import { openDataWorker } from './data-worker.ts'
import { attachSharedState } from './shared-state.ts'
import type { ThreadControl } from './thread.ts'
import { startThreads } from './thread-crew.ts'

/** Starts the data plane: a single worker needs no thread of its own, several have one each. */
export function startCrew(control: ThreadControl): StartedCrew {
  const { shared } = control
  if (shared.workers > 1) return startThreads(control)
  return {
    open: (policy) =>
      openDataWorker(policy, {
        ...control,
        ...attachSharedState(shared, 0),
        trail: control.connectTrail(),
      }),
    async end() {},
  }
}
