import { generateKeyPairSync } from 'node:crypto'
import { type TrailReport, verifyTrail } from '../../src/app/trail/verify-trail.ts'
import { anonymous } from '../../src/engine/principal.ts'
import type { IntentEntry } from '../../src/engine/record/trail-entry.ts'
import type { TrailStore } from '../../src/engine/trail-store.ts'
import type { Checkpoint } from '../../src/sinks/trail/checkpoint.ts'
import { type SigningKey, signingKey, verifyingKey } from '../../src/sinks/trail/signing-key.ts'
import { type TrailEvent, TrailWriter } from '../../src/sinks/trail/trail-writer.ts'

export function createSigningKey(): SigningKey {
  const { privateKey } = generateKeyPairSync('ed25519')
  return signingKey(privateKey.export({ format: 'pem', type: 'pkcs8' }) as string)
}

export interface TestWriter {
  readonly writer: TrailWriter
  readonly checkpoints: Checkpoint[]
  readonly events: TrailEvent[]
  /** Writes entries; resolves with whether they were acknowledged. */
  write(...texts: readonly string[]): Promise<boolean>
}

/** A writer of one chain, open. Its clock stands at 1 700 000 000 000 and is moved by hand. */
export async function openWriter(
  store: TrailStore,
  key: SigningKey,
  chain: string,
  clock: { nowMs: number } = { nowMs: 1_700_000_000_000 },
): Promise<TestWriter> {
  const checkpoints: Checkpoint[] = []
  const events: TrailEvent[] = []
  const writer = new TrailWriter({
    store: { ...store, close: async () => {} },
    key,
    chain,
    checkpointMs: 10_000,
    nowMs: () => clock.nowMs,
    tell: (event) => events.push(event),
    keep: (checkpoint) => checkpoints.push(checkpoint),
  })
  await writer.open()
  return {
    writer,
    checkpoints,
    events,
    write: async (...texts) => (await writer.write({ intents: texts, notes: [], lost: 0 })).ok,
  }
}

export const entry = (subject: string): string =>
  JSON.stringify({ kind: 'intent', request_id: subject, operation: 'createThing', subject })

/** What a serving thread knows of a request that is let through. */
export function intentOf(requestId: string): IntentEntry {
  return {
    kind: 'intent',
    requestId,
    traceId: '0'.repeat(32),
    operation: 'putThing',
    method: 'PUT',
    object: [],
    caller: { ...anonymous, subject: 'alice' },
    address: '127.0.0.1',
    programDigest: '0'.repeat(64),
  }
}

export function verified(
  store: TrailStore,
  keys: readonly SigningKey[],
  checkpoints: readonly Checkpoint[] = [],
): Promise<TrailReport> {
  return verifyTrail(store, {
    keys: keys.map(({ publicKey }) => verifyingKey(publicKey)),
    checkpoints,
    progress: () => {},
  })
}
