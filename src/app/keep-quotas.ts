import { join } from 'node:path'
import type { Settings } from '../program/settings.ts'
import type { EventFields } from '../sinks/log.ts'
import { attachDesk, type CountersMemory } from '../stores/counters-memory.ts'
import { loadQuotas, saveQuotas } from '../stores/quota-file.ts'
import { snapshotQuotas } from '../stores/quota-snapshot.ts'

/** Saves the buckets of long limits. */
export interface QuotaKeeper {
  /** Saves what is not saved yet; called when nobody draws any more. */
  stop(): Promise<void>
}

const pauseMs = 5_000

/**
 * Restores the buckets of limits over a day or longer, and saves them from then on: a kill costs what was drawn since the last
 * pause began, an orderly stop nothing. Called before the first take. Null where gateways share the buckets.
 */
export function keepQuotas(
  memory: CountersMemory,
  { state, stateDir }: Pick<Settings, 'state' | 'stateDir'>,
  tell: (event: string, fields: EventFields) => void,
): QuotaKeeper | null {
  if (state.kind !== 'memory') return null
  const file = join(stateDir, 'quotas.bin')
  const lost = loadQuotas(memory, file, Date.now())
  if (lost !== null) tell('quotas_lost', { detail: lost })
  const desk = attachDesk(memory)
  let unsaved = false
  let failing = false
  let stopped = false
  let saving = Promise.resolve()
  let timer = setTimeout(rhythm, pauseMs).unref()

  return {
    async stop() {
      stopped = true
      clearTimeout(timer)
      await saving
      await save()
    },
  }

  function rhythm(): void {
    saving = save().then(() => {
      if (!stopped) timer = setTimeout(rhythm, pauseMs).unref()
    })
  }

  async function save(): Promise<void> {
    if (desk.takeLongDrawn()) unsaved = true
    if (!unsaved) return
    const octets = await snapshotQuotas(memory, Date.now())
    const problem = octets && (await saveQuotas(file, octets))
    unsaved = problem !== null
    if (unsaved !== failing) tell(unsaved ? 'quotas_unsaved' : 'quotas_saved', { detail: problem ?? file })
    failing = unsaved
  }
}
