import { burstMs } from '../engine/admit/patience.ts'
import type { Lateness, Load } from '../engine/ports.ts'

/** Of `queueDelay`: a turn that takes longer is a sign of a queue. */
const longTurn = 1 / 25
/** Of `queueDelay`: how long turns are to take in a queue that stands. What is served waits for two or three (measured). */
const standingTurn = 1 / 30
const lessToServe = 0.9
const moreToServe = 1.1
/** Of a turn. Where turning away takes more of it, to serve less makes it hardly shorter. */
const leastServed = 1 / 6
/** Of a tenth of a second and more: a thread that sleeps for longer has time for whoever was turned away in it. */
const muchSleep = 1 / 2
/** More of them, alive together, would outlive scavenges. */
const toldTogether = 32

interface Untold {
  readonly tell: () => void
  readonly onError: (error: unknown) => void
}

/**
 * How late this thread is at reading requests.
 *
 * The loop reads, turn by turn, from every socket that has something. A request that is looked at now came before the turn
 * began, so it has waited since then at least. Turns are told apart by immediates, which run once in each; they are asked
 * for only while requests come, so that an idle loop sleeps.
 *
 * A queue stands when for `burstMs` every turn was long, and until for as long none was and nobody was turned away: a client
 * that stalls for a moment does not begin it anew. Where a thread sleeps most of the time none stands: one request that takes
 * long each tenth of a second, or is of the lowest rank, which may not wait at all, would have that rank turned away for ever.
 */
export class LoopLoad implements Load {
  readonly #longMs: number
  readonly #standingMs: number
  readonly #fullness: () => number
  readonly #clock: () => number
  readonly #slept: () => number
  #turnMs = 0
  #arrived = 0
  #watching = false
  #standing = false
  /** In a queue that stands, those of normal priority are served for so long in a turn. */
  #serveMs: number
  #refused = false
  #untold: Untold[] = []
  /** When the latest turn ended that was long, or was not. */
  #latestLongMs = 0
  #latestShortMs = 0
  /** Since then it is counted how long the loop sleeps, and what it had slept before. */
  #countedMs = 0
  #sleptMs = 0
  #sleepsMuch = false

  /**
   * @param queueDelayMs what a request of normal priority may wait, in its socket and since it could be read
   * @param fullness requests in flight as a share of the bound
   * @param slept milliseconds that this thread's loop had nothing to do so far
   */
  constructor(
    queueDelayMs: number,
    fullness: () => number,
    clock: () => number = () => performance.now(),
    slept: () => number = () => performance.eventLoopUtilization().idle,
  ) {
    this.#longMs = queueDelayMs * longTurn
    this.#standingMs = queueDelayMs * standingTurn
    this.#serveMs = this.#longMs
    this.#fullness = fullness
    this.#clock = clock
    this.#slept = slept
  }

  /** A request was read. */
  arrived(): void {
    this.#arrived++
    this.#watch()
  }

  /**
   * A request is refused because the thread is late. Those of a turn are told together, after what is served has gone on its
   * way: that takes a quarter off what a refusal costs.
   * @param onError told what `tell` throws
   */
  turnAway(tell: () => void, onError: (error: unknown) => void): void {
    this.#refused = true
    this.#watch()
    if (this.#untold.push({ tell, onError }) === toldTogether) this.#tell()
  }

  lateness(): Lateness {
    // Who waited for something else, such as a store, and asks in a turn of its own has not waited since the latest one.
    this.#watch()
    return {
      waitedMs: this.#clock() - this.#turnMs,
      standing: this.#standing,
      limitMs: this.#longMs,
      serveMs: this.#serveMs,
      fullness: this.#fullness(),
    }
  }

  #watch(): void {
    if (this.#watching) return
    this.#watching = true
    this.#turnMs = this.#clock()
    this.#latestShortMs = this.#turnMs
    this.#judge(this.#turnMs)
    setImmediate(this.#endTurn)
  }

  #tell(): void {
    const untold = this.#untold
    this.#untold = []
    for (const { tell, onError } of untold)
      try {
        tell()
      } catch (error) {
        onError(error)
      }
  }

  readonly #endTurn = (): void => {
    this.#tell()
    const nowMs = this.#clock()
    const tookMs = nowMs - this.#turnMs
    const idle = this.#arrived === 0
    this.#countSleep(nowMs)
    if (tookMs > this.#longMs || (this.#standing && this.#refused)) this.#latestLongMs = nowMs
    else this.#latestShortMs = nowMs
    this.#judge(nowMs)
    if (this.#standing) this.#adjust(tookMs, idle)
    this.#turnMs = nowMs
    this.#refused = false
    this.#arrived = 0
    this.#watching = !idle
    if (!idle) setImmediate(this.#endTurn)
  }

  #judge(nowMs: number): void {
    const stood = this.#standing
    this.#standing = stood
      ? nowMs - this.#latestLongMs <= burstMs && !this.#sleepsMuch
      : nowMs - this.#latestShortMs > burstMs
    if (!this.#standing) this.#serveMs = this.#longMs
    else if (!stood) this.#countAnew(nowMs, false)
  }

  #countSleep(nowMs: number): void {
    const sinceMs = nowMs - this.#countedMs
    if (sinceMs > burstMs) this.#countAnew(nowMs, this.#slept() - this.#sleptMs > sinceMs * muchSleep)
  }

  #countAnew(nowMs: number, sleepsMuch: boolean): void {
    this.#sleepsMuch = sleepsMuch
    this.#countedMs = nowMs
    this.#sleptMs = this.#slept()
  }

  /** Turns are to be short, and the loop is to have something to do in each. */
  #adjust(tookMs: number, idle: boolean): void {
    if (idle || this.#serveMs < tookMs * leastServed)
      this.#serveMs = Math.min(this.#longMs, this.#serveMs * moreToServe)
    else if (tookMs > this.#standingMs) this.#serveMs *= lessToServe
  }
}
