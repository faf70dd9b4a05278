import type { Socket } from 'node:net'
import { mayWaitMs } from '../engine/admit/patience.ts'
import type { ConnectionCounts, Door, Unserved } from './connections.ts'
import type { LoopLoad } from './loop-load.ts'

/** What an operator sees of the connections. */
export interface ConnectionsStatus {
  readonly open: number
  /** Ended without a request, by reason. */
  readonly unserved: ReadonlyMap<Unserved, number>
}

/** The door of all listeners of one thread. */
export class CountingDoor implements Door {
  readonly counts: ConnectionCounts
  readonly #load: LoopLoad
  readonly #exempt: (address: string) => boolean
  readonly #unserved = new Map<Unserved, number>()

  constructor(counts: ConnectionCounts, load: LoopLoad, exempt: (address: string) => boolean) {
    this.counts = counts
    this.#load = load
    this.#exempt = exempt
  }

  get status(): ConnectionsStatus {
    return { open: this.counts.open, unserved: this.#unserved }
  }

  exempt(address: string): boolean {
    return this.#exempt(address)
  }

  /** Where a request of the highest rank would be turned away, a handshake is lost work. */
  overloaded(): boolean {
    this.#load.arrived()
    const { waitedMs, standing, limitMs } = this.#load.lateness()
    return standing && waitedMs > mayWaitMs('critical', standing, limitMs)
  }

  unserved(why: Unserved): void {
    this.#unserved.set(why, (this.#unserved.get(why) ?? 0) + 1)
  }
}

/** Whether a connection failed before HTTP was spoken on it, so that there is nobody to answer and no request to record. */
export function whyUnserved({ code = '' }: NodeJS.ErrnoException, socket: Socket): Unserved | null {
  if ('secureConnecting' in socket && socket.secureConnecting === true) return 'handshake'
  return code === 'ERR_HTTP_REQUEST_TIMEOUT' && socket.bytesRead === 0 ? 'silent' : null
}
