import { hash } from 'node:crypto'
import type { Head, PruneRecord } from '../../engine/trail-store.ts'
import type { SigningKey, VerifyingKey } from './signing-key.ts'

/**
 * A checkpoint is an entry of its own: through its chain it stands for all entries before it, and it names the heads of
 * the other chains. Kept elsewhere in this form, it shows that the trail of that time is still there.
 */
export interface Checkpoint {
  readonly chain: string
  readonly sequence: number
  readonly timeMs: number
  /** Hash of the entry before it. */
  readonly previous: string
  /** SHA-256, hex, of the entry's text without its signature. */
  readonly content: string
  readonly keyId: string
  readonly signature: string
}

/** What an entry must begin with to be a checkpoint. */
const start = '{"kind":"checkpoint"'
const shape = /^(\{"kind":"checkpoint".*,"key_id":"([0-9a-f]{16})"),"signature":"([A-Za-z0-9_-]{86})"\}$/

export type CheckpointRole = 'opening' | 'checkpoint' | 'closing'

/** @returns the text of the entry */
export function writeCheckpoint(
  at: Pick<Checkpoint, 'chain' | 'sequence' | 'timeMs' | 'previous'>,
  role: CheckpointRole,
  heads: readonly Head[],
  key: SigningKey,
): string {
  const named = heads.map((head) => `${JSON.stringify(head.chain)}:"${head.sequence} ${head.hash}"`)
  const unsigned = `${start},"role":"${role}","heads":{${named.join(',')}},"key_id":"${key.id}"`
  const signature = key.sign(messageOf({ ...at, content: hash('sha256', unsigned) }))
  return `${unsigned},"signature":"${signature}"}`
}

export interface ReadCheckpoint extends Checkpoint {
  readonly role: CheckpointRole
  readonly heads: readonly Head[]
}

export function isCheckpoint(text: string): boolean {
  return text.startsWith(start)
}

/** Null when the text is not that of a checkpoint. Judges no signature. */
export function readCheckpoint(
  at: Pick<Checkpoint, 'chain' | 'sequence' | 'timeMs' | 'previous'>,
  text: string,
): ReadCheckpoint | null {
  const [, unsigned, keyId, signature] = shape.exec(text) ?? []
  if (unsigned === undefined || keyId === undefined || signature === undefined) return null
  const { role, heads } = JSON.parse(text) as {
    readonly role: CheckpointRole
    readonly heads: { readonly [chain: string]: string }
  }
  return {
    ...at,
    content: hash('sha256', unsigned),
    keyId,
    signature,
    role,
    heads: Object.entries(heads).map(([chain, head]) => {
      const [sequence = '', headHash = ''] = head.split(' ')
      return { chain, sequence: Number(sequence), hash: headHash }
    }),
  }
}

/** Why the signature of a checkpoint does not hold; null when it does. */
export function faultOfSignature(
  checkpoint: Checkpoint,
  keys: ReadonlyMap<string, VerifyingKey>,
): string | null {
  return faultOf(messageOf(checkpoint), checkpoint, keys)
}

export function signPruning(
  chain: string,
  { sequence, hash: last, timeMs }: Pick<PruneRecord, 'sequence' | 'hash' | 'timeMs'>,
  key: SigningKey,
): PruneRecord {
  const record = { sequence, hash: last, timeMs, keyId: key.id }
  return { ...record, signature: key.sign(pruningMessage(chain, record)) }
}

export function faultOfPruning(
  chain: string,
  record: PruneRecord,
  keys: ReadonlyMap<string, VerifyingKey>,
): string | null {
  return faultOf(pruningMessage(chain, record), record, keys)
}

function faultOf(
  message: string,
  { keyId, signature }: Pick<Checkpoint, 'keyId' | 'signature'>,
  keys: ReadonlyMap<string, VerifyingKey>,
): string | null {
  const key = keys.get(keyId)
  if (!key) return `is signed by the key ${keyId}, which is none of those that are known`
  return key.verifies(message, signature) ? null : 'has a signature that does not hold'
}

function messageOf({
  chain,
  sequence,
  timeMs,
  previous,
  content,
}: Omit<Checkpoint, 'keyId' | 'signature'>): string {
  return `portcullis-trail-checkpoint-1\n${chain}\n${sequence}\n${timeMs}\n${previous}\n${content}`
}

function pruningMessage(
  chain: string,
  { sequence, hash: last, timeMs }: Pick<PruneRecord, 'sequence' | 'hash' | 'timeMs'>,
): string {
  return `portcullis-trail-pruned-1\n${chain}\n${sequence}\n${last}\n${timeMs}`
}
