import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads'
import { StartError } from '../start-error.ts'
import { keyOfTrail, type TrailPlace } from './open-trail.ts'
import type { TrailNews, TrailOrder } from './trail-thread.ts'

/** The one thread of a process that writes the trail. */
export interface TrailThread {
  /** For `attachTrail` in a serving thread, to which it may be transferred; one for each. */
  connect(): MessagePort
  readonly hashKey: Uint8Array
  /** After the serving threads have flushed: writes what is left and a last checkpoint. */
  stop(): Promise<void>
}

const stopPatienceMs = 10_000

/**
 * Starts the writer of the audit trail.
 * @param tell takes the events of the trail
 * @throws StartError when there is no key to sign with, and none can be made
 */
export function startTrail(place: TrailPlace, tell: (news: TrailNews) => void): TrailThread {
  const hashKey = hashKeyOf(place)
  const chain = `${
    hostname()
      .replace(/[^A-Za-z0-9.-]/g, '')
      .slice(0, 40) || 'gate'
  }-${randomBytes(6).toString('hex')}`
  const script = import.meta.url.endsWith('.ts') ? './trail-thread.ts' : './trail-thread.js'
  const worker = new Worker(new URL(script, import.meta.url), {
    workerData: { place, chain },
    resourceLimits: { maxOldGenerationSizeMb: 128, maxYoungGenerationSizeMb: 8 },
  })
  const order = (what: TrailOrder, transfer: MessagePort[] = []) => worker.postMessage(what, transfer)
  const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()))
  worker.on('message', tell)
  // Its ports fall silent: what is on the trail is denied, or passes as configured.
  worker.on('error', (error) =>
    tell({ event: 'trail_unavailable', detail: `its thread ended: ${String(error)}` }),
  )
  return {
    hashKey,
    connect() {
      const { port1, port2 } = new MessageChannel()
      order({ kind: 'connect', port: port2 }, [port2])
      return port1
    },
    async stop() {
      order({ kind: 'stop' })
      const timer = setTimeout(() => void worker.terminate(), stopPatienceMs)
      await ended
      clearTimeout(timer)
    },
  }
}

function hashKeyOf(place: TrailPlace): Uint8Array {
  try {
    return keyOfTrail(place).hashKey
  } catch (error) {
    throw new StartError(`the audit trail has no key to sign with: ${(error as Error).message}`)
  }
}
