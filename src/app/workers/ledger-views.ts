import { type LedgerEvent, LedgerView, type ReadLedger } from '../../identity/ledger-view.ts'
import type { Settings } from '../../program/settings.ts'

/** Opens the ledger that a configuration names. Opens no connection yet. */
export type OpenLedger = (settings: Pick<Settings, 'ledger' | 'stateDir'>) => Promise<ReadLedger>

/** The view of the ledger that is in use; a reload that names the same ledger keeps it. */
export class LedgerViews {
  readonly #open: OpenLedger
  readonly #tell: (event: LedgerEvent) => void
  readonly #held = new Map<string, { readonly view: LedgerView; holders: number }>()

  constructor(open: OpenLedger, tell: (event: LedgerEvent) => void) {
    this.#open = open
    this.#tell = tell
  }

  /** @returns the view, and what gives it back */
  async acquire(
    settings: Settings,
  ): Promise<{ readonly view: LedgerView; readonly release: () => Promise<void> }> {
    const name = JSON.stringify([settings.ledger, settings.stateDir])
    let held = this.#held.get(name)
    if (!held) {
      const view = new LedgerView(await this.#open(settings), settings.ledger.staleAfterMs, this.#tell)
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
