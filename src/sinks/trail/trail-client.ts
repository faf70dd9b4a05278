import type { MessagePort } from 'node:worker_threads'
import type { Intended, Trail } from '../../engine/ports.ts'
import type { Ending, RecordSink } from '../../engine/record/ending.ts'
import { entryOf, isKnown } from '../../engine/record/trail-entry.ts'
import { type DenialCount, DenialSieve } from './denial-sieve.ts'
import { textOfEntry } from './entry-text.ts'
import type { Batch, Written } from './trail-writer.ts'

/** What passes from a serving thread to the one that writes: lines, because two texts cross faster than a hundred. */
export interface TrailMessage {
  readonly intents: string
  readonly notes: string
  readonly lost: number
  /** The notes were on their way to a writer that ended. */
  readonly again: boolean
}

export function batchOf({ intents, notes, lost, again }: TrailMessage): Batch {
  return { intents: linesOf(intents), notes: linesOf(notes), lost, again }
}

function linesOf(text: string): readonly string[] {
  return text === '' ? [] : text.split('\n')
}

/** What passes to a serving thread: the port of the writer, of the first one and of each that takes its place. */
export type TrailLane = MessagePort

/** The trail as a serving thread has it. */
export interface TrailClient extends Trail, RecordSink {
  /** Writes entries of something else than a request. */
  note(...texts: readonly string[]): void
  /** Sends what is held back; resolves when the writer has taken it, or cannot. */
  flush(): Promise<void>
}

const written: Intended = { kind: 'written' }
/** Longer than that no request waits for the trail. */
const patienceMs = 3000
const maxNotes = 10_000
const noteAfterMs = 50
/** So long entries are gathered when the batch before had more intents than so many: most of what a commit costs, it costs for one. */
const gatherings = [
  { moreThan: 32, ms: 8 },
  { moreThan: 4, ms: 4 },
] as const
const drainEveryMs = 5000

/** Every five seconds, and at the beginning of each minute, so that counts are of one minute. */
function untilDrainMs(): number {
  return drainEveryMs - (Date.now() % drainEveryMs)
}

/**
 * Sends entries to the thread that writes the trail. One batch is on its way at a time, and what comes meanwhile makes the
 * next: the busier the gate, the more entries share a commit.
 *
 * A writer that ends leaves the fate of the batch on its way unknown: its intents are answered with a fault, its notes go
 * to the next writer, which knows what of them it finds on the trail.
 *
 * @param count takes what of the denials does not stand on the trail one by one
 */
export function attachTrail(
  lane: TrailLane,
  hashKey: Uint8Array,
  count: (counts: readonly DenialCount[]) => void,
): TrailClient {
  const sieve = new DenialSieve(Date.now())
  let intents: string[] = []
  let waiting: ((intended: Intended) => void)[] = []
  let sent: ((intended: Intended) => void)[] = []
  let notes: string[] = []
  let lost = 0
  /** Null until there is a writer, and from its end until there is another. */
  let line: MessagePort | null = null
  /** Of the batch on its way. */
  let sentNotes: readonly string[] = []
  let sentLost = 0
  let again = false
  /** Nothing can be sent now: a batch is on its way, or there is no writer. */
  let underWay = true
  let lastIntents = 0
  let planned: NodeJS.Timeout | NodeJS.Immediate | null = null
  let notesPlanned = false
  let deadline: NodeJS.Timeout | null = setTimeout(giveUp, patienceMs).unref()
  /** The writer does not answer; null while it does. */
  let stalled: Intended | null = null
  let onIdle: (() => void)[] = []

  lane.on('message', (port: MessagePort) => {
    // Of the end of the one before, this thread may hear later.
    if (line) ended(line)
    line = port
    port.on('message', (answer: Written) => {
      if (line === port) answered(answer)
    })
    port.once('close', () => ended(port))
    port.unref()
    goOn()
  })
  lane.unref()
  let draining = setTimeout(drain, untilDrainMs()).unref()

  return { intend, write, note, flush }

  /** Of the batch before it; there is never more than one on its way. */
  function answered(answer: Written): void {
    const intended: Intended = answer.ok ? written : { kind: 'fault', detail: answer.detail }
    const waited = sent
    sent = []
    sentNotes = []
    sentLost = 0
    for (const resolve of waited) resolve(intended)
    goOn()
  }

  function goOn(): void {
    underWay = false
    stalled = null
    if (deadline) clearTimeout(deadline)
    if (again || (onIdle.length > 0 && intents.length === 0)) send()
    else if (intents.length > 0 && planned === null) plan()
  }

  function ended(port: MessagePort): void {
    if (line !== port) return
    line = null
    again = sentNotes.length + sentLost > 0
    underWay = true
    if (deadline) clearTimeout(deadline)
    refuseAll({ kind: 'fault', detail: 'the thread that writes the audit trail has ended' })
  }

  function intend(entry: Parameters<Trail['intend']>[0]): Promise<Intended> {
    if (stalled) return Promise.resolve(stalled)
    return new Promise((resolve) => {
      intents.push(textOfEntry(entry, hashKey))
      waiting.push(resolve)
      if (!underWay && planned === null) plan()
    })
  }

  function write(ending: Ending): void {
    const entry = entryOf(ending)
    if (entry === null) return
    if (entry.kind === 'denial' && !sieve.take(entry, isKnown(ending.journal))) return
    note(textOfEntry(entry, hashKey))
  }

  function note(...texts: readonly string[]): void {
    for (const text of texts)
      if (notes.length < maxNotes) notes.push(text)
      else lost++
    if (notes.length > 0 && !notesPlanned) planNotes()
  }

  function drain(): void {
    const counts = sieve.drain(Date.now())
    if (counts.length > 0) count(counts)
    draining = setTimeout(drain, untilDrainMs()).unref()
  }

  function plan(): void {
    const gathering = gatherings.find(({ moreThan }) => lastIntents > moreThan)
    planned = gathering ? setTimeout(send, gathering.ms) : setImmediate(send)
  }

  /** Notes go along with intents, and by themselves only when none come. */
  function planNotes(): void {
    notesPlanned = true
    setTimeout(() => {
      notesPlanned = false
      if (!underWay && planned === null) send()
      else if (notes.length > 0) planNotes()
    }, noteAfterMs).unref()
  }

  function send(): void {
    planned = null
    if (underWay || line === null) return
    if (again) {
      again = false
      post(line, { intents: '', notes: sentNotes.join('\n'), lost: sentLost, again: true })
      return
    }
    if (intents.length + notes.length + lost === 0) {
      const idle = onIdle
      onIdle = []
      for (const resolve of idle) resolve()
      return
    }
    const message = { intents: intents.join('\n'), notes: notes.join('\n'), lost, again: false }
    sent = waiting
    sentNotes = notes
    sentLost = lost
    lastIntents = intents.length
    waiting = []
    intents = []
    notes = []
    lost = 0
    post(line, message)
  }

  function post(port: MessagePort, message: TrailMessage): void {
    underWay = true
    deadline = setTimeout(giveUp, patienceMs).unref()
    port.postMessage(message)
  }

  function giveUp(): void {
    refuseAll({ kind: 'fault', detail: 'the audit trail does not answer' })
  }

  function refuseAll(fault: Intended): void {
    stalled = fault
    const given = sent.concat(waiting)
    sent = []
    waiting = []
    // Those that were not sent never will be: their requests are answered.
    intents = []
    for (const resolve of given) resolve(fault)
  }

  function flush(): Promise<void> {
    drain()
    clearTimeout(draining)
    return new Promise((resolve) => {
      onIdle.push(resolve)
      setTimeout(resolve, 2 * patienceMs).unref()
      if (!underWay && planned === null) send()
    })
  }
}
