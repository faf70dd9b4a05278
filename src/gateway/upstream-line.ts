import { burstMs, mayWaitMs } from '../engine/admit/patience.ts'
import { type Priority, priorities } from '../program/program.ts'

/** A request on its way to an upstream. */
export interface Waiting {
  readonly priority: Priority
  /** There is room for it now. @returns whether it takes it */
  admit(): boolean
  /** It will not be sent. */
  turnAway(detail: string): void
}

const sweepMs = 20

interface Place {
  readonly waiting: Waiting
  readonly sinceMs: number
}

/**
 * Requests to one upstream: so many at once, others wait, the highest priority first and each rank in the order of its
 * coming; what waits too long is turned away (see `patience.ts`).
 * INVARIANT: nobody waits while there is room.
 */
export class UpstreamLine {
  readonly #room: number
  readonly #queue: number
  readonly #queueDelayMs: number
  readonly #clock: () => number
  readonly #ranks: ReadonlyMap<Priority, Set<Place>> = new Map(priorities.map((rank) => [rank, new Set()]))
  #running = 0
  #queued = 0
  /** When somebody began to wait after a time when nobody did. */
  #waitingSinceMs = 0
  #sweeper: NodeJS.Timeout | null = null

  constructor(
    room: number,
    queue: number,
    queueDelayMs: number,
    clock: () => number = () => performance.now(),
  ) {
    this.#queueDelayMs = queueDelayMs
    this.#room = room
    this.#queue = queue
    this.#clock = clock
  }

  get running(): number {
    return this.#running
  }

  get queued(): number {
    return this.#queued
  }

  /** Admits it now or later, or turns it away. @returns takes it out again while it waits */
  enter(waiting: Waiting): () => void {
    if (this.#running < this.#room) {
      this.#admit(waiting)
      return nothing
    }
    if (this.#queued >= this.#queue && !this.#giveWay(waiting.priority)) {
      waiting.turnAway('the queue of the upstream is full')
      return nothing
    }
    const nowMs = this.#clock()
    const place = { waiting, sinceMs: nowMs }
    if (this.#queued === 0) this.#waitingSinceMs = nowMs
    this.#queued++
    this.#rank(waiting.priority).add(place)
    this.#sweeper ??= setInterval(() => this.#sweep(), sweepMs).unref()
    return () => void this.#remove(place)
  }

  /** One that was admitted is done. */
  leave(): void {
    this.#running--
    if (this.#queued > 0) this.#sweep()
    for (let next = this.#first(); next; next = this.#first()) {
      this.#remove(next)
      if (this.#admit(next.waiting)) return
    }
  }

  #admit(waiting: Waiting): boolean {
    this.#running++
    const taken = waiting.admit()
    if (!taken) this.#running--
    return taken
  }

  #sweep(): void {
    const nowMs = this.#clock()
    const standing = nowMs - this.#waitingSinceMs > burstMs
    for (const [rank, places] of this.#ranks) {
      const limitMs = mayWaitMs(rank, standing, this.#queueDelayMs)
      for (const place of places) {
        if (nowMs - place.sinceMs <= limitMs) break
        this.#remove(place)
        place.waiting.turnAway('the upstream is late')
      }
    }
  }

  /** Makes room in the queue by turning away somebody of a lower rank. */
  #giveWay(priority: Priority): boolean {
    for (const rank of priorities) {
      if (rank === priority) return false
      const [place] = this.#rank(rank)
      if (!place) continue
      this.#remove(place)
      place.waiting.turnAway('the queue of the upstream is full')
      return true
    }
    return false
  }

  #first(): Place | undefined {
    for (const rank of priorities.toReversed()) {
      const [place] = this.#rank(rank)
      if (place) return place
    }
    return undefined
  }

  #remove(place: Place): void {
    if (!this.#rank(place.waiting.priority).delete(place)) return
    this.#queued--
    if (this.#queued > 0 || !this.#sweeper) return
    clearInterval(this.#sweeper)
    this.#sweeper = null
  }

  #rank(priority: Priority): Set<Place> {
    return this.#ranks.get(priority) as Set<Place>
  }
}

function nothing(): void {}
