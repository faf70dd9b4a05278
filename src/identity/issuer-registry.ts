import { IssuerKeys, type IssuerStatus, type KeyEvent } from './issuer-keys.ts'

interface Held {
  readonly keys: IssuerKeys
  readonly started: Promise<void>
  holders: number
}

/** The key sets of all issuers, one each, kept as long as a verifier holds on to them: a reload fetches none anew. */
export class IssuerRegistry {
  readonly #held = new Map<string, Held>()
  readonly #onEvent: (event: KeyEvent) => void

  constructor(onEvent: (event: KeyEvent) => void) {
    this.#onEvent = onEvent
  }

  /** @returns the keys, and when their issuer was asked for the first time, whatever came of it */
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

  status(): readonly IssuerStatus[] {
    return [...this.#held.values()].map(({ keys }) => keys.status())
  }
}
