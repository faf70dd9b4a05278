import { codeOfError } from '../base/code-of-error.ts'
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

/** Keys of one issuer as they are at hand. Plain data that crosses threads. */
export interface HeldKeys {
  readonly keySet: KeySet | null
  /** Another one for every change of the keys. */
  readonly generation: number
  /** Epoch milliseconds. */
  readonly lastSuccessMs: number | null
}

/** Finds the keys of one issuer. */
export interface KeyFinder {
  readonly issuer: string
  /** The keys that may have made a token with this `kid`. At once when known; a promise only for a refetch. */
  find(keyId: string | null, nowMs: number): FoundKeys | Promise<FoundKeys>
}

/** Where keys come from. */
export interface KeySource {
  readonly issuer: string
  readonly held: HeldKeys
  /** Resolves when a refetch is over, whatever came of it; null while none is due. */
  refetch(nowMs: number): Promise<void> | null
}

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
export class IssuerKeys implements KeyFinder, KeySource {
  readonly issuer: string
  readonly #onEvent: (event: KeyEvent) => void
  readonly #fetch: (issuer: string, signal: AbortSignal) => Promise<FetchedKeySet>
  readonly #listeners = new Set<(held: HeldKeys) => void>()
  #held: HeldKeys = { keySet: null, generation: 0, lastSuccessMs: null }
  #lastFailed = false
  #lastRefetchMs = Number.NEGATIVE_INFINITY
  #underWay: Promise<void> | null = null
  #timer: NodeJS.Timeout | null = null
  #retryMs = firstRetryMs
  readonly #ended = new AbortController()

  constructor(issuer: string, onEvent: (event: KeyEvent) => void, fetch = fetchKeySet) {
    this.issuer = issuer
    this.#onEvent = onEvent
    this.#fetch = fetch
  }

  /** Resolves when the first attempt is over, whatever came of it. */
  start(): Promise<void> {
    return this.#refresh()
  }

  /** Asks no more, and is not waited for where the issuer does not answer. */
  stop(): void {
    this.#ended.abort()
    if (this.#timer) clearTimeout(this.#timer)
  }

  get held(): HeldKeys {
    return this.#held
  }

  /** When an unknown key id last caused a refetch; epoch milliseconds. */
  get refetchedMs(): number {
    return this.#lastRefetchMs
  }

  /** Tells of every fetch that succeeded. @returns ends it */
  onFetched(listener: (held: HeldKeys) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  status(): IssuerStatus {
    const { keySet, lastSuccessMs } = this.#held
    const ready = isUsable(this.#held, Date.now())
    const keys = keySet?.keys.length ?? 0
    return { issuer: this.issuer, ready, keys, lastSuccessMs, lastFailed: this.#lastFailed }
  }

  find(keyId: string | null, nowMs: number): FoundKeys | Promise<FoundKeys> {
    return findKeys(this, keyId, nowMs)
  }

  refetch(nowMs: number): Promise<void> | null {
    if (this.#underWay) return this.#underWay
    if (nowMs - this.#lastRefetchMs < refetchCooldownMs) return null
    this.#lastRefetchMs = nowMs
    return this.#refresh()
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
      const { keySet, maxAgeMs } = await this.#fetch(this.issuer, this.#ended.signal)
      this.#accept(keySet)
      this.#lastFailed = false
      nextMs = Math.min(maxFreshMs, Math.max(minFreshMs, maxAgeMs ?? defaultFreshMs))
      this.#retryMs = firstRetryMs
    } catch (error) {
      if (this.#ended.signal.aborted) return
      this.#lastFailed = true
      this.#onEvent({
        event: 'key_set_failed',
        issuer: this.issuer,
        keys: this.#held.keySet?.keys.length ?? 0,
        detail: codeOfError(error),
      })
      // Jitter, so that many gateways do not come back in one instant.
      nextMs = this.#retryMs * (0.75 + Math.random() / 2)
      this.#retryMs = Math.min(maxRetryMs, this.#retryMs * 2)
    }
    if (this.#ended.signal.aborted) return
    this.#timer = setTimeout(() => void this.#refresh(), nextMs)
    this.#timer.unref()
  }

  #accept(keySet: KeySet): void {
    const before = this.#held.keySet && fingerprint(this.#held.keySet)
    const changed = before !== fingerprint(keySet)
    this.#held = {
      keySet: changed ? keySet : this.#held.keySet,
      generation: this.#held.generation + Number(changed),
      lastSuccessMs: Date.now(),
    }
    for (const listener of this.#listeners) listener(this.#held)
    if (!changed) return
    const event = before === null ? 'key_set_loaded' : 'key_rotated'
    this.#onEvent({ event, issuer: this.issuer, keys: keySet.keys.length, detail: keySet.skipped.join(', ') })
  }
}

/** Looks a key up, and has the keys refetched for one that is not known. */
export function findKeys(
  source: KeySource,
  keyId: string | null,
  nowMs: number,
): FoundKeys | Promise<FoundKeys> {
  const known = lookUp(source, keyId, nowMs)
  if (known.kind === 'keys') return known
  return source.refetch(nowMs)?.then(() => lookUp(source, keyId, nowMs)) ?? known
}

function lookUp({ issuer, held }: KeySource, keyId: string | null, nowMs: number): FoundKeys {
  const { keySet, generation } = held
  if (!keySet || !isUsable(held, nowMs))
    return { kind: 'fault', detail: `the keys of ${issuer} are not to be had` }
  // ATTACK: A14, a key id is compared as text and never used as a path, a query or a property name.
  const keys = keyId === null ? keySet.keys : keySet.byId.get(keyId)
  return keys ? { kind: 'keys', keys, generation } : { kind: 'unknown' }
}

/** Whether they are at hand, and not too old to be believed. */
export function isUsable({ keySet, lastSuccessMs }: HeldKeys, nowMs: number): boolean {
  return keySet !== null && nowMs - (lastSuccessMs ?? 0) < staleBoundMs
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
