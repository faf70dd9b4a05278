import type { Log } from '../sinks/log.ts'
import type { ReloadFigures } from '../sinks/metrics/process-figures.ts'

/** Counts reloads as the log tells them. */
export function tallyReloads(log: Log): { readonly log: Log; readonly figures: () => ReloadFigures } {
  let succeeded = 0
  let failed = 0
  let lastFailed = false
  let lastSuccessMs = Date.now()
  return {
    log: {
      ...log,
      event(event, fields) {
        if (event === 'reload') {
          succeeded++
          lastFailed = false
          lastSuccessMs = Date.now()
        } else if (event === 'reload_failed') {
          failed++
          lastFailed = true
        }
        log.event(event, fields)
      },
    },
    figures: () => ({ succeeded, failed, lastFailed, lastSuccessMs }),
  }
}
