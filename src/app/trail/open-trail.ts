import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TrailStore } from '../../engine/trail-store.ts'
import type { Settings, TrailSettings } from '../../program/settings.ts'
import type { Checkpoint } from '../../sinks/trail/checkpoint.ts'
import { keptKey, type SigningKey, signingKey } from '../../sinks/trail/signing-key.ts'
import { openPostgresTrail } from '../../stores/postgres-trail.ts'
import { openSqliteTrail } from '../../stores/sqlite-trail.ts'

/** What of the settings says where the trail is. */
export interface TrailPlace {
  readonly trail: TrailSettings
  readonly stateDir: Settings['stateDir']
}

/** @param create makes what is not there; else that is an error */
export function openTrail({ trail, stateDir }: TrailPlace, create: boolean): Promise<TrailStore> {
  const { database, durability } = trail
  return database === null
    ? openSqliteTrail(join(stateDir, 'trail.sqlite'), { durability, create })
    : openPostgresTrail(database, durability)
}

/** A store that is opened by its first use, and again by the next when that failed. */
export function openedWhenUsed(open: () => Promise<TrailStore>): TrailStore {
  let opening: Promise<TrailStore> | null = null
  const store = (): Promise<TrailStore> => {
    opening ??= open().catch((error: unknown) => {
      opening = null
      throw error
    })
    return opening
  }
  return {
    append: async (chain, rows, told) => (await store()).append(chain, rows, told),
    chains: async () => (await store()).chains(),
    chainsWithEntries: async () => (await store()).chainsWithEntries(),
    read: async (chain, after, limit) => (await store()).read(chain, after, limit),
    prune: async (chain, record) => (await store()).prune(chain, record),
    holds: async () => (await store()).holds(),
    putHold: async (hold) => (await store()).putHold(hold),
    removeHold: async (id) => (await store()).removeHold(id),
    close: async () => (await opening)?.close(),
  }
}

/** The key that the configuration names, else the one kept under `stateDir`, which is made by its first use. */
export function keyOfTrail({ trail, stateDir }: TrailPlace): SigningKey {
  return signingKey(trail.key ?? keptKey(join(stateDir, 'trail.key')))
}

const witnesses = 'trail-checkpoints'

/** Keeps the last checkpoint of a chain as a file of its own, so that a trail that was cut does not tell for itself. */
export function keepCheckpoint(stateDir: string, checkpoint: Checkpoint): void {
  const folder = join(stateDir, witnesses)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const name = createHash('sha256').update(checkpoint.chain).digest('hex').slice(0, 16)
  const file = join(folder, `${name}.json`)
  writeFileSync(`${file}.new`, `${JSON.stringify(checkpoint)}\n`, { mode: 0o600 })
  renameSync(`${file}.new`, file)
}

/** The checkpoints that were kept, as texts of JSON. */
export function keptCheckpoints(stateDir: string): readonly string[] {
  try {
    const folder = join(stateDir, witnesses)
    return readdirSync(folder)
      .filter((name) => name.endsWith('.json'))
      .map((name) => readFileSync(join(folder, name), 'utf8'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
