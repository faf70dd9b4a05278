import { IssuerKeys, type IssuerStatus, type KeyEvent, type KeyFinder } from './issuer-keys.ts'

/** The key sets of all issuers, one each, kept as long as a verifier holds on to them. */
export interface KeyRegistry {
  /** @returns the keys, and when their issuer was asked for the first time, whatever came of it */
  acquire(issuer: string): { readonly keys: KeyFinder; readonly started: Promise<void> }
  release(issuer: string): void
  /** Issuers whose keys are not at hand. */
  waitingFor(): readonly string[]
}

interface Held {
  readonly keys: IssuerKeys
  readonly started: Promise<void>
  holders: number
}

/** Fetches the key sets, one each: a reload fetches none anew. */
export class IssuerRegistry implements KeyRegistry {
  readonly #held = new Map<string, Held>()
  readonly #onEvent: (event: KeyEvent) => void

  constructor(onEvent: (event: KeyEvent) => void) {
    this.#onEvent = onEvent
  }

  acquire(issuer: string): { readonly keys: IssuerKeys; readonly started: Promise<void> } {
    let held = this.#held.get(issuer)
    if (!held) {
      const keys = new IssuerKeys(issuer, this.#onEvent)
      held = { keys, started: keys.start(), holders: 0 }
      this.#held.set(issuer, held)
    }
    held.holders++
    return held
  }

  release(issuer: string): void {
    const held = this.#held.get(issuer)
    if (!held || --held.holders > 0) return
    held.keys.stop()
    this.#held.delete(issuer)
  }

  /** Nobody waits for an issuer any more. */
  stop(): void {
    for (const { keys } of this.#held.values()) keys.stop()
  }

  waitingFor(): readonly string[] {
    return this.status()
      .filter(({ ready }) => !ready)
      .map(({ issuer }) => issuer)
  }

  status(): readonly IssuerStatus[] {
    return [...this.#held.values()].map(({ keys }) => keys.status())
  }
}
