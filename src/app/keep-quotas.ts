import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { Settings } from '../program/settings.ts'
import type { EventFields } from '../sinks/log.ts'
import { attachDesk, type CountersMemory } from '../stores/counters-memory.ts'
import { loadQuotas, ownerOfFile, saveQuotas } from '../stores/quota-file.ts'
import { snapshotQuotas } from '../stores/quota-snapshot.ts'

/** Saves the buckets of long limits. */
export interface QuotaKeeper {
  /** Whether what was drawn could be saved when it was last tried. */
  readonly saved: boolean
  /** Saves what is not saved yet; called when nobody draws any more. */
  stop(): Promise<void>
}

interface Surroundings {
  readonly tell: (event: string, fields: EventFields) => void
  /** Tells the buckets when the clock was set back; what is saved says nothing of it otherwise. */
  readonly lookAtClock: () => void
}

const pauseMs = 5_000

/**
 * Restores the buckets of limits over a day or longer, and saves them from then on: a kill costs what was drawn since the last
 * pause began, an orderly stop nothing. Called before the first take. Also where gateways share a store: it has none of the
 * buckets that each of them counts by itself.
 */
export function keepQuotas(
  memory: CountersMemory,
  { stateDir }: Pick<Settings, 'stateDir'>,
  { tell, lookAtClock }: Surroundings,
): QuotaKeeper {
  const file = join(stateDir, 'quotas.bin')
  const loaded = loadQuotas(memory, file, Date.now())
  if (loaded.problem !== null) tell('quotas_lost', { detail: loaded.problem })
  const desk = attachDesk(memory)
  const owner = randomBytes(16)
  /** Who saved last, as far as is known: an earlier process, or this one. */
  let expected = loaded.owner
  let contended = false
  /** How often buckets had been drawn from, as far as all of that is in the file. */
  let saved = 0
  /** The same when they were saved last. */
  let counted = 0
  let failing = false
  let stopped = false
  let saving = Promise.resolve()
  let timer = setTimeout(rhythm, pauseMs).unref()

  return {
    get saved() {
      return !failing
    },
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

  /** Of two that save in turns each forgets at its next start what the other wrote over. Said once. */
  async function lookForOthers(): Promise<void> {
    const found = contended ? null : await ownerOfFile(file)
    if (found === null || found === expected) return
    contended = true
    tell('quotas_contended', { detail: `${file} was saved by another gateway: the last that saves wins` })
  }

  async function save(): Promise<void> {
    await lookForOthers()
    // Before the look at the buckets: what is drawn meanwhile is saved the next time.
    const drawn = desk.longDrawn
    if (drawn === saved) return
    lookAtClock()
    const parts = await snapshotQuotas(memory, owner, Date.now())
    const problem = parts && (await saveQuotas(file, parts))
    const fails = problem !== null
    if (!fails) {
      expected = owner.toString('hex')
      // Of other threads a take may be counted a moment before it is seen: what they drew last is saved once more.
      saved = memory.onlyThread === null ? counted : drawn
      counted = drawn
    }
    if (fails !== failing) tell(fails ? 'quotas_unsaved' : 'quotas_saved', { detail: problem ?? file })
    failing = fails
  }
}
