import { maxTimerMs } from '../base/duration.ts'

/** How slowly a body may come. */
export interface BodyPace {
  /** Beside the time it takes at the rate. */
  readonly graceMs: number
  readonly bytesPerSecond: number
}

/**
 * Watches that a body keeps its pace (attack E3, slow bodies): it must have come after the grace and the time that its
 * octets take at the slowest rate. Time in which nobody reads it, because the upstream takes no more, does not count.
 */
export class PaceWatch {
  readonly #pace: BodyPace
  readonly #onSlow: () => void
  #received = 0
  #spentMs = 0
  #runningSinceMs: number | null = null
  #timer: NodeJS.Timeout | null = null

  constructor(pace: BodyPace, onSlow: () => void) {
    this.#pace = pace
    this.#onSlow = onSlow
  }

  received(octets: number): void {
    this.#received += octets
  }

  run(): void {
    if (this.#runningSinceMs !== null) return
    this.#runningSinceMs = performance.now()
    this.#timer = setTimeout(() => this.#look(), Math.min(maxTimerMs, Math.max(1, this.#leftMs())))
  }

  rest(): void {
    if (this.#runningSinceMs === null) return
    this.#spentMs += performance.now() - this.#runningSinceMs
    this.#runningSinceMs = null
    if (this.#timer) clearTimeout(this.#timer)
  }

  #look(): void {
    this.rest()
    if (this.#leftMs() > 0) this.run()
    else this.#onSlow()
  }

  #leftMs(): number {
    const { graceMs, bytesPerSecond } = this.#pace
    return graceMs + (this.#received / bytesPerSecond) * 1000 - this.#spentMs
  }
}
