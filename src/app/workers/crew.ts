import type { Crew, Policy } from './control.ts'
import { openDataWorker } from './data-worker.ts'
import { attachSharedState } from './shared-state.ts'
import type { ThreadControl } from './thread.ts'
import { openThreadCrew } from './thread-crew.ts'

/**
 * Opens the data plane: a single worker needs no thread of its own, several have one each.
 * @throws StartError when a file, a driver or a port does not allow it
 */
export function openCrew(policy: Policy, control: ThreadControl): Promise<Crew> {
  const { shared } = control
  if (shared.workers > 1) return openThreadCrew(policy, control)
  return openDataWorker(policy, { ...control, ...attachSharedState(shared, 0) })
}
