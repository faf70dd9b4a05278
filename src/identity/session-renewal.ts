import type { FoundSession } from '../engine/ports.ts'
import type { FoundEntry, SessionStore } from '../engine/session-store.ts'
import { BoundedCache } from './bounded-cache.ts'
import { knownSession, type SessionRecord } from './session-record.ts'
import { storeKeyOf } from './session-seal.ts'

/** How a session is opened and renewed; neither rejects. */
export interface RenewalSteps {
  readonly open: (id: string, key: string, entry: FoundEntry, nowMs: number) => SessionRecord | null
  readonly renew: (id: string, record: SessionRecord, nowMs: number) => Promise<SessionRecord | FoundSession>
}

/** No renewal takes longer; then another may try. */
const claimMs = 15_000
const pollMs = 50
/** After a renewal that failed the issuer is left alone for so long. */
const restMs = 2000
const minResting = 10_000

/**
 * Renews access tokens, one renewal of a session at a time, in this process and across all gateways of the store: an
 * issuer that rotates refresh tokens takes the second use of one for theft and ends the whole grant (RFC 9700 4.14.2).
 */
export class SessionRenewal {
  readonly #store: SessionStore
  readonly #steps: RenewalSteps
  readonly #underWay = new Map<string, Promise<FoundSession>>()
  /** Sessions whose renewal failed, and until when it is not tried again. */
  readonly #resting = new BoundedCache<number>(minResting)

  constructor(store: SessionStore, steps: RenewalSteps) {
    this.#store = store
    this.#steps = steps
  }

  isDue({ renewFromMs, refreshToken }: SessionRecord, nowMs: number): boolean {
    return refreshToken !== null && renewFromMs !== null && nowMs >= renewFromMs
  }

  run(id: string, record: SessionRecord, nowMs: number): Promise<FoundSession> {
    const key = storeKeyOf(id)
    const underWay = this.#underWay.get(key)
    if (underWay) return underWay
    if (nowMs < (this.#resting.get(key) ?? 0))
      return Promise.resolve(
        meanwhile(record, { kind: 'fault', detail: 'it could not be renewed a moment ago' }, nowMs),
      )
    const running = this.#run(id, key, record, nowMs).finally(() => this.#underWay.delete(key))
    this.#underWay.set(key, running)
    return running
  }

  async #run(id: string, key: string, record: SessionRecord, nowMs: number): Promise<FoundSession> {
    const name = `renew ${key}`
    const giveUpMs = nowMs + claimMs
    for (let atMs = nowMs; atMs < giveUpMs; atMs = Date.now()) {
      const claimed = await this.#store.claim(name, atMs + claimMs, atMs)
      if (claimed.kind === 'fault') return meanwhile(record, claimed, nowMs)
      // Another gateway may have renewed it since it was read.
      const entry = await this.#store.find(key, 0, atMs)
      const current = this.#steps.open(id, key, entry, atMs)
      if (claimed.kind === 'refused') {
        if (entry.kind === 'fault') return meanwhile(record, entry, nowMs)
        if (!current) return ended
        if (!this.isDue(current, atMs)) return knownSession(current)
        await new Promise((resolve) => setTimeout(resolve, pollMs))
        continue
      }
      try {
        if (entry.kind === 'fault') return meanwhile(record, entry, nowMs)
        if (!current) return ended
        if (!this.isDue(current, atMs)) return knownSession(current)
        const renewed = await this.#steps.renew(id, current, atMs)
        if (!('kind' in renewed)) return knownSession(renewed)
        if (renewed.kind !== 'fault') return renewed
        this.#resting.set(key, atMs + restMs)
        return meanwhile(record, renewed, nowMs)
      } finally {
        await this.#store.release(name)
      }
    }
    return meanwhile(
      record,
      { kind: 'fault', detail: 'another gateway renews it and does not come to an end' },
      nowMs,
    )
  }
}

const ended: FoundSession = { kind: 'unknown', detail: 'the session ended while it was renewed' }

/** What is still good is used while the renewal has to wait. */
function meanwhile(record: SessionRecord, fault: FoundSession, nowMs: number): FoundSession {
  return record.accessTokenEndsMs !== null && nowMs < record.accessTokenEndsMs ? knownSession(record) : fault
}
