import type { Log } from '../sinks/log.ts'

const tellAfterMs = 1000

/** Tells the log of connections that could not be taken, in one line a second: without file descriptors there are thousands. */
export function missedConnections(log: Pick<Log, 'event'>): (error: Error) => void {
  let times = 0
  return (error) => {
    times++
    if (times > 1) return
    setTimeout(() => {
      log.event('connections_missed', { times, detail: error.message })
      times = 0
    }, tellAfterMs).unref()
  }
}
