import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { OwnError } from '../../base/code-of-error.ts'
import { type Hold, type HoldField, holdFields, type TrailStore } from '../../engine/trail-store.ts'
import { type VerifyingKey, verifyingKey } from '../../sinks/trail/signing-key.ts'
import { TrailWriter } from '../../sinks/trail/trail-writer.ts'
import { keepCheckpoint, keptCheckpoints, keyOfTrail, openTrail, type TrailPlace } from './open-trail.ts'
import { readCheckpoints } from './read-checkpoints.ts'
import { type TrailReport, verifyTrail } from './verify-trail.ts'

export type { Hold, HoldField } from '../../engine/trail-store.ts'
export { type FoundEntry, searchTrail, type TrailFilter } from './search-trail.ts'
export type { TrailReport } from './verify-trail.ts'
export { holdFields }

/** The trail that a configuration names. @throws Error when there is none, or it cannot be had */
export function openWrittenTrail(place: TrailPlace): Promise<TrailStore> {
  return openTrail(place, false)
}

export interface Verification {
  /** PEM texts of public keys besides the configured one. */
  readonly publicKeys: readonly string[]
  /** Leaves only those: whoever has the configured key could have signed anything. */
  readonly onlyThese: boolean
  /** Texts that hold checkpoints kept elsewhere, besides those under `stateDir`. */
  readonly checkpoints: readonly string[]
  readonly progress: (entries: number) => void
}

/** @throws Error when a key or a text of checkpoints cannot be read */
export async function verifyWrittenTrail(
  place: TrailPlace,
  store: TrailStore,
  { publicKeys, onlyThese, checkpoints, progress }: Verification,
): Promise<TrailReport> {
  const keys: VerifyingKey[] = publicKeys.map(verifyingKey)
  const own = onlyThese ? null : ownKey(place)
  if (own !== null) keys.push(verifyingKey(own))
  const kept = keptCheckpoints(place.stateDir)
  const read = [...kept, ...checkpoints].flatMap((text) => {
    const found = readCheckpoints(text)
    if (found === null) throw new OwnError('a file of checkpoints must hold JSON lines')
    return found
  })
  return verifyTrail(store, { keys, checkpoints: read, progress })
}

/** PEM of the public key with which checkpoints are verified. */
export function publicKeyOf(place: TrailPlace): string {
  return keyOfTrail(place).publicKey
}

/** PEM; null when there is none. None is made: nothing could have been signed with it. */
function ownKey({ trail, stateDir }: TrailPlace): string | null {
  if (trail.key !== null) return trail.key
  const file = join(stateDir, 'trail.key')
  return existsSync(file) ? readFileSync(file, 'utf8') : null
}

export async function addHold(
  place: TrailPlace,
  store: TrailStore,
  { field, value, note }: { readonly field: HoldField; readonly value: string; readonly note: string },
  nowMs: number,
): Promise<Hold> {
  const hold = { id: `hold_${randomBytes(6).toString('hex')}`, field, value, note, createdMs: nowMs }
  await recordAct(place, store, { kind: 'hold_added', hold: hold.id, [field]: value, note })
  await store.putHold(hold)
  return hold
}

/** @returns whether there was one */
export async function removeHold(place: TrailPlace, store: TrailStore, id: string): Promise<boolean> {
  if (!(await store.holds()).some((hold) => hold.id === id)) return false
  await recordAct(place, store, { kind: 'hold_removed', hold: id })
  return store.removeHold(id)
}

/** What is done to the trail stands on it, in a chain of its own. @throws Error when it cannot be written */
async function recordAct(place: TrailPlace, store: TrailStore, act: object): Promise<void> {
  const writer = new TrailWriter({
    store: { ...store, close: async () => {} },
    key: keyOfTrail(place),
    chain: `act-${randomBytes(6).toString('hex')}`,
    checkpointMs: place.trail.checkpointMs,
    nowMs: Date.now,
    tell: () => {},
    keep: (checkpoint) => keepCheckpoint(place.stateDir, checkpoint),
  })
  await writer.open()
  const text = JSON.stringify(act).replace(
    /[\u007f-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
  const written = await writer.write({ intents: [text], notes: [], lost: 0 })
  await writer.close()
  if (!written.ok) throw new OwnError(written.detail)
}
