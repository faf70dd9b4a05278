import type { LogFileSettings, LogSettings, Settings } from '../program/settings.ts'
import { everyLine } from '../program/thinning.ts'
import type { DroppedLines } from '../sinks/line-output.ts'
import { createLog, jsonLines, type Log, linesOfLog } from '../sinks/log.ts'
import { fileTrouble } from '../sinks/log-file/open-file.ts'
import { type LogOutput, openLogOutput } from '../sinks/log-output.ts'
import type { LogExport, LogExportFigures } from '../sinks/log-records.ts'
import type { ResourceFacts } from '../sinks/otlp/encode.ts'
import { lastExportsMs } from './last-exports.ts'
import { StartError } from './start-error.ts'
import { openLogExport, openLogRecords } from './telemetry.ts'

/** The log of the process: every line of the control plane and of the workers goes through it. */
export interface GateLog {
  readonly log: Log
  /** Takes complete lines of workers. */
  readonly lines: (lines: string) => void
  /** Takes complete records of workers, for a collector. */
  readonly records: (records: string) => void
  readonly dropped: DroppedLines
  /** Null where no collector gets records. */
  readonly exported: () => LogExportFigures | null
  /** Null where there is no file. */
  readonly isFileWritable: boolean | null
  /** @throws StartError when the file cannot be written */
  begin(settings: Pick<Settings, 'log' | 'telemetry'>, facts: ResourceFacts): Promise<void>
  /** What is left out from now on; where lines go stays. */
  apply(settings: LogSettings): void
  /** Opens the file anew; stdout stays. */
  reopen(): Promise<void>
  /** Sends what a collector is to get, until then; what is lost is told of. */
  drain(untilMs: number): Promise<void>
  /** Sends and writes what came after `drain` as far as there is time. */
  close(): Promise<void>
}

/** @param taker takes the lines in place of what the configuration names */
export function openGateLog(taker?: (lines: string) => void): GateLog {
  const output = taker ? handTo(taker) : openLogOutput(linesOfLog)
  let thinning = everyLine
  let collector: LogExport | null = null
  let untilMs: number | null = null
  const log = createLog(() => thinning, jsonLines(output.write))
  return {
    log,
    lines: output.write,
    records: (records) => collector?.write(records),
    dropped: output.dropped,
    exported: () => collector?.figures() ?? null,
    get isFileWritable() {
      return output.isFileWritable
    },
    async begin({ log: { file, thinning: wanted }, telemetry }, facts) {
      thinning = wanted
      await output
        .begin(file, ({ event, ...fields }) => log.event(event, fields))
        .catch((error: unknown) => refuse(file, error))
      collector = await openLogExport(telemetry, facts, log.event)
      const records = collector && (await openLogRecords(telemetry, collector.write))
      if (records) log.also(records)
    },
    apply(settings) {
      thinning = settings.thinning
    },
    reopen: output.reopen,
    async drain(endMs) {
      untilMs = endMs
      await collector?.drain(endMs)
    },
    async close() {
      await collector?.stop(untilMs ?? Date.now() + lastExportsMs)
      await output.close()
    },
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
