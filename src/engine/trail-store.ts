/** One entry as it is kept. */
export interface TrailRow {
  /** Counts from 1 within its chain, without a gap. */
  readonly sequence: number
  /** When it was recorded, epoch milliseconds; never decreases within a chain. */
  readonly timeMs: number
  /** SHA-256, hex, over the hash before it, `sequence`, `timeMs` and `text`. */
  readonly hash: string
  /** JSON in ASCII, one line. */
  readonly text: string
}

/** The last entry of a chain. */
export interface Head {
  readonly chain: string
  readonly sequence: number
  readonly hash: string
}

/** Stands for the entries of a chain up to one, which are gone for their age; signed. */
export interface PruneRecord {
  readonly sequence: number
  readonly hash: string
  readonly timeMs: number
  readonly keyId: string
  readonly signature: string
}

/** A chain as far as it goes, and what its writer said of that at its last checkpoint. */
export interface ChainState extends Head {
  /** Sequence of the last checkpoint. */
  readonly told: number
  readonly pruned: PruneRecord | null
}

/** What keeps entries from being pruned, whatever their age. */
export interface Hold {
  readonly id: string
  readonly field: HoldField
  readonly value: string
  readonly note: string
  readonly createdMs: number
}

export const holdFields = ['subject', 'operation', 'request_id'] as const
export type HoldField = (typeof holdFields)[number]

/**
 * Where the audit trail is kept. It only ever grows at the ends of its chains, and is pruned at their beginnings. Methods
 * reject when the store cannot be had; whether an `append` that was rejected took place, `chains` tells.
 */
export interface TrailStore {
  /**
   * Adds entries to the end of a chain, all or none, as durably as configured when it resolves.
   * @param told the last of them is a checkpoint, and the store is to say so of the chain
   */
  append(chain: string, rows: readonly TrailRow[], told: boolean): Promise<void>
  /** Each chain that was ever begun. */
  chains(): Promise<readonly ChainState[]>
  /** Chains of which there is any entry, whatever the store says of them. */
  chainsWithEntries(): Promise<readonly string[]>
  /** Entries after one, in order. */
  read(chain: string, after: number, limit: number): Promise<readonly TrailRow[]>
  /** Puts the record in place of the entries up to its own. */
  prune(chain: string, record: PruneRecord): Promise<void>
  holds(): Promise<readonly Hold[]>
  putHold(hold: Hold): Promise<void>
  removeHold(id: string): Promise<boolean>
  close(): Promise<void>
}
