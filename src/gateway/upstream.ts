import type { Pool } from 'undici'
import { overloaded } from '../engine/admit/shed.ts'
import type { Denial } from '../engine/decision.ts'
import {
  type Breaker,
  type CallResult,
  closedBreaker,
  enter,
  type Pass,
  settle,
} from '../engine/forward/breaker.ts'
import type { Priority } from '../program/program.ts'
import type { UpstreamSettings } from '../program/settings.ts'
import { UpstreamLine } from './upstream-line.ts'

/** A request that wants to go to an upstream. */
export interface Call {
  readonly priority: Priority
  readonly requestId: string
  /** It may be sent now; it tells how it came out, and when it is done. */
  send(turn: Turn): void
  refuse(denial: Denial): void
}

/** The turn of one call. Both are called once, in this order. */
export interface Turn {
  /** How the upstream did, as soon as that is known. */
  readonly settle: (result: CallResult) => void
  /** Its connection is free again. */
  readonly done: () => void
}

/** What an operator sees of an upstream. */
export interface UpstreamFigures {
  readonly name: string
  /** Open connections, and those of them on which nothing runs. */
  readonly connected: number
  readonly free: number
  /** Requests on a connection, and those that wait for one. */
  readonly running: number
  readonly pending: number
  readonly breaker: Breaker['kind']
}

export interface BreakerEvent {
  readonly event: 'breaker_opened' | 'breaker_closed'
  readonly upstream: string
  readonly detail: string
}

/** One upstream as this thread sees it: its connections, the line before them, and whether it is left alone. */
export class Upstream {
  readonly pool: Pool
  readonly #name: string
  readonly #rules: UpstreamSettings['breaker']
  readonly #line: UpstreamLine
  readonly #onBreaker: (event: BreakerEvent) => void
  #breaker = closedBreaker(performance.now())

  constructor(
    name: string,
    pool: Pool,
    { connections, queue, breaker }: Omit<UpstreamSettings, 'tls'>,
    queueDelayMs: number,
    onBreaker: (event: BreakerEvent) => void,
  ) {
    this.#name = name
    this.pool = pool
    this.#rules = breaker
    this.#line = new UpstreamLine(connections, queue, queueDelayMs)
    this.#onBreaker = onBreaker
  }

  get figures(): UpstreamFigures {
    const { running, queued: pending } = this.#line
    const { connected, free } = this.pool.stats
    return { name: this.#name, connected, free, running, pending, breaker: this.#breaker.kind }
  }

  /** Sends it now or later, or refuses it. @returns takes it back while it waits */
  enter(call: Call): () => void {
    const nowMs = performance.now()
    if (enter(this.#breaker, this.#rules, nowMs).pass === 'refused') {
      // INVARIANT: by the same clock; a moment later it might be sent, and would leave a line it had not entered.
      this.#begin(call, nowMs)
      return () => {}
    }
    return this.#line.enter({
      priority: call.priority,
      admit: () => this.#begin(call, performance.now()),
      turnAway: (detail) => call.refuse(overloaded('forward', detail, call.requestId)),
    })
  }

  /** @returns whether it is sent */
  #begin(call: Call, nowMs: number): boolean {
    const entry = enter(this.#breaker, this.#rules, nowMs)
    this.#breaker = entry.next
    if (entry.pass === 'refused') {
      call.refuse(
        overloaded('forward', 'the upstream fails and is left alone', call.requestId, entry.retryMs),
      )
      return false
    }
    const { pass } = entry
    call.send({ settle: (result) => this.#settle(pass, result), done: () => this.#line.leave() })
    return true
  }

  #settle(pass: Pass, result: CallResult): void {
    const before = this.#breaker
    this.#breaker = settle(before, this.#rules, pass, result, performance.now())
    if (before.kind === 'closed' && this.#breaker.kind === 'open')
      this.#tell('breaker_opened', `nothing is sent for ${this.#rules.openMs} ms, then it is tried again`)
    else if (before.kind === 'halfOpen' && this.#breaker.kind === 'closed')
      this.#tell('breaker_closed', 'it answered')
  }

  #tell(event: BreakerEvent['event'], detail: string): void {
    this.#onBreaker({ event, upstream: this.#name, detail })
  }
}
