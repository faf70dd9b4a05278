import { codeOfError, OwnError } from '../../base/code-of-error.ts'
import type { Head, TrailRow, TrailStore } from '../../engine/trail-store.ts'
import { genesisOf, hashOf } from './chain.ts'
import { type Checkpoint, type CheckpointRole, readCheckpoint, writeCheckpoint } from './checkpoint.ts'
import { apart, entriesAtOnce, gathered, isIntent } from './grouped-entries.ts'
import { lastSigned } from './resume-chain.ts'
import type { SigningKey } from './signing-key.ts'
import { allocateTrailFigures, attachTrailFigures, type TrailFigures } from './trail-figures.ts'

/** What a thread sends at once. */
export interface Batch {
  /** Texts of intents: requests wait for them. */
  readonly intents: readonly string[]
  /** Texts of what happened: kept back while the store cannot be had. */
  readonly notes: readonly string[]
  /** Notes that the thread had to let go. */
  readonly lost: number
  /** The notes were sent to a writer that ended before it answered, and may be on the trail. */
  readonly again?: boolean
}

export type Written = { readonly ok: true } | { readonly ok: false; readonly detail: string }

export interface TrailEvent {
  readonly event: 'trail_checkpoint' | 'trail_unavailable' | 'trail_available'
  readonly [field: string]: unknown
}

export interface TrailWriterOptions {
  readonly store: TrailStore
  readonly key: SigningKey
  /** Unique; no other writer has it. */
  readonly chain: string
  /** The chain was begun by a writer of this process that has ended: it is taken up where that one left it. */
  readonly resume?: boolean
  readonly figures?: TrailFigures
  readonly checkpointMs: number
  readonly nowMs: () => number
  readonly tell: (event: TrailEvent) => void
  /** Takes each checkpoint, to be kept beside the trail. */
  readonly keep: (checkpoint: Checkpoint) => void
}

/** An append of which nobody knows whether it took place. All of them begin where the chain is known to end. */
interface Doubt {
  /** Of its last entry. */
  readonly hash: string
  /** Notes in it: the first of those that are kept. */
  readonly notes: number
  /** What its gap tells. */
  readonly lost: number
}

interface Waiting {
  readonly batch: Batch
  readonly answer: (written: Written) => void
}

/** Those that share an entry count one by one. */
const checkpointEntries = 10_000
/** One transaction; what comes meanwhile goes into the next. */
const maxEntries = 4000
const maxKept = 20_000
const tickMs = 1000

/**
 * Writes one chain of the audit trail: many entries in one transaction, each chained to the one before, and signed
 * checkpoints among them.
 *
 * INVARIANT: a batch is answered with `ok` only after the store has it. After a failure the store itself is asked how far
 * the chain goes, so that nothing is lost that was acknowledged, and nothing is written twice.
 */
export class TrailWriter {
  readonly #options: TrailWriterOptions & { readonly figures: TrailFigures }
  readonly #queue: Waiting[] = []
  /** Notes for which the store could not be had. */
  #kept: string[] = []
  #lost = 0
  #head: Head
  #timeMs = 0
  #sinceCheckpoint = 0
  #checkpointedMs = 0
  /** Heads of other chains as the last checkpoint named them. */
  readonly #named = new Map<string, number>()
  #fault: string | null = null
  /** How far the chain goes is to be asked. */
  #doubted = false
  #doubts: Doubt[] = []
  /** The chain of a writer that ended was not taken up yet. */
  #resuming: boolean
  /** Notes that writer left on the trail since its last checkpoint, as far as they are known. */
  readonly #inherited = new Set<string>()
  /** Of the notes that are kept, those that were on their way to that writer. */
  readonly #again = new Set<string>()
  #running: Promise<void> | null = null
  #timer: NodeJS.Timeout | null = null

  constructor(options: TrailWriterOptions) {
    const figures = options.figures ?? attachTrailFigures(allocateTrailFigures())
    this.#options = { ...options, figures }
    this.#head = { chain: options.chain, sequence: 0, hash: genesisOf(options.chain) }
    this.#resuming = options.resume === true
    this.#doubted = this.#resuming
    if (!this.#resuming) return
    // What it kept in memory has gone with it.
    figures.lost += figures.pending
    this.#lost = figures.unsaid + figures.pending
    this.#show()
  }

  get head(): Head {
    return this.#head
  }

  /** Begins the chain. A store that cannot be had is tried again until it can. */
  async open(): Promise<void> {
    await this.#attempt([])
    this.#timer = setInterval(() => this.#tick(), tickMs).unref()
  }

  write(batch: Batch): Promise<Written> {
    return new Promise((answer) => {
      this.#queue.push({ batch, answer })
      this.#run()
    })
  }

  /** Writes what is left, and a last checkpoint. */
  async close(): Promise<void> {
    if (this.#timer) clearInterval(this.#timer)
    while (this.#running) await this.#running
    // Nothing else begins any more.
    this.#running = this.#finish()
    await this.#running
  }

  async #finish(): Promise<void> {
    await this.#attempt([])
    if (this.#fault === null) await this.#checkpoint('closing').catch(() => {})
    await this.#options.store.close().catch(() => {})
    this.#refuse(this.#queue.splice(0), 'the audit trail is closed')
  }

  #run(): void {
    this.#running ??= this.#drain().finally(() => this.#rest())
  }

  #tick(): void {
    this.#running ??= (this.#fault === null ? this.#checkpointWhenDue() : this.#attempt([])).finally(() =>
      this.#rest(),
    )
  }

  #rest(): void {
    this.#running = null
    if (this.#queue.length > 0) this.#run()
  }

  async #drain(): Promise<void> {
    while (this.#queue.length > 0) {
      const taken: Waiting[] = []
      for (let entries = 0; this.#queue.length > 0 && entries < maxEntries; ) {
        const next = this.#queue.shift() as Waiting
        entries += next.batch.intents.length + next.batch.notes.length
        taken.push(next)
      }
      // While it is known that the store cannot be had, nobody is made to wait for it.
      if (this.#fault !== null) this.#refuse(taken, this.#fault)
      else await this.#attempt(taken)
    }
  }

  async #attempt(taken: readonly Waiting[]): Promise<void> {
    try {
      if (this.#doubted) await this.#settle()
      if (this.#head.sequence === 0) await this.#checkpoint('opening')
      const lost = await this.#write(taken)
      this.#kept = []
      this.#again.clear()
      this.#lost = 0
      this.#options.figures.lost += taken.reduce((sum, { batch }) => sum + batch.lost, 0)
      this.#show(true)
      for (const { answer } of taken) answer({ ok: true })
      if (this.#fault !== null) this.#options.tell({ event: 'trail_available', lost })
      this.#fault = null
    } catch (error) {
      this.#fail(taken, error as Error)
      return
    }
    await this.#checkpointWhenDue()
  }

  /** @returns how much its gap tells */
  async #write(taken: readonly Waiting[]): Promise<number> {
    const intents = taken.flatMap(({ batch }) => batch.intents)
    for (;;) {
      const lost = taken.reduce((sum, { batch }) => sum + batch.lost, this.#lost)
      const notes = taken.flatMap(({ batch }) => this.#unwritten(batch))
      const told = [...intents, ...this.#kept, ...notes]
      // After a fault it also shows that writing is possible again.
      const gap = lost > 0 || this.#fault !== null ? [gapText(lost)] : []
      const texts = [...gap, ...gathered(told)]
      const held = { notes: this.#kept.length + notes.length, lost }
      if (texts.length === 0 || (await this.#append(texts, gap.length + told.length, held))) return lost
    }
  }

  #fail(taken: readonly Waiting[], error: Error): void {
    const detail = `the audit trail cannot be written: ${codeOfError(error)}`
    if (this.#fault === null) this.#options.tell({ event: 'trail_unavailable', detail })
    this.#fault = detail
    this.#refuse(taken, detail)
  }

  #refuse(taken: readonly Waiting[], detail: string): void {
    const { figures } = this.#options
    const before = this.#lost
    for (const { batch, answer } of taken) {
      this.#lost += batch.lost
      figures.refused += batch.intents.length
      for (const note of this.#unwritten(batch))
        if (this.#kept.length < maxKept) {
          this.#kept.push(note)
          if (batch.again) this.#again.add(note)
        } else this.#lost++
      answer({ ok: false, detail })
    }
    figures.lost += this.#lost - before
    this.#show(false)
  }

  #unwritten({ notes, again }: Batch): readonly string[] {
    return again ? notes.filter((note) => !this.#inherited.has(note)) : notes
  }

  #show(writable = this.#fault === null): void {
    const { figures } = this.#options
    figures.writable = Number(writable)
    figures.pending = this.#kept.length
    figures.unsaid = this.#lost
  }

  /**
   * @param count of what the texts hold, for those that share an entry
   * @returns false when an earlier append took place after all, where this one was to stand: so this one did not, and never
   * will
   */
  async #append(
    texts: readonly string[],
    count: number,
    held: Omit<Doubt, 'hash'>,
    checkpointMs: number | null = null,
  ): Promise<boolean> {
    const { store, chain, nowMs } = this.#options
    const timeMs = checkpointMs ?? Math.max(this.#timeMs, nowMs())
    const rows: TrailRow[] = []
    const before = this.#head
    let { sequence, hash } = before
    for (const text of texts) {
      sequence++
      hash = hashOf(hash, { sequence, timeMs, text })
      rows.push({ sequence, timeMs, hash, text })
    }
    try {
      await store.append(chain, rows, checkpointMs !== null)
      this.#head = { chain, sequence, hash }
      this.#doubts = []
    } catch (error) {
      this.#doubted = true
      this.#doubts.push({ ...held, hash })
      await this.#settle().catch(() => {})
      if (this.#head.hash !== hash) {
        if (this.#head !== before && !this.#doubted) return false
        throw error
      }
    }
    this.#timeMs = timeMs
    this.#sinceCheckpoint += count
    this.#options.figures.entries += count
    return true
  }

  /**
   * Takes over what the store has of this chain after an append of which nobody knows whether it took place. Nobody else
   * writes this chain, so what is there was written here.
   */
  async #settle(): Promise<void> {
    const { store, chain, key, resume } = this.#options
    if (this.#resuming) {
      const { timeMs, ...head } = await lastSigned(store, chain, key)
      this.#head = head
      this.#timeMs = timeMs
    }
    const { sequence: known } = this.#head
    for (;;) {
      const rows = await store.read(chain, this.#head.sequence, entriesAtOnce)
      for (const { sequence, timeMs, hash, text } of rows) {
        if (hashOf(this.#head.hash, { sequence, timeMs, text }) !== hash)
          throw new OwnError(`entry ${sequence} of the chain ${chain} is not what was written`)
        this.#head = { chain, sequence, hash }
        this.#timeMs = timeMs
        const parts = apart(text)
        this.#sinceCheckpoint += parts.length
        // Intents are not sent again: those on their way were refused.
        if (resume && !isIntent(parts[0])) for (const note of parts) this.#inherited.add(note)
        const found = this.#doubts.find((doubt) => doubt.hash === hash)
        if (found) this.#tookPlace(found)
      }
      if (rows.length < entriesAtOnce) break
    }
    this.#doubted = false
    this.#resuming = false
    if (this.#head.sequence > known) this.#doubts = []
    if (resume)
      this.#kept = this.#kept.filter((note) => !(this.#again.has(note) && this.#inherited.has(note)))
  }

  /** What it wrote is kept no more. No other one that began where it did can have taken place. */
  #tookPlace({ notes, lost }: Doubt): void {
    const notKept = Math.max(0, notes - this.#kept.length)
    this.#kept = this.#kept.slice(notes)
    this.#lost = Math.max(0, this.#lost - lost - notKept)
    this.#doubts = []
  }

  async #checkpointWhenDue(): Promise<void> {
    const due =
      this.#sinceCheckpoint >= checkpointEntries ||
      (this.#sinceCheckpoint > 0 &&
        this.#options.nowMs() - this.#checkpointedMs >= this.#options.checkpointMs)
    if (!due || this.#fault !== null) return
    await this.#checkpoint('checkpoint').catch((error: Error) => this.#fail([], error))
  }

  async #checkpoint(role: CheckpointRole): Promise<void> {
    const { store, key, chain, nowMs } = this.#options
    const others = (await store.chains()).filter((head) => head.chain !== chain)
    const moved = others.filter((head) => this.#named.get(head.chain) !== head.sequence)
    const timeMs = Math.max(this.#timeMs, nowMs())
    const at = { chain, sequence: this.#head.sequence + 1, timeMs, previous: this.#head.hash }
    const text = writeCheckpoint(at, role, moved, key)
    if (!(await this.#append([text], 1, { notes: 0, lost: 0 }, timeMs)))
      // What stood in the way of an opening was another one.
      return role === 'opening' ? undefined : this.#checkpoint(role)
    for (const { chain: other, sequence } of moved) this.#named.set(other, sequence)
    this.#sinceCheckpoint = 0
    this.#checkpointedMs = timeMs
    this.#options.figures.checkpointMs = timeMs
    const written = readCheckpoint(at, text)
    if (!written) throw new OwnError('a checkpoint that cannot be read')
    const { role: _, heads: __, ...kept } = written
    this.#options.keep(kept)
    this.#options.tell({
      event: 'trail_checkpoint',
      chain,
      sequence: kept.sequence,
      time_ms: kept.timeMs,
      previous: kept.previous,
      content: kept.content,
      key_id: kept.keyId,
      signature: kept.signature,
    })
  }
}

/** Says how much of what happened is not on the trail. */
function gapText(lost: number): string {
  return `{"kind":"gap","lost":${lost}}`
}
