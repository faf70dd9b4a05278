import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads'
import { codeOfError } from '../../base/code-of-error.ts'
import { placeOfError } from '../../base/place-of-error.ts'
import type { TrailLane } from '../../sinks/trail/trail-client.ts'
import {
  allocateTrailFigures,
  attachTrailFigures,
  type TrailFigures,
} from '../../sinks/trail/trail-figures.ts'
import { StartError } from '../start-error.ts'
import { keyOfTrail, type TrailPlace } from './open-trail.ts'
import type { TrailNews, TrailOrder, TrailStart } from './trail-thread.ts'

/** The one thread of a process that writes the trail; one that ends is replaced by another that takes up its chain. */
export interface TrailThread {
  /** For `attachTrail` in a serving thread, to which it may be transferred; one for each. */
  connect(): TrailLane
  readonly hashKey: Uint8Array
  readonly figures: Readonly<TrailFigures>
  /** After the serving threads have flushed: writes what is left and a last checkpoint. */
  stop(): Promise<void>
}

const stopPatienceMs = 10_000
const steadyAfterMs = 10_000
const firstPauseMs = 500
const maxPauseMs = 30_000

/**
 * Starts the writer of the audit trail.
 * @param tell takes the events of the trail
 * @throws StartError when there is no key to sign with, and none can be made
 */
export function startTrail(place: TrailPlace, tell: (news: TrailNews) => void): TrailThread {
  const hashKey = hashKeyOf(place)
  const chain = newChain()
  const memory = allocateTrailFigures()
  const figures = attachTrailFigures(memory)
  /** One for each serving thread that lives. */
  const lanes = new Set<MessagePort>()
  let stopping = false
  let pauseMs = 0
  let planned: NodeJS.Timeout | null = null
  let running: Running | null = begin(false)

  return {
    hashKey,
    figures,
    connect() {
      const { port1, port2 } = new MessageChannel()
      lanes.add(port2)
      port2.once('close', () => lanes.delete(port2))
      port2.unref()
      if (running) lay(running.worker, port2)
      return port1
    },
    async stop() {
      stopping = true
      if (planned) clearTimeout(planned)
      if (running) await end(running)
      for (const lane of lanes) lane.close()
    },
  }

  function begin(resume: boolean): Running {
    const script = import.meta.url.endsWith('.ts') ? './trail-thread.ts' : './trail-thread.js'
    const workerData: TrailStart = { place, chain, resume, memory }
    const worker = new Worker(new URL(script, import.meta.url), {
      workerData,
      name: 'trail',
      resourceLimits: { maxOldGenerationSizeMb: 128, maxYoungGenerationSizeMb: 8 },
    })
    const startedMs = Date.now()
    let cause = 'it ended by itself'
    worker.on('message', tell)
    worker.on('error', (error) => {
      cause = placeOfError(error)
    })
    const ended = new Promise<void>((resolve) => {
      worker.once('exit', () => {
        resolve()
        if (!stopping) replace(cause, Date.now() - startedMs)
      })
    })
    for (const lane of lanes) lay(worker, lane)
    return { worker, ended }
  }

  // While there is none, what is on the trail is denied, or passes as configured.
  function replace(detail: string, livedMs: number): void {
    running = null
    figures.writable = 0
    pauseMs =
      livedMs > steadyAfterMs ? firstPauseMs : Math.min(Math.max(pauseMs * 2, firstPauseMs), maxPauseMs)
    tell({ event: 'trail_writer_died', chain, detail, after_ms: pauseMs })
    planned = setTimeout(() => {
      try {
        running = begin(true)
        figures.restarts++
      } catch (error) {
        // The system may give no thread now (EAGAIN), and give one later.
        replace(codeOfError(error), 0)
      }
    }, pauseMs).unref()
  }
}

interface Running {
  readonly worker: Worker
  readonly ended: Promise<void>
}

/** Gives one end of a new channel to the thread that writes, and the other to the one that serves. */
function lay(worker: Worker, lane: MessagePort): void {
  const { port1, port2 } = new MessageChannel()
  const order: TrailOrder = { kind: 'connect', port: port2 }
  worker.postMessage(order, [port2])
  lane.postMessage(port1, [port1])
}

async function end({ worker, ended }: Running): Promise<void> {
  const order: TrailOrder = { kind: 'stop' }
  worker.postMessage(order)
  const timer = setTimeout(() => void worker.terminate(), stopPatienceMs)
  await ended
  clearTimeout(timer)
}

function newChain(): string {
  const host = hostname()
    .replace(/[^A-Za-z0-9.-]/g, '')
    .slice(0, 40)
  return `${host || 'gate'}-${randomBytes(6).toString('hex')}`
}

function hashKeyOf(place: TrailPlace): Uint8Array {
  try {
    return keyOfTrail(place).hashKey
  } catch (error) {
    throw new StartError(`the audit trail has no key to sign with: ${codeOfError(error)}`)
  }
}
