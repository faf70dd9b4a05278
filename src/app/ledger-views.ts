import { type LedgerEvent, LedgerView } from '../identity/ledger-view.ts'
import type { Settings } from '../program/settings.ts'
import { openLedger } from './open-ledger.ts'

/** The view of the ledger that is in use; a reload that names the same ledger keeps it. */
export class LedgerViews {
  readonly #tell: (event: LedgerEvent) => void
  readonly #held = new Map<string, { readonly view: LedgerView; holders: number }>()

  constructor(tell: (event: LedgerEvent) => void) {
    this.#tell = tell
  }

  /** @returns the view, and what gives it back */
  async acquire(
    settings: Settings,
  ): Promise<{ readonly view: LedgerView; readonly release: () => Promise<void> }> {
    const name = JSON.stringify([settings.ledger, settings.stateDir])
    let held = this.#held.get(name)
    if (!held) {
      const view = new LedgerView(await openLedger(settings), settings.ledger.staleAfterMs, this.#tell)
      held = { view, holders: 0 }
      this.#held.set(name, held)
    }
    const { view } = held
    held.holders++
    return { view, release: () => this.#release(name) }
  }

  get ready(): boolean {
    return [...this.#held.values()].every(({ view }) => view.ready)
  }

  async #release(name: string): Promise<void> {
    const held = this.#held.get(name)
    if (!held || --held.holders > 0) return
    this.#held.delete(name)
    await held.view.stop()
  }
}
