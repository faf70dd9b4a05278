import type { ChainState, TrailRow, TrailStore } from '../../engine/trail-store.ts'
import { genesisOf, hashOf } from '../../sinks/trail/chain.ts'
import {
  type Checkpoint,
  faultOfPruning,
  faultOfSignature,
  isCheckpoint,
  type ReadCheckpoint,
  readCheckpoint,
} from '../../sinks/trail/checkpoint.ts'
import { entriesAtOnce } from '../../sinks/trail/grouped-entries.ts'
import type { VerifyingKey } from '../../sinks/trail/signing-key.ts'

/** What is wrong with a chain, at the first entry that is bad. */
export interface TrailProblem {
  readonly chain: string
  readonly sequence: number
  readonly problem: string
}

export interface ChainReport {
  readonly chain: string
  /** Entries that were read and are as they were written. */
  readonly entries: number
  /** Entries that are gone for their age, under a signed record. */
  readonly pruned: number
  /** The last good entry, and the last checkpoint up to it; 0 for none. */
  readonly last: number
  readonly signedUpTo: number
  /** Its writer ended it with a checkpoint. */
  readonly closed: boolean
}

export interface TrailReport {
  readonly chains: readonly ChainReport[]
  readonly entries: number
  readonly problems: readonly TrailProblem[]
}

export interface VerifyOptions {
  readonly keys: readonly VerifyingKey[]
  /** Checkpoints of an earlier time, kept elsewhere. */
  readonly checkpoints: readonly Checkpoint[]
  readonly progress: (entries: number) => void
}

const chainName = /^[A-Za-z0-9.-]{1,80}$/

/**
 * Reads the whole trail and holds every entry against its hash, every checkpoint against its signature and the heads it
 * names, and all of it against checkpoints that were kept elsewhere.
 */
export async function verifyTrail(store: TrailStore, options: VerifyOptions): Promise<TrailReport> {
  const verifier = new Verifier(store, options)
  return verifier.verify()
}

class Verifier {
  readonly #store: TrailStore
  readonly #options: VerifyOptions
  readonly #keys: ReadonlyMap<string, VerifyingKey>
  readonly #problems = new Map<string, TrailProblem>()
  readonly #states = new Map<string, ChainState>()
  #entries = 0

  constructor(store: TrailStore, options: VerifyOptions) {
    this.#store = store
    this.#options = options
    this.#keys = new Map(options.keys.map((key) => [key.id, key]))
  }

  async verify(): Promise<TrailReport> {
    for (const state of await this.#store.chains()) this.#states.set(state.chain, state)
    const names = new Set([...this.#states.keys(), ...(await this.#store.chainsWithEntries())])
    const chains: ChainReport[] = []
    for (const chain of [...names].sort()) chains.push(await this.#chain(chain))
    for (const checkpoint of this.#options.checkpoints) await this.#kept(checkpoint)
    return { chains, entries: this.#entries, problems: [...this.#problems.values()] }
  }

  async #chain(chain: string): Promise<ChainReport> {
    const state = this.#states.get(chain)
    const pruned = state?.pruned ?? null
    const walk = new Walk(chain, pruned?.sequence ?? 0, pruned?.hash ?? genesisOf(chain))
    const fault = !chainName.test(chain)
      ? 'is the name of no chain'
      : pruned && faultOfPruning(chain, pruned, this.#keys)
    if (fault) this.#problem(chain, walk.last, `the record of what was pruned ${fault}`)
    // From the very beginning: what should be gone and is still there was put there.
    for (let after = Number.MIN_SAFE_INTEGER, more = !fault; more; ) {
      const rows = await this.#store.read(chain, after, entriesAtOnce)
      for (const row of rows) {
        after = row.sequence
        const problem = walk.step(row) ?? (await this.#checkpoint(walk, row))
        if (problem === null) continue
        this.#problem(chain, problem.sequence, problem.problem)
        more = false
        break
      }
      this.#entries += rows.length
      this.#options.progress(this.#entries)
      more &&= rows.length > 0
    }
    if (!this.#problems.has(chain)) this.#end(walk)
    const { entries, last, signedUpTo, closed } = walk
    return { chain, entries, pruned: pruned?.sequence ?? 0, last, signedUpTo, closed }
  }

  /** The store's own word of how far the chain went at its last checkpoint. */
  #end({ chain, last }: Walk): void {
    const told = this.#states.get(chain)?.told ?? 0
    if (told > last) this.#problem(chain, last + 1, `entries ${last + 1} to ${told} are gone`)
    else if (last === 0) this.#problem(chain, 1, 'the chain has no entry')
  }

  async #checkpoint(walk: Walk, row: TrailRow): Promise<Omit<TrailProblem, 'chain'> | null> {
    const { sequence } = row
    if (!isCheckpoint(row.text))
      return sequence === 1 ? { sequence, problem: 'the chain does not begin with a checkpoint' } : null
    const { chain, previous } = walk
    const read = readCheckpoint({ chain, sequence, timeMs: row.timeMs, previous }, row.text)
    if (!read) return { sequence, problem: 'is a checkpoint that cannot be read' }
    const fault = faultOfSignature(read, this.#keys)
    if (fault) return { sequence, problem: `the checkpoint ${fault}` }
    walk.signedUpTo = sequence
    walk.closed = read.role === 'closing'
    for (const head of read.heads) await this.#named(head, read)
    return null
  }

  /** What a checkpoint names must be there. */
  async #named(head: ReadCheckpoint['heads'][number], by: ReadCheckpoint): Promise<void> {
    if (this.#isPruned(head.chain, head.sequence)) return
    const [row] = await this.#store.read(head.chain, head.sequence - 1, 1)
    if (row?.sequence === head.sequence && row.hash === head.hash) return
    const missing = row?.sequence !== head.sequence
    await this.#missing(
      head.chain,
      head.sequence,
      `${missing ? 'is gone' : 'is another'} than when entry ${by.sequence} of ${by.chain} named it`,
      missing,
    )
  }

  /** A checkpoint from elsewhere must be there as it was. */
  async #kept(checkpoint: Checkpoint): Promise<void> {
    const { chain, sequence, previous, content } = checkpoint
    const fault = faultOfSignature(checkpoint, this.#keys)
    if (fault) return this.#problem(chain, sequence, `a checkpoint that was kept elsewhere ${fault}`)
    if (this.#isPruned(chain, sequence)) return
    const [row] = await this.#store.read(chain, sequence - 1, 1)
    const there = row?.sequence === sequence
    const same =
      there &&
      readCheckpoint({ chain, sequence, timeMs: row.timeMs, previous }, row.text)?.content === content &&
      hashOf(previous, row) === row.hash
    if (!same)
      await this.#missing(
        chain,
        sequence,
        `${there ? 'is not' : 'is gone, although it stood before'} the checkpoint that was kept elsewhere`,
        !there,
      )
  }

  /** Where a chain was cut, the first entry that is gone is the one after its last. */
  async #missing(chain: string, sequence: number, problem: string, gone: boolean): Promise<void> {
    let first = sequence
    if (gone) {
      let last = this.#states.get(chain)?.pruned?.sequence ?? 0
      for (;;) {
        const rows = await this.#store.read(chain, last, entriesAtOnce)
        const until = rows.findIndex((row, index) => row.sequence !== last + index + 1)
        last += until < 0 ? rows.length : until
        if (until >= 0 || rows.length === 0) break
      }
      first = Math.min(sequence, last + 1)
    }
    this.#problem(
      chain,
      first,
      first === sequence ? problem : `is gone; so is entry ${sequence}, which ${problem}`,
    )
  }

  #isPruned(chain: string, sequence: number): boolean {
    return sequence <= (this.#states.get(chain)?.pruned?.sequence ?? 0)
  }

  /** Of each chain the first bad entry is told; what follows it proves nothing. */
  #problem(chain: string, sequence: number, problem: string): void {
    const known = this.#problems.get(chain)
    if (!known || sequence < known.sequence) this.#problems.set(chain, { chain, sequence, problem })
  }
}

/** The way along one chain. */
class Walk {
  readonly chain: string
  entries = 0
  last: number
  signedUpTo: number
  closed = false
  /** Hash of the entry before the one that was stepped to. */
  previous: string
  #hash: string

  constructor(chain: string, last: number, hash: string) {
    this.chain = chain
    this.last = last
    this.signedUpTo = last
    this.previous = hash
    this.#hash = hash
  }

  step(row: TrailRow): Omit<TrailProblem, 'chain'> | null {
    const expected = this.last + 1
    if (row.sequence < expected)
      return { sequence: row.sequence, problem: 'stands before the beginning of the chain' }
    if (row.sequence > expected) {
      const until = row.sequence - 1
      return {
        sequence: expected,
        problem: until === expected ? 'is gone' : `entries ${expected} to ${until} are gone`,
      }
    }
    if (this.closed)
      return { sequence: row.sequence, problem: 'stands behind the end of the chain, where nobody wrote it' }
    const hash = hashOf(this.#hash, row)
    if (hash !== row.hash) return { sequence: row.sequence, problem: 'is not what was written' }
    this.previous = this.#hash
    this.#hash = hash
    this.last = row.sequence
    this.entries++
    return null
  }
}
