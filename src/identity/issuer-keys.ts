import { type FetchedKeySet, fetchKeySet } from './fetch-key-set.ts'
import type { IssuerKey, KeySet } from './read-key-set.ts'

/** What happened to an issuer's keys, for the log. Never a key. */
export interface KeyEvent {
  readonly event: 'key_set_loaded' | 'key_rotated' | 'key_set_failed'
  readonly issuer: string
  readonly keys: number
  readonly detail: string
}

export interface IssuerStatus {
  readonly issuer: string
  readonly ready: boolean
  readonly keys: number
  readonly lastSuccessMs: number | null
  /** The last attempt to fetch them failed. */
  readonly lastFailed: boolean
}

export type FoundKeys =
  | { readonly kind: 'keys'; readonly keys: readonly IssuerKey[]; readonly generation: number }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'fault'; readonly detail: string }

const minFreshMs = 60_000
const maxFreshMs = 3_600_000
const defaultFreshMs = 600_000
/** Keys of an issuer that cannot be reached are used this long after the last success (attack A9). */
export const staleBoundMs = 24 * 3_600_000
/** Between two refetches that unknown key ids cause (attack A10). */
export const refetchCooldownMs = 5000
const firstRetryMs = 500
const maxRetryMs = 30_000

/**
 * The keys of one issuer: fetched at start and on schedule, refetched at once for an unknown key id, then at most
 * once in five seconds however many such tokens come. One fetch is under way at a time.
 */
export class IssuerKeys {
  readonly issuer: string
  readonly #onEvent: (event: KeyEvent) => void
  readonly #fetch: (issuer: string) => Promise<FetchedKeySet>
  #keySet: KeySet | null = null
  #generation = 0
  #lastSuccessMs: number | null = null
  #lastFailed = false
  #lastRefetchMs = Number.NEGATIVE_INFINITY
  #underWay: Promise<void> | null = null
  #timer: NodeJS.Timeout | null = null
  #retryMs = firstRetryMs
  #stopped = false

  constructor(issuer: string, onEvent: (event: KeyEvent) => void, fetch = fetchKeySet) {
    this.issuer = issuer
    this.#onEvent = onEvent
    this.#fetch = fetch
  }

  /** Resolves when the first attempt is over, whatever came of it. */
  start(): Promise<void> {
    return this.#refresh()
  }

  stop(): void {
    this.#stopped = true
    if (this.#timer) clearTimeout(this.#timer)
  }

  status(): IssuerStatus {
    const keys = this.#keySet?.keys.length ?? 0
    return {
      issuer: this.issuer,
      ready: this.#usable(Date.now()),
      keys,
      lastSuccessMs: this.#lastSuccessMs,
      lastFailed: this.#lastFailed,
    }
  }

  /** The keys that may have made a token with this `kid`. At once when known; a promise only for a refetch. */
  find(keyId: string | null, nowMs: number): FoundKeys | Promise<FoundKeys> {
    const known = this.#lookUp(keyId, nowMs)
    if (known.kind === 'keys') return known
    if (this.#underWay) return this.#underWay.then(() => this.#lookUp(keyId, nowMs))
    if (nowMs - this.#lastRefetchMs < refetchCooldownMs) return known
    this.#lastRefetchMs = nowMs
    return this.#refresh().then(() => this.#lookUp(keyId, nowMs))
  }

  #lookUp(keyId: string | null, nowMs: number): FoundKeys {
    if (!this.#keySet || !this.#usable(nowMs)) {
      return { kind: 'fault', detail: `the keys of ${this.issuer} are not to be had` }
    }
    // ATTACK: A14, a key id is compared as text and never used as a path, a query or a property name.
    const keys = keyId === null ? this.#keySet.keys : this.#keySet.byId.get(keyId)
    return keys ? { kind: 'keys', keys, generation: this.#generation } : { kind: 'unknown' }
  }

  #usable(nowMs: number): boolean {
    return this.#keySet !== null && nowMs - (this.#lastSuccessMs ?? 0) < staleBoundMs
  }

  #refresh(): Promise<void> {
    this.#underWay ??= this.#load().finally(() => {
      this.#underWay = null
    })
    return this.#underWay
  }

  async #load(): Promise<void> {
    if (this.#timer) clearTimeout(this.#timer)
    let nextMs: number
    try {
      const { keySet, maxAgeMs } = await this.#fetch(this.issuer)
      this.#accept(keySet)
      this.#lastFailed = false
      nextMs = Math.min(maxFreshMs, Math.max(minFreshMs, maxAgeMs ?? defaultFreshMs))
      this.#retryMs = firstRetryMs
    } catch (error) {
      this.#lastFailed = true
      this.#onEvent({
        event: 'key_set_failed',
        issuer: this.issuer,
        keys: this.#keySet?.keys.length ?? 0,
        detail: (error as Error).message,
      })
      // Jitter, so that many gateways do not come back in one instant.
      nextMs = this.#retryMs * (0.75 + Math.random() / 2)
      this.#retryMs = Math.min(maxRetryMs, this.#retryMs * 2)
    }
    if (this.#stopped) return
    this.#timer = setTimeout(() => void this.#refresh(), nextMs)
    this.#timer.unref()
  }

  #accept(keySet: KeySet): void {
    const before = this.#keySet && fingerprint(this.#keySet)
    const changed = before !== fingerprint(keySet)
    this.#lastSuccessMs = Date.now()
    if (!changed) return
    this.#keySet = keySet
    this.#generation++
    const event = before === null ? 'key_set_loaded' : 'key_rotated'
    this.#onEvent({ event, issuer: this.issuer, keys: keySet.keys.length, detail: keySet.skipped.join(', ') })
  }
}

function fingerprint({ keys }: KeySet): string {
  return keys
    .map(
      ({ keyId, key, algorithms }) =>
        `${keyId} ${[...algorithms].join(' ')} ${key.export({ format: 'pem', type: 'spki' })}`,
    )
    .sort()
    .join('\n')
}
