import { isRequestRecord } from './log-records/record-text.ts'
import { type ResourceFacts, resourceText, scopeText } from './otlp/encode.ts'
import { announceOutages, type Tell } from './otlp/outage.ts'
import { createRetries } from './otlp/retries.ts'
import { type OtlpTarget, send } from './otlp/send.ts'
import { type DroppedLines, siftLines } from './sift-lines.ts'

export interface LogExportOptions {
  readonly target: OtlpTarget
  readonly facts: ResourceFacts
  readonly tell: Tell
  /** Octets held back for a collector that is slow; denials and events have as many again to themselves. */
  readonly maxHeld?: number
  /** Between two batches, where little happens. */
  readonly everyMs?: number
}

/** Log records of the whole process, on their way to a collector. */
export interface LogExport {
  /** Takes complete lines, each a `LogRecord`. */
  write(records: string): void
  readonly figures: LogExportFigures
  /** Sends what is held as long as the collector takes it; the rest is let go and told of. */
  drain(untilMs: number): Promise<void>
  /** Sends what came after `drain`, the last line of the process, likewise. */
  stop(untilMs: number): Promise<void>
}

export interface LogExportFigures {
  readonly exported: number
  readonly dropped: DroppedLines
}

const defaultMaxHeld = 4 * 1024 * 1024
const maxBatch = 512 * 1024
const defaultEveryMs = 1000
const tellEveryMs = 60_000
const newline = 0x0a
const comma = 0x2c

/**
 * Queues records and sends them in batches. Nobody who writes waits. What finds no room is let go, requests that passed first,
 * and counted; a batch that the collector may take later stays at the head of the queue until it does.
 */
export function exportLogs({
  target,
  facts,
  tell,
  maxHeld = defaultMaxHeld,
  everyMs = defaultEveryMs,
}: LogExportOptions): LogExport {
  const outages = announceOutages('logs', tell)
  const retries = createRetries(everyMs, Number.POSITIVE_INFINITY)
  const head = Buffer.from(
    `{"resourceLogs":[{${resourceText(facts)},"scopeLogs":[{${scopeText(facts.version)},"logRecords":[`,
  )
  const tail = Buffer.from(']}]}]}')
  const figures = { exported: 0, dropped: { requests: 0, events: 0 } }
  const told = { requests: 0, events: 0 }
  let toldMs = 0
  let queue: Buffer[] = []
  let held = 0
  let ending = false
  let over = false
  let underWay: Promise<unknown> | null = null
  const timer = setInterval(tick, everyMs)
  timer.unref()

  return { write, figures, drain, stop: sendAll }

  function write(records: string): void {
    const kept = held + records.length <= maxHeld ? records : sift(records, held, maxHeld)
    if (kept === '') return
    const octets = Buffer.from(kept)
    queue.push(octets)
    held += octets.length
    if (held >= maxBatch) flush()
  }

  /** What of these records there is room for. */
  function sift(records: string, before: number, room: number): string {
    return siftLines(records, before, room, isRequestRecord, figures.dropped)
  }

  function tick(): void {
    flush()
    if (Date.now() - toldMs >= tellEveryMs) tellOfDropped()
  }

  function tellOfDropped(): void {
    const { requests, events } = figures.dropped
    const news = { requests: requests - told.requests, events: events - told.events }
    if (news.requests + news.events === 0) return
    Object.assign(told, { requests, events })
    toldMs = Date.now()
    tell('log_records_dropped', news)
  }

  function flush(): void {
    if (underWay || ending || queue.length === 0 || retries.waiting) return
    underWay = sendBatch().finally(() => {
      underWay = null
      if (held >= maxBatch) flush()
    })
  }

  /** @returns whether the next batch may be sent: the collector answered for good */
  async function sendBatch(withinMs?: number): Promise<boolean> {
    const batch = queue.slice(0, piecesOfBatch(queue))
    const { list, records } = listOf(batch)
    const sent = await send(target, 'logs', Buffer.concat([head, list, tail]), withinMs)
    // What took longer than there was time for has been let go.
    if (over) return false
    if (sent.kind === 'later') {
      outages.failed(sent.detail)
      retries.later(sent.afterMs)
      return false
    }
    queue = queue.slice(batch.length)
    held -= list.length
    retries.done()
    const lost = sent.kind === 'taken' ? Math.min(sent.rejected, records) : records
    figures.exported += records - lost
    if (lost > 0) {
      letGo(batch, lost)
      outages.failed(sent.detail)
    } else {
      outages.succeeded()
      tellOfDropped()
    }
    return true
  }

  /** A collector does not say which ones it rejected: requests that passed, as far as there were any. */
  function letGo(batch: readonly Buffer[], lost: number): void {
    const counted = { requests: 0, events: 0 }
    siftLines(Buffer.concat(batch).toString(), 0, 0, isRequestRecord, counted)
    const requests = Math.min(lost, counted.requests)
    figures.dropped.requests += requests
    figures.dropped.events += lost - requests
  }

  async function drain(untilMs: number): Promise<void> {
    await sendAll(untilMs)
    tellOfDropped()
  }

  async function sendAll(untilMs: number): Promise<void> {
    clearInterval(timer)
    ending = true
    if (underWay) await Promise.race([underWay, until(untilMs)])
    for (let sound = true; sound && queue.length > 0 && Date.now() < untilMs; )
      sound = await sendBatch(untilMs - Date.now())
    if (queue.length === 0) return
    over = underWay !== null
    sift(Buffer.concat(queue).toString(), 0, 0)
    queue = []
    held = 0
  }
}

function until(epochMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, epochMs - Date.now())).unref())
}

/** How many pieces of a queue go together. */
function piecesOfBatch(queue: readonly Buffer[]): number {
  let octets = 0
  const end = queue.findIndex((piece, index) => {
    octets += piece.length
    return index > 0 && octets > maxBatch
  })
  return end === -1 ? queue.length : end
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
