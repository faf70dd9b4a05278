import type { Peer } from '../base/message.ts'
import type { Journal } from '../engine/outcome.ts'
import type { Ending, RecordSink } from '../engine/record/ending.ts'
import { samplesTrace } from '../engine/record/samples-trace.ts'
import { type ResourceFacts, resourceText, scopeText } from './otlp/encode.ts'
import { announceOutages, type Tell } from './otlp/outage.ts'
import { createRetries } from './otlp/retries.ts'
import { type OtlpTarget, send, settledWithin } from './otlp/send.ts'
import { spanText } from './traces/span-text.ts'
import { StageTimes, setByTheDay } from './traces/stage-times.ts'

export interface TraceOptions {
  readonly target: OtlpTarget
  /** Share of the traces that begin here; denials are always told. A trusted proxy decides for those it began. */
  readonly sample: number
  readonly facts: ResourceFacts
  readonly tell: Tell
  /** Counts spans that a collector took, and those that are lost. */
  readonly count: (exported: number, dropped: number) => void
}

/** Spans of one thread, on their way to a collector. */
export interface Traces extends RecordSink {
  /** For each request, before the first stage. */
  follow(journal: Journal, peer: Peer): void
  /** Sends what is left, once, until then; what is not taken is lost. */
  stop(untilMs: number): Promise<void>
}

// Defaults of OpenTelemetry's batching span processor.
const maxQueued = 2048
const maxBatch = 512
const everyMs = 5000
const maxTries = 5

/**
 * Queues spans and sends them in batches. A queue that is full drops what comes, before anything is computed for it: a
 * flood of denials costs no more than its bound, and no request ever waits.
 */
export function createTraces({ target, sample, facts, tell, count }: TraceOptions): Traces {
  const outages = announceOutages('traces', tell)
  const head = `{"resourceSpans":[{${resourceText(facts)},"scopeSpans":[{${scopeText(facts.version)},"spans":[`
  const retries = createRetries(everyMs, maxTries)
  let queued: string[] = []
  let stopping = false
  let underWay: Promise<unknown> | null = null
  /** Spans of the batch on its way. */
  let onItsWay = 0
  let isOver = false
  const timer = setInterval(tick, everyMs)
  timer.unref()
  return { follow, write, stop }

  function follow(journal: Journal, { encrypted }: Peer): void {
    journal.traceSampled = samplesTrace(journal.traceId, sample)
    journal.stageClock = new StageTimes(journal, encrypted)
  }

  function write(ending: Ending): void {
    const { denial, journal } = ending
    if (denial === null && !journal.traceSampled) return
    if (queued.length >= maxQueued) return count(0, 1)
    const times = journal.stageClock instanceof StageTimes ? journal.stageClock : null
    queued.push(spanText(ending, times, Date.now()))
    if (queued.length >= maxBatch) flush()
  }

  function tick(): void {
    setByTheDay()
    flush()
  }

  function flush(): void {
    if (underWay || stopping || queued.length === 0 || retries.waiting) return
    underWay = sendBatch().finally(() => {
      underWay = null
      if (queued.length >= maxBatch) flush()
    })
  }

  /** @returns whether the collector took it */
  async function sendBatch(withinMs?: number): Promise<boolean> {
    const batch = queued.slice(0, maxBatch)
    queued = queued.slice(maxBatch)
    onItsWay = batch.length
    const sent = await send(target, 'traces', `${head}${batch.join()}]}]}]}`, withinMs)
    if (isOver) return false
    onItsWay = 0
    if (sent.kind === 'taken') {
      retries.done()
      const rejected = Math.min(sent.rejected, batch.length)
      count(batch.length - rejected, rejected)
      if (sent.rejected > 0) outages.failed(sent.detail)
      else outages.succeeded()
      return true
    }
    outages.failed(sent.detail)
    if (sent.kind === 'later' && !stopping && retries.later(sent.afterMs)) {
      const room = Math.max(0, maxQueued - queued.length)
      queued = [...batch.slice(0, room), ...queued]
      if (batch.length > room) count(0, batch.length - room)
      return false
    }
    retries.done()
    count(0, batch.length)
    return false
  }

  async function stop(untilMs: number): Promise<void> {
    clearInterval(timer)
    stopping = true
    const leftMs = () => Math.max(0, untilMs - Date.now())
    if (underWay) await settledWithin(leftMs(), underWay)
    for (let taken = onItsWay === 0; taken && queued.length > 0 && leftMs() > 0; )
      taken = await sendBatch(leftMs())
    isOver = true
    const lost = queued.length + onItsWay
    queued = []
    if (lost > 0) {
      count(0, lost)
      outages.failed('there was no time at the stop')
    }
  }
}
