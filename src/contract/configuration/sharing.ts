import type { SharingPlan } from '../../program/program.ts'
import type { Section } from '../section.ts'

const modes = ['exact', 'leased', 'local'] as const
const faultModes = ['local', 'deny', 'allow'] as const satisfies readonly SharingPlan['onStoreFault'][]
const maxDefaultLease = 100

/** What a limit is that nothing else is said of, where gateways share a store. */
export const sharedExactly: SharingPlan = { mode: 'exact', lease: 0, onStoreFault: 'local' }

/**
 * Reads how gateways count a limit together; undefined where each counts for itself.
 * @param otherwise the mode when none is written. Before authentication it is `local`: there whoever sends requests decides
 * how often the store would be asked, and under which keys
 */
export function readSharing(
  section: Section,
  burst: number,
  otherwise: 'exact' | 'local',
): SharingPlan | undefined {
  const mode = section.choice('mode', modes) ?? otherwise
  const lease = section.integer('lease', 1, burst)
  const onStoreFault = section.choice('onStoreFault', faultModes) ?? 'local'
  if (mode !== 'leased' && section.has('lease'))
    section.problem('lease', 'sharing-unused', 'only a leased limit borrows', 'write mode: leased')
  if (mode === 'local') {
    if (section.has('onStoreFault'))
      section.problem('onStoreFault', 'sharing-unused', 'a local limit asks no store', 'write mode: exact')
    return undefined
  }
  if (onStoreFault === 'allow')
    section.report.warn(
      'limit-fault-allow',
      section.position('onStoreFault'),
      'while the store does not answer, this limit lets everybody through',
      'leave it out, to count in each gateway meanwhile',
    )
  if (mode === 'exact') return { mode, lease: 0, onStoreFault }
  return { mode, lease: lease ?? defaultLease(burst), onStoreFault }
}

/** A tenth of the bucket. */
function defaultLease(burst: number): number {
  return Math.max(1, Math.min(maxDefaultLease, Math.floor(burst / 10)))
}
