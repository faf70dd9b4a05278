import type { MessagePort } from 'node:worker_threads'
import type { Trail } from '../../engine/ports.ts'
import type { RecordSink } from '../../engine/record/ending.ts'
import { createDenialRing } from '../../sinks/denial-ring.ts'
import type { DenialCount } from '../../sinks/trail/denial-sieve.ts'
import { attachTrail } from '../../sinks/trail/trail-client.ts'
import { denialFolder } from './find-denial.ts'

/** How a serving thread reaches the one that writes the trail. */
export interface TrailLink {
  readonly port: MessagePort
  /** Of what stands on the trail as a keyed hash. */
  readonly hashKey: Uint8Array
}

/** The audit trail as one serving thread has it, and its last denials. */
export interface GateTrail extends Trail, RecordSink {
  /** Resolves when the writer has what was held back, or cannot take it. */
  stop(): Promise<void>
}

/**
 * @param link null where `trail: false` says that there is none: nothing is demanded of it then, and nothing written
 * @param count takes what denials are counted, for the whole process
 */
export function openGateTrail(
  link: TrailLink | null,
  stateDir: string,
  count: (counts: readonly DenialCount[]) => void,
): GateTrail {
  const denials = createDenialRing(denialFolder(stateDir))
  if (!link) {
    return {
      intend: async () => ({ kind: 'fault', detail: 'there is no audit trail' }),
      write: denials.write,
      stop: async () => denials.stop(),
    }
  }
  const client = attachTrail(link.port, link.hashKey, count)
  return {
    intend: client.intend,
    write(ending) {
      denials.write(ending)
      client.write(ending)
    },
    async stop() {
      denials.stop()
      await client.flush()
    },
  }
}
