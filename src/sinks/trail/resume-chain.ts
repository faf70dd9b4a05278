import { OwnError } from '../../base/code-of-error.ts'
import type { Head, TrailStore } from '../../engine/trail-store.ts'
import { genesisOf, hashOf } from './chain.ts'
import { faultOfSignature, readCheckpoint } from './checkpoint.ts'
import { type SigningKey, verifyingKey } from './signing-key.ts'

export interface SignedHead extends Head {
  readonly timeMs: number
}

/**
 * Where a chain that another thread of this process began may be taken up: its last checkpoint, whose signature stands for
 * all before it, or what was pruned since.
 * @throws Error when the checkpoint is not there as it was signed: nothing is chained to what was not written here
 */
export async function lastSigned(store: TrailStore, chain: string, key: SigningKey): Promise<SignedHead> {
  const state = (await store.chains()).find((known) => known.chain === chain)
  if (!state) return { chain, sequence: 0, hash: genesisOf(chain), timeMs: 0 }
  const { told, pruned } = state
  if (pruned && pruned.sequence >= told)
    return { chain, sequence: pruned.sequence, hash: pruned.hash, timeMs: pruned.timeMs }
  const rows = await store.read(chain, told - 2, 2)
  const row = rows.find(({ sequence }) => sequence === told)
  const previous =
    told === 1
      ? genesisOf(chain)
      : (rows.find(({ sequence }) => sequence === told - 1)?.hash ??
        (pruned?.sequence === told - 1 ? pruned.hash : ''))
  const checkpoint = row && readCheckpoint({ chain, sequence: told, timeMs: row.timeMs, previous }, row.text)
  if (
    !checkpoint ||
    hashOf(previous, row) !== row.hash ||
    faultOfSignature(checkpoint, new Map([[key.id, verifyingKey(key.publicKey)]])) !== null
  )
    throw new OwnError(`the checkpoint ${told} of the chain ${chain} is not there as it was signed`)
  return { chain, sequence: told, hash: row.hash, timeMs: row.timeMs }
}
