import { OwnError } from '../../base/code-of-error.ts'
import type { LedgerChanges } from '../../engine/ledger.ts'
import type { ReadLedger } from '../../identity/ledger-view.ts'
import type { Settings } from '../../program/settings.ts'
import type { Far } from './channel.ts'
import type { OpenLedger } from './ledger-views.ts'

type Named = Pick<Settings, 'ledger' | 'stateDir'>

/** What a thread asks of the ledgers that its process has open. */
export type LedgerCalls = {
  readonly 'ledger.open': (settings: Named) => Promise<number>
  readonly 'ledger.changesSince': (id: number, revision: number) => Promise<LedgerChanges>
  readonly 'ledger.noteUses': (id: number, uses: ReadonlyMap<string, number>) => Promise<void>
  readonly 'ledger.close': (id: number) => Promise<void>
}

/**
 * What one thread holds open, for it.
 * @returns the calls, and what closes all that the thread left open at its end
 */
export function offerLedgers(open: OpenLedger): { readonly calls: LedgerCalls; readonly end: () => void } {
  const held = new Map<number, ReadLedger>()
  let lastId = 0
  let ended = false
  const calls: LedgerCalls = {
    async 'ledger.open'(settings) {
      const ledger = await open(settings)
      // It died meanwhile: nobody else would ever close what was opened for it.
      if (ended) await ledger.close()
      else held.set(++lastId, ledger)
      return lastId
    },
    'ledger.changesSince': (id, revision) => of(id).changesSince(revision),
    'ledger.noteUses': (id, uses) => of(id).noteUses(uses),
    async 'ledger.close'(id) {
      const ledger = of(id)
      held.delete(id)
      await ledger.close()
    },
  }
  return {
    calls,
    end() {
      ended = true
      void Promise.allSettled([...held.values()].map((ledger) => ledger.close()))
    },
  }

  function of(id: number): ReadLedger {
    const ledger = held.get(id)
    if (!ledger) throw new OwnError('the ledger is closed')
    return ledger
  }
}

/** Ledgers that another thread of this process has open. */
export function remoteLedgers(far: Far<LedgerCalls>): OpenLedger {
  return async ({ ledger, stateDir }) => {
    const id = await far.call('ledger.open', { ledger, stateDir })
    return {
      changesSince: (revision) => far.call('ledger.changesSince', id, revision),
      noteUses: (uses) => far.call('ledger.noteUses', id, uses),
      close: () => far.call('ledger.close', id),
    }
  }
}

interface Shared {
  readonly ledger: Promise<ReadLedger>
  readonly reads: Map<number, Promise<LedgerChanges>>
  holders: number
}

/** Opens each ledger once however many ask for it, and reads once what several ask for at a time. */
export function shareLedgers(open: OpenLedger): OpenLedger {
  const all = new Map<string, Shared>()
  return async ({ ledger, stateDir }) => {
    const name = JSON.stringify([ledger, stateDir])
    const shared = all.get(name) ?? { ledger: open({ ledger, stateDir }), reads: new Map(), holders: 0 }
    all.set(name, shared)
    shared.holders++
    const opened = await shared.ledger.catch((error: unknown) => {
      // What failed once, for want of a driver, is tried anew by the next who asks.
      if (all.get(name) === shared) all.delete(name)
      throw error
    })
    return {
      noteUses: (uses) => opened.noteUses(uses),
      changesSince(revision) {
        const underWay = shared.reads.get(revision)
        if (underWay) return underWay
        const read = opened.changesSince(revision).finally(() => shared.reads.delete(revision))
        shared.reads.set(revision, read)
        return read
      },
      async close() {
        if (--shared.holders > 0) return
        all.delete(name)
        await opened.close()
      },
    }
  }
}
