import { writeSync } from 'node:fs'
import type { LogFileSettings } from '../program/settings.ts'
import { type LineOutput, type LineOutputOptions, openLineOutput } from './line-output.ts'
import { type LogFile, type LogFileNews, openLogFile } from './log-file/log-file.ts'

/** The one way out for the lines of a process. */
export interface LogOutput extends Pick<LineOutput, 'write' | 'dropped'> {
  /**
   * Lines go to stdout, or to a file, from now on; until then they are held.
   * @param file null: stdout
   * @throws as `openLogFile` does
   */
  begin(file: LogFileSettings | null, onNews: (news: LogFileNews) => void): Promise<void>
  /** Null where there is no file. */
  readonly isFileWritable: boolean | null
  /** Opens the file anew; stdout stays. */
  reopen(): Promise<void>
  /** Waits for what is held, for up to a second, and closes the file. */
  close(): Promise<void>
}

const endPatienceMs = 1000
const askEveryMs = 5
const sayAgainAfterMs = 60_000

/** What is held at the end of the process is written then; where nobody said where to, to stdout. */
export function openLogOutput(lines: Pick<LineOutputOptions, 'droppedLine' | 'isRequest'>): LogOutput {
  let begun = false
  let file: LogFile | null = null
  let sayFromMs = 0
  const output = openLineOutput({
    ...lines,
    put(octets) {
      if (file) return file.put(octets)
      // The stream makes a pipe or socket such that writing to it never blocks.
      return begun ? writeSync(process.stdout.fd, octets) : 0
    },
    gone: say,
  })
  process.once('exit', end)
  return {
    write: output.write,
    dropped: output.dropped,
    begin,
    get isFileWritable() {
      return file?.isWritable ?? null
    },
    reopen,
    close,
  }

  async function begin(settings: LogFileSettings | null, onNews: (news: LogFileNews) => void): Promise<void> {
    if (settings) file = await openLogFile({ settings, onRoom: output.resume, onNews: tell })
    begun = true
    output.resume()

    function tell(news: LogFileNews): void {
      if (news.detail !== undefined && Date.now() >= sayFromMs) {
        sayFromMs = Date.now() + sayAgainAfterMs
        say(news.detail)
      }
      onNews(news)
    }
  }

  async function reopen(): Promise<void> {
    await file?.reopen()
  }

  async function close(): Promise<void> {
    if (!file) return
    const untilMs = Date.now() + endPatienceMs
    while (!(output.isEmpty && file.isIdle) && Date.now() < untilMs)
      await new Promise((resolve) => setTimeout(resolve, askEveryMs))
    if (!output.isEmpty || !file.isIdle) return
    process.removeListener('exit', end)
    await file.close()
  }

  function end(): void {
    begun = true
    if (file && !file.finish()) say('the log file cannot be written; its last lines are lost')
    output.end()
  }
}

/** For whoever reads no log, since it cannot be written. */
function say(detail: string): void {
  process.stderr.write(`portcullis: ${detail}\n`)
}
