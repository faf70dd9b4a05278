import type { LogFileSettings, LogSettings } from '../program/settings.ts'
import { everyLine } from '../program/thinning.ts'
import type { DroppedLines } from '../sinks/line-output.ts'
import { createLog, eventLine, isRequestLine, type Log } from '../sinks/log.ts'
import { fileTrouble } from '../sinks/log-file/open-file.ts'
import { type LogOutput, openLogOutput } from '../sinks/log-output.ts'
import { StartError } from './start-error.ts'

/** The log of the process: every line of the control plane and of the workers goes through it. */
export interface GateLog {
  readonly log: Log
  readonly dropped: DroppedLines
  /** Null where there is no file. */
  readonly isFileWritable: boolean | null
  /** @throws StartError when the file cannot be written */
  begin(settings: LogSettings): Promise<void>
  /** What is left out from now on; where lines go stays. */
  apply(settings: LogSettings): void
  /** Opens the file anew; stdout stays. */
  reopen(): Promise<void>
  close(): Promise<void>
}

/** @param taker takes the lines in place of what the configuration names */
export function openGateLog(taker?: (lines: string) => void): GateLog {
  const output = taker ? handTo(taker) : openLogOutput({ droppedLine, isRequest: isRequestLine })
  let thinning = everyLine
  const log = createLog(output.write, () => thinning)
  return {
    log,
    dropped: output.dropped,
    get isFileWritable() {
      return output.isFileWritable
    },
    async begin({ file, thinning: wanted }) {
      thinning = wanted
      await output
        .begin(file, ({ event, ...fields }) => log.event(event, fields))
        .catch((error: unknown) => refuse(file, error))
    },
    apply(settings) {
      thinning = settings.thinning
    },
    reopen: output.reopen,
    close: output.close,
  }
}

function handTo(taker: (lines: string) => void): LogOutput {
  const nothing = async () => {}
  const dropped = { requests: 0, events: 0 }
  return { write: taker, dropped, isFileWritable: null, begin: nothing, reopen: nothing, close: nothing }
}

function refuse(file: LogFileSettings | null, error: unknown): never {
  if (file === null) throw error
  const { what, fix } = fileTrouble(error)
  const message = `${file.path} cannot be written as a log: ${what}`
  throw new StartError('1 problem', [
    { severity: 'error', rule: 'log-file', position: file.position, message, fix },
  ])
}

export function droppedLine({ requests, events }: DroppedLines): string {
  return eventLine('log_dropped', { requests, events })
}
