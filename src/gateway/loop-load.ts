import { burstMs } from '../engine/admit/patience.ts'
import type { Lateness, Load } from '../engine/ports.ts'

/**
 * How late this thread is at reading requests.
 *
 * The loop reads, turn by turn, from every socket that has something. A request that is looked at now came before the turn
 * began, so it has waited since then at least; and a turn that finds no request shows that none was waiting. Turns are
 * told apart by immediates, which run once in each; they are asked for only while requests come, so that an idle loop
 * sleeps.
 */
export class LoopLoad implements Load {
  readonly #fullness: () => number
  readonly #clock: () => number
  #turnMs = 0
  #emptyMs = 0
  #arrived = 0
  #watching = false

  /** @param fullness requests in flight as a share of the bound */
  constructor(fullness: () => number, clock: () => number = () => performance.now()) {
    this.#fullness = fullness
    this.#clock = clock
  }

  /** A request was read. */
  arrived(): void {
    this.#arrived++
    if (this.#watching) return
    this.#watching = true
    this.#turnMs = this.#clock()
    this.#emptyMs = this.#turnMs
    setImmediate(this.#turn)
  }

  lateness(): Lateness {
    return {
      waitedMs: this.#watching ? this.#clock() - this.#turnMs : 0,
      standing: this.#watching && this.#turnMs - this.#emptyMs > burstMs,
      fullness: this.#fullness(),
    }
  }

  readonly #turn = (): void => {
    this.#turnMs = this.#clock()
    if (this.#arrived === 0) {
      this.#watching = false
      return
    }
    this.#arrived = 0
    setImmediate(this.#turn)
  }
}
