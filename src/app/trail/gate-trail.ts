import type { Trail } from '../../engine/ports.ts'
import type { RecordSink } from '../../engine/record/ending.ts'
import type { Settings } from '../../program/settings.ts'
import { createDenialRing } from '../../sinks/denial-ring.ts'
import type { EventFields } from '../../sinks/log.ts'
import { attachTrail } from '../../sinks/trail/trail-client.ts'
import { denialFolder } from './find-denial.ts'
import { startTrail } from './start-trail.ts'

/** The audit trail of a gateway, and its last denials. */
export interface GateTrail extends Trail, RecordSink {
  stop(): Promise<void>
}

/** Where `trail: false` says so there is no trail: nothing is demanded of it then, and nothing written. */
const noTrail: GateTrail = {
  intend: async () => ({ kind: 'fault', detail: 'there is no audit trail' }),
  write: () => {},
  stop: async () => {},
}

/** @throws StartError when there is no key to sign with, and none can be made */
export function openGateTrail(
  { trail, stateDir }: Pick<Settings, 'trail' | 'stateDir'>,
  tell: (event: string, fields: EventFields) => void,
): GateTrail {
  const denials = createDenialRing(denialFolder(stateDir))
  if (trail === null) return { ...noTrail, write: denials.write, stop: async () => denials.stop() }
  const thread = startTrail({ trail, stateDir }, ({ event, ...fields }) => tell(event, fields))
  const client = attachTrail(thread.connect(), thread.hashKey)
  return {
    intend: client.intend,
    write(ending) {
      denials.write(ending)
      client.write(ending)
    },
    async stop() {
      denials.stop()
      await client.flush()
      await thread.stop()
    },
  }
}
