import { codeOfError } from '../../base/code-of-error.ts'
import type { EventFields } from '../../sinks/log.ts'

const tellAfterMs = 1000

/** Tells the log of connections that could not be taken, in one line a second: without file descriptors there are thousands. */
export function missedConnections(
  tell: (event: string, fields: EventFields) => void,
): (error: Error) => void {
  let times = 0
  return (error) => {
    times++
    if (times > 1) return
    setTimeout(() => {
      tell('connections_missed', { times, detail: codeOfError(error) })
      times = 0
    }, tellAfterMs).unref()
  }
}
