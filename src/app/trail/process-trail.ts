import type { EventFields } from '../../sinks/log.ts'
import { textOfAct } from '../../sinks/trail/act-text.ts'
import type { DenialCount } from '../../sinks/trail/denial-sieve.ts'
import { DenialTally } from '../../sinks/trail/denial-tally.ts'
import { attachTrail } from '../../sinks/trail/trail-client.ts'
import type { TrailThread } from './start-trail.ts'

/** What stands on the trail for the process, and not for one of its serving threads. */
export interface ProcessTrail {
  /** Takes what a serving thread counted. */
  count(counts: readonly DenialCount[]): void
  /** Takes the events of the log, and writes those that are acts of an administrator. */
  tell(event: string, fields: EventFields): void
  /** After the serving threads have flushed. Resolves when the writer has what was held back, or cannot take it. */
  stop(): Promise<void>
}

const everyMs = 1000

export function openProcessTrail(trail: TrailThread): ProcessTrail {
  const tally = new DenialTally()
  const client = attachTrail(trail.connect(), trail.hashKey, (counts) => tally.add(counts))
  const timer = setInterval(() => client.note(...tally.over(Date.now())), everyMs).unref()
  return {
    count: (counts) => tally.add(counts),
    tell(event, fields) {
      const text = textOfAct(event, fields)
      if (text !== null) client.note(text)
    },
    async stop() {
      clearInterval(timer)
      client.note(...tally.over(Date.now(), true))
      await client.flush()
    },
  }
}
