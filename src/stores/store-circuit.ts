import { codeOfError } from '../base/code-of-error.ts'

/** Something about the store of limits that an operator should know. Never a secret. */
export type StoreEvent =
  | { readonly event: 'store_lost'; readonly detail: string }
  | { readonly event: 'store_back'; readonly gateways: number; readonly after_ms: number }

export interface CircuitOptions {
  /** Gives a sign of life; answers how many gateways give one. Rejects when the store does not answer. */
  readonly probe: () => Promise<number>
  /** How many there were as this process last knew; 0 where the store never answered it. */
  readonly knownGateways: number
  readonly deadlineMs: number
  readonly onEvent: (event: StoreEvent) => void
  /** The store answers, for the first time or again. */
  readonly onReady: () => void
  /** The store answered how many gateways there are. */
  readonly onCounted?: (gateways: number) => void
}

const failuresUntilLost = 3
const beatMs = 2000
const firstProbeMs = 100
const maxProbeMs = 5000
const pauseDeadlines = 10
/**
 * Who gave the store no sign of life for so long is not counted among the gateways. So long after it is back all others have
 * found it as well, and whoever is no more is not counted.
 */
export const aliveMs = 10_000

/**
 * Whether the store is asked at all. Three takes in a row that fail, or come late, open the circuit, and nobody waits for
 * the store any more; one probe at a time, at intervals that grow and are never the same for two gateways, closes it. A
 * probe is the sign of life the gateway gives anyway, so that whoever closes the circuit knows how many gateways there are.
 */
export class StoreCircuit {
  readonly #options: CircuitOptions
  #up = false
  #gateways: number
  #failures = 0
  #probes = 0
  /** A first connection stood since the store answered last. */
  #stood = false
  #lostAtMs: number | null = null
  #closedAtMs: number
  #everUp: boolean
  #probing = false
  #stopped = false
  #timer: NodeJS.Timeout | undefined

  constructor(options: CircuitOptions) {
    this.#options = options
    this.#gateways = Math.max(1, options.knownGateways)
    this.#everUp = options.knownGateways > 0
    // Who takes the place of another may begin while the store returns, and has not seen it lost.
    this.#closedAtMs = this.#everUp ? performance.now() : Number.NEGATIVE_INFINITY
  }

  get up(): boolean {
    return this.#up
  }

  /** The store answered this process at least once. */
  get everUp(): boolean {
    return this.#everUp
  }

  /** Gateways, as last known; at least this one. */
  get gateways(): number {
    return this.#gateways
  }

  /** The connection stands, anew. */
  connected(): void {
    // One that takes connections and serves nothing, as a replica does, is asked neither sooner nor later for the next.
    if (this.#up || this.#stood) return
    this.#stood = true
    this.#schedule(Math.random() * firstProbeMs)
  }

  /** The connection is gone. */
  disconnected(detail: string): void {
    this.#open(detail)
  }

  answered(): void {
    this.#failures = 0
  }

  failed(detail: string): void {
    this.#failures++
    if (this.#failures >= failuresUntilLost) this.#open(detail)
  }

  stop(): void {
    this.#stopped = true
    this.#up = false
    clearTimeout(this.#timer)
  }

  #open(detail: string): void {
    if (this.#stopped) return
    const wasUp = this.#up
    this.#up = false
    if (this.#lostAtMs === null) {
      this.#lostAtMs = performance.now()
      this.#options.onEvent({ event: 'store_lost', detail: detail.slice(0, 200) })
    }
    if (!wasUp) return
    // A store that went away right after it came back is not asked more often for that.
    if (performance.now() - this.#closedAtMs > 2 * maxProbeMs) this.#probes = 0
    this.#schedule(this.#nextDelayMs())
  }

  #nextDelayMs(): number {
    const delayMs = Math.min(firstProbeMs * 2 ** this.#probes, maxProbeMs)
    this.#probes = Math.min(this.#probes + 1, 16)
    return delayMs * (0.5 + Math.random() / 2)
  }

  #schedule(delayMs: number): void {
    clearTimeout(this.#timer)
    if (!this.#stopped) this.#timer = setTimeout(() => void this.#beat(), delayMs).unref()
  }

  async #beat(): Promise<void> {
    if (this.#probing) return
    this.#probing = true
    const startedMs = performance.now()
    let state: 'waiting' | 'late' | 'answered' = 'waiting'
    const unanswered = () => {
      if (state !== 'waiting') return
      state = 'late'
      this.#missed(`no answer within ${this.#options.deadlineMs} ms`)
    }
    // The reply may have arrived while this process was busy: it is read first.
    const late = setTimeout(() => setImmediate(unanswered), this.#options.deadlineMs).unref()
    try {
      this.#count(await this.#options.probe())
      if (state === 'waiting') this.answered()
      state = 'answered'
      const tookMs = performance.now() - startedMs
      if (this.#up || tookMs <= this.#options.deadlineMs) this.#close()
      // After a pause: what waited for its end says nothing about how fast it is now.
      else if (tookMs > pauseDeadlines * this.#options.deadlineMs)
        this.#schedule(Math.random() * firstProbeMs)
      else this.#schedule(this.#nextDelayMs())
    } catch (error) {
      if (state === 'waiting') this.#missed(codeOfError(error))
      state = 'answered'
      this.#schedule(this.#up ? this.#beatDelayMs() : this.#nextDelayMs())
    } finally {
      clearTimeout(late)
      this.#probing = false
    }
  }

  /** While the store was gone nobody gave a sign of life there: who is back first would take itself for the only one. */
  #count(alive: number): void {
    const returning = this.#lostAtMs !== null || performance.now() - this.#closedAtMs < aliveMs
    this.#gateways = Math.max(1, alive, returning ? this.#gateways : 1)
    this.#options.onCounted?.(this.#gateways)
  }

  /** Once for each sign of life, which may be late and fail as well. */
  #missed(detail: string): void {
    if (this.#up) this.failed(detail)
    else this.#open(detail)
  }

  #beatDelayMs(): number {
    return beatMs * (0.75 + Math.random() / 4)
  }

  #close(): void {
    this.#schedule(this.#beatDelayMs())
    if (this.#up || this.#stopped) return
    this.#up = true
    this.#failures = 0
    this.#stood = false
    this.#closedAtMs = performance.now()
    const lostAtMs = this.#lostAtMs
    this.#lostAtMs = null
    if (lostAtMs !== null)
      this.#options.onEvent({
        event: 'store_back',
        gateways: this.#gateways,
        after_ms: Math.round(performance.now() - lostAtMs),
      })
    this.#everUp = true
    this.#options.onReady()
  }
}
