import { type DroppedLines, type LineKinds, openLineOutput } from '../../sinks/line-output.ts'

/** How much of the log is on its way from each worker to the control plane, and what was let go. Shared. */
export interface LogLinksMemory {
  /** Octets that were sent and are not taken yet. */
  readonly underWay: Int32Array
  /** For each worker: lines of requests that passed, and of other events. */
  readonly dropped: Float64Array
}

/** What a worker tells of goes to the control plane, as far as that takes it. */
export interface LogLink {
  readonly write: (lines: string) => void
  /** @param send sends an event; not called where too much is on its way, which counts as a line that is let go */
  event(send: () => void): void
  /** Waits a little for the control plane to take what is held. */
  end(): void
}

const maxUnderWay = 1024 * 1024
/** Of an event, about. */
const eventBytes = 1024

export function allocateLogLinks(workers: number): LogLinksMemory {
  return {
    underWay: new Int32Array(new SharedArrayBuffer(workers * Int32Array.BYTES_PER_ELEMENT)),
    dropped: new Float64Array(new SharedArrayBuffer(2 * workers * Float64Array.BYTES_PER_ELEMENT)),
  }
}

/**
 * Messages to a thread that stands still would pile up without end. So they go in a window, and lines beyond it are held, let
 * go and counted as before a reader that is slow.
 * @param send hands lines to the control plane, and says how much room they take of the window
 */
export function openLogLink(
  { underWay, dropped }: LogLinksMemory,
  worker: number,
  { droppedLine, isRequest }: LineKinds,
  send: (lines: string, octets: number) => void,
): LogLink {
  const before = droppedOf(dropped, worker)
  const output = openLineOutput({
    put(octets) {
      if (Atomics.load(underWay, worker) > maxUnderWay) return 0
      Atomics.add(underWay, worker, octets.length)
      send(octets.toString(), octets.length)
      return octets.length
    },
    droppedLine,
    isRequest,
    gone: (detail) => process.stderr.write(`portcullis: worker ${worker}: ${detail}\n`),
  })
  return {
    write(lines) {
      output.write(lines)
      tally()
    },
    event(sendEvent) {
      // Events of a worker are few; lines of its denials come first.
      if (Atomics.load(underWay, worker) > 2 * maxUnderWay) {
        output.drop({ requests: 0, events: 1 })
        return tally()
      }
      Atomics.add(underWay, worker, eventBytes)
      sendEvent()
    },
    end: output.end,
  }

  function tally(): void {
    dropped[2 * worker] = before.requests + output.dropped.requests
    dropped[2 * worker + 1] = before.events + output.dropped.events
  }
}

/** The control plane took what a worker sent. @param octets of lines; an event has its own size */
export function noteTaken({ underWay }: LogLinksMemory, worker: number, octets = eventBytes): void {
  Atomics.sub(underWay, worker, octets)
}

/** What all workers let go, and the control plane. */
export function allDropped({ dropped, underWay }: LogLinksMemory, own: DroppedLines): DroppedLines {
  let { requests, events } = own
  for (let worker = 0; worker < underWay.length; worker++) {
    const one = droppedOf(dropped, worker)
    requests += one.requests
    events += one.events
  }
  return { requests, events }
}

function droppedOf(dropped: Float64Array, worker: number): DroppedLines {
  return { requests: dropped[2 * worker] as number, events: dropped[2 * worker + 1] as number }
}

/** Nothing is on its way any more from a thread that is no more. */
export function releaseLogLinkAfterDeath({ underWay }: LogLinksMemory, worker: number): void {
  Atomics.store(underWay, worker, 0)
}
