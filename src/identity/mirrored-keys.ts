import {
  type FoundKeys,
  findKeys,
  type HeldKeys,
  isUsable,
  type KeyFinder,
  type KeySource,
  refetchCooldownMs,
} from './issuer-keys.ts'
import type { KeyRegistry } from './issuer-registry.ts'

/** The thread that fetches the keys, seen from one that uses them. */
export interface KeyFeed {
  /** @returns the keys once their issuer was asked for the first time; what is fetched later is sent unasked */
  hold(issuer: string): Promise<HeldKeys>
  letGo(issuer: string): void
  /** Has the keys refetched if that is due. @returns what is held then, and when an unknown key last caused a refetch */
  refetch(issuer: string): Promise<{ readonly held: HeldKeys; readonly refetchedMs: number }>
}

interface Mirrored {
  readonly keys: MirroredKeys
  readonly started: Promise<void>
  holders: number
}

/** The key sets as another thread fetches them: one fetch and one cool-down for the whole process (attack A10). */
export class MirroredRegistry implements KeyRegistry {
  readonly #feed: KeyFeed
  readonly #held = new Map<string, Mirrored>()

  constructor(feed: KeyFeed) {
    this.#feed = feed
  }

  acquire(issuer: string): { readonly keys: KeyFinder; readonly started: Promise<void> } {
    let mirrored = this.#held.get(issuer)
    if (!mirrored) {
      const keys = new MirroredKeys(issuer, this.#feed)
      mirrored = { keys, started: this.#feed.hold(issuer).then((held) => keys.take(held)), holders: 0 }
      this.#held.set(issuer, mirrored)
    }
    mirrored.holders++
    return mirrored
  }

  release(issuer: string): void {
    const mirrored = this.#held.get(issuer)
    if (!mirrored || --mirrored.holders > 0) return
    this.#held.delete(issuer)
    this.#feed.letGo(issuer)
  }

  /** Keys were fetched. */
  take(issuer: string, held: HeldKeys): void {
    this.#held.get(issuer)?.keys.take(held)
  }

  waitingFor(): readonly string[] {
    const nowMs = Date.now()
    return [...this.#held].filter(([, { keys }]) => !isUsable(keys.held, nowMs)).map(([issuer]) => issuer)
  }
}

class MirroredKeys implements KeyFinder, KeySource {
  readonly issuer: string
  readonly #feed: KeyFeed
  held: HeldKeys = { keySet: null, generation: 0, lastSuccessMs: null }
  #underWay: Promise<void> | null = null
  #lastRefetchMs = Number.NEGATIVE_INFINITY

  constructor(issuer: string, feed: KeyFeed) {
    this.issuer = issuer
    this.#feed = feed
  }

  take(held: HeldKeys): void {
    this.held = held
  }

  find(keyId: string | null, nowMs: number): FoundKeys | Promise<FoundKeys> {
    return findKeys(this, keyId, nowMs)
  }

  refetch(nowMs: number): Promise<void> | null {
    if (this.#underWay) return this.#underWay
    if (nowMs - this.#lastRefetchMs < refetchCooldownMs) return null
    this.#underWay = this.#ask().finally(() => {
      this.#underWay = null
    })
    return this.#underWay
  }

  async #ask(): Promise<void> {
    try {
      const { held, refetchedMs } = await this.#feed.refetch(this.issuer)
      this.take(held)
      this.#lastRefetchMs = refetchedMs
    } catch {
      // The other thread is ending, and with it this one.
    }
  }
}
