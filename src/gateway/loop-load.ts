import { burstMs } from '../engine/admit/patience.ts'
import type { Lateness, Load } from '../engine/ports.ts'

/** At twice the capacity, what is served has waited for about so many turns, most of them in its socket (measured). */
const turnsWaited = 25

/**
 * How late this thread is at reading requests.
 *
 * The loop reads, turn by turn, from every socket that has something. A request that is looked at now came before the turn
 * began, so it has waited since then at least. Turns are told apart by immediates, which run once in each; they are asked
 * for only while requests come, so that an idle loop sleeps.
 *
 * A queue stands when for `burstMs` no turn was short, and until for as long every turn was: a client that stalls for a
 * moment does not begin it anew.
 */
export class LoopLoad implements Load {
  readonly #limitMs: number
  readonly #fullness: () => number
  readonly #clock: () => number
  #turnMs = 0
  #arrived = 0
  #watching = false
  #standing = false
  /** When the latest turn ended that was short, or was not. */
  #shortMs = 0
  #longMs = 0

  /**
   * @param queueDelayMs what a request of normal priority may wait, in its socket and since it could be read
   * @param fullness requests in flight as a share of the bound
   */
  constructor(queueDelayMs: number, fullness: () => number, clock: () => number = () => performance.now()) {
    this.#limitMs = queueDelayMs / turnsWaited
    this.#fullness = fullness
    this.#clock = clock
  }

  /** A request was read. */
  arrived(): void {
    this.#arrived++
    if (this.#watching) return
    this.#watching = true
    this.#turnMs = this.#clock()
    this.#shortMs = this.#turnMs
    this.#standing = this.#standing && this.#turnMs - this.#longMs <= burstMs
    setImmediate(this.#endTurn)
  }

  lateness(): Lateness {
    return {
      waitedMs: this.#clock() - this.#turnMs,
      standing: this.#standing,
      limitMs: this.#limitMs,
      fullness: this.#fullness(),
    }
  }

  readonly #endTurn = (): void => {
    const nowMs = this.#clock()
    if (nowMs - this.#turnMs > this.#limitMs) this.#longMs = nowMs
    else this.#shortMs = nowMs
    this.#standing = this.#standing ? nowMs - this.#longMs <= burstMs : nowMs - this.#shortMs > burstMs
    this.#turnMs = nowMs
    if (this.#arrived === 0) {
      this.#watching = false
      return
    }
    this.#arrived = 0
    setImmediate(this.#endTurn)
  }
}
