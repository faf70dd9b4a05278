import { type DroppedLines, openLineOutput } from './line-output.ts'
import { isRequestRecord } from './log-records/record-text.ts'
import { type ResourceFacts, resourceText, scopeText } from './otlp/encode.ts'
import { announceOutages, type Tell } from './otlp/outage.ts'
import { createRetries } from './otlp/retries.ts'
import { type OtlpTarget, send, settledWithin } from './otlp/send.ts'

export interface LogExportOptions {
  readonly target: OtlpTarget
  readonly facts: ResourceFacts
  readonly tell: Tell
  /** Of the queue beside the batch that is sent; see `LineOutputOptions`. */
  readonly maxHeld?: number
  /** Between two batches, where little happens. */
  readonly everyMs?: number
}

/** Log records of the whole process, on their way to a collector. */
export interface LogExport {
  /** Takes complete lines, each a `LogRecord`. */
  write(records: string): void
  figures(): LogExportFigures
  /** Sends what is held as long as the collector takes it; the rest is let go and told of. */
  drain(untilMs: number): Promise<void>
  /** Sends what came after `drain`, the last line of the process, likewise. */
  stop(untilMs: number): Promise<void>
}

export interface LogExportFigures {
  readonly exported: number
  readonly dropped: DroppedLines
}

const maxBatch = 512 * 1024
const defaultEveryMs = 1000
const newline = 0x0a
const comma = 0x2c
const gone = Object.assign(new Error('nobody takes records any more'), { code: 'EPIPE' })

/**
 * Queues records as lines are queued for a slow reader, and sends them in batches. A batch that the collector may take later is
 * kept until it does; meanwhile the queue fills, and lets requests that passed go first.
 */
export function exportLogs({
  target,
  facts,
  tell,
  maxHeld,
  everyMs = defaultEveryMs,
}: LogExportOptions): LogExport {
  const outages = announceOutages('logs', tell)
  const retries = createRetries(everyMs, Number.POSITIVE_INFINITY)
  const head = Buffer.from(
    `{"resourceLogs":[{${resourceText(facts)},"scopeLogs":[{${scopeText(facts.version)},"logRecords":[`,
  )
  const tail = Buffer.from(']}]}]}')
  let batch: Buffer[] = []
  let octets = 0
  let exported = 0
  let told = { requests: 0, events: 0 }
  let ending = false
  let isOver = false
  let underWay: Promise<boolean> | null = null
  const queue = openLineOutput({
    put,
    droppedLine: () => '',
    isRequest: isRequestRecord,
    gone: () => {},
    ...(maxHeld !== undefined && { maxHeld }),
  })
  const timer = setInterval(flush, everyMs)
  timer.unref()

  return { write: queue.write, figures: () => ({ exported, dropped: queue.dropped }), drain, stop: sendAll }

  /** Moves lines from the queue to the batch, while that is not on its way. */
  function put(lines: Buffer): number {
    if (isOver) throw gone
    if (underWay || retries.waiting || octets >= maxBatch) return 0
    batch.push(lines)
    octets += lines.length
    if (octets >= maxBatch) flush()
    return lines.length
  }

  /** Once the collector takes all again, or at the end: told before, it would be lost as well, and be told of. */
  function tellOfDropped(): void {
    const { requests, events } = queue.dropped
    const news = { requests: requests - told.requests, events: events - told.events }
    told = { requests, events }
    if (news.requests + news.events > 0) tell('log_records_dropped', news)
  }

  function flush(): void {
    if (!underWay && !ending && !retries.waiting && batch.length > 0) void sendNext()
  }

  function sendNext(withinMs?: number): Promise<boolean> {
    underWay = sendBatch(withinMs).finally(() => {
      underWay = null
      queue.resume()
    })
    return underWay
  }

  /** @returns whether the collector answered for good, so that another batch may be tried */
  async function sendBatch(withinMs?: number): Promise<boolean> {
    const { list, records } = listOf(batch)
    const sent = await send(target, 'logs', Buffer.concat([head, list, tail]), withinMs)
    if (isOver) return false
    if (sent.kind === 'later') {
      outages.failed(sent.detail)
      retries.later(sent.afterMs)
      return false
    }
    retries.done()
    const lost = sent.kind === 'taken' ? Math.min(sent.rejected, records) : records
    exported += records - lost
    if (lost > 0) {
      outages.failed(sent.detail)
      queue.drop(classesOf(batch, lost))
    } else {
      outages.succeeded()
      tellOfDropped()
    }
    batch = []
    octets = 0
    return true
  }

  async function drain(untilMs: number): Promise<void> {
    await sendAll(untilMs)
    tellOfDropped()
  }

  async function sendAll(untilMs: number): Promise<void> {
    clearInterval(timer)
    ending = true
    const leftMs = () => Math.max(0, untilMs - Date.now())
    if (underWay) await settledWithin(leftMs(), underWay)
    for (let sound = underWay === null; sound && leftMs() > 0; ) {
      retries.done()
      queue.resume()
      if (batch.length === 0) return
      sound = await sendNext(leftMs())
    }
    if (batch.length === 0 && queue.isEmpty) return
    isOver = true
    queue.drop(classesOf(batch, Number.POSITIVE_INFINITY))
    batch = []
    queue.resume()
  }
}

/** Of so many records of a batch, how many are of requests that passed: as far as there are any, since nobody says which. */
function classesOf(batch: readonly Buffer[], lost: number): DroppedLines {
  const lines = Buffer.concat(batch).toString().split('\n').slice(0, -1)
  const passed = lines.filter(isRequestRecord).length
  const requests = Math.min(lost, passed)
  return { requests, events: Math.min(lost, lines.length) - requests }
}

/** Members of a JSON array, out of lines. No JSON text has a line break in it, so each is the end of a record. */
function listOf(pieces: readonly Buffer[]): { readonly list: Buffer; readonly records: number } {
  const list = Buffer.concat(pieces)
  let records = 1
  for (let at = list.indexOf(newline); at < list.length - 1; at = list.indexOf(newline, at)) {
    list[at] = comma
    records++
  }
  return { list, records }
}
