import { codeOfError } from '../base/code-of-error.ts'
import { type Cidr, parseCidr } from '../base/ip.ts'
import type { JsonObject } from '../base/json.ts'
import { Memo } from '../base/memo.ts'
import {
  type KeyRecord,
  type Ledger,
  type LedgerChanges,
  revokes,
  type TokenRevocation,
} from '../engine/ledger.ts'
import {
  actorOf,
  type LedgerNews,
  type NewsActor,
  newsOfKey,
  newsOfRevocation,
} from '../engine/ledger-news.ts'
import type { ApiKeys, KnownKey, Revocations, SeenKey } from '../engine/ports.ts'
import { isKeyText, keyHash } from './api-key-text.ts'

/** How the view tells what happens to it; times are left to the receiver. */
export type LedgerEvent =
  | { readonly event: 'ledger_read'; readonly keys: number; readonly revocations: number }
  | { readonly event: 'ledger_unavailable'; readonly detail: string }
  | (LedgerNews & NewsActor)

/** What a view does with a ledger. */
export type ReadLedger = Pick<Ledger, 'changesSince' | 'noteUses' | 'close'>

/** Together with the time a read takes this is how long a revoked key or token is still believed: below 2 s. */
const pollMs = 1000
const flushMs = 15_000

/**
 * The whole ledger in memory, read anew every second by what has changed. Requests never wait for the database; when it
 * is away, what was read last is believed for a bounded time, and then nothing is.
 */
export class LedgerView implements ApiKeys, Revocations {
  /** Resolves after the first attempt to read, whatever came of it. */
  readonly started: Promise<void>
  readonly #ledger: ReadLedger
  readonly #staleAfterMs: number
  readonly #tell: (event: LedgerEvent) => void
  readonly #byHash = new Map<string, KnownKey>()
  readonly #hashes = new Map<string, string>()
  readonly #revocations = new Map<string, TokenRevocation>()
  #byIssuer: ReadonlyMap<string, IssuerRevocations> = new Map()
  readonly #uses = new Map<string, number>()
  #revision = 0
  #readAtMs: number | null = null
  #flushedAtMs = Date.now()
  #failing = false
  #timer: NodeJS.Timeout | null = null
  #polling: Promise<void>
  #stopped = false

  /** @param staleAfterMs how long what was read is believed while the ledger cannot be read */
  constructor(ledger: ReadLedger, staleAfterMs: number, tell: (event: LedgerEvent) => void) {
    this.#ledger = ledger
    this.#staleAfterMs = staleAfterMs
    this.#tell = tell
    this.#polling = this.#poll()
    this.started = this.#polling
  }

  /** It was read at least once. */
  get ready(): boolean {
    return this.#readAtMs !== null
  }

  find(text: string, nowMs: number): SeenKey {
    if (!isKeyText(text)) return { kind: 'invalid', detail: 'this is not of the form of a key' }
    if (this.#isStale(nowMs)) return { kind: 'fault', detail: 'the API keys could not be read for too long' }
    return this.#byHash.get(keyHash(text)) ?? { kind: 'invalid', detail: 'no such key' }
  }

  used(id: string, nowMs: number): void {
    this.#uses.set(id, nowMs)
  }

  stateOf(issuer: string, claims: JsonObject, nowMs: number): 'good' | 'revoked' | 'unknown' {
    if (this.#isStale(nowMs)) return 'unknown'
    const own = this.#byIssuer.get(issuer)
    if (!own) return 'good'
    const { jti, sub } = claims
    const revoked = (some: readonly TokenRevocation[] | undefined) =>
      some?.some((revocation) => revokes(revocation, issuer, claims)) === true
    return revoked(own.all) ||
      (typeof jti === 'string' && revoked(own.byToken.get(jti))) ||
      (typeof sub === 'string' && revoked(own.bySubject.get(sub)))
      ? 'revoked'
      : 'good'
  }

  /** Reads now what has changed; resolves when it is in force. */
  async refresh(): Promise<void> {
    await this.#polling
    if (this.#timer) clearTimeout(this.#timer)
    this.#polling = this.#poll()
    await this.#polling
  }

  async stop(): Promise<void> {
    this.#stopped = true
    if (this.#timer) clearTimeout(this.#timer)
    await this.#polling
    await this.#flush(Number.POSITIVE_INFINITY)
    await this.#ledger.close().catch(() => {})
  }

  #isStale(nowMs: number): boolean {
    return this.#readAtMs === null || nowMs - this.#readAtMs > this.#staleAfterMs
  }

  async #poll(): Promise<void> {
    const startedMs = Date.now()
    try {
      const changes = await this.#ledger.changesSince(this.#revision)
      // What was there at the first sight of the ledger is no news.
      const done = this.#readAtMs === null ? [] : this.#newsOf(changes)
      const news = this.#apply(changes)
      const back = this.#failing || this.#readAtMs === null
      this.#readAtMs = startedMs
      this.#failing = false
      for (const one of done) this.#tell(one)
      // Last of all: whoever hears of it may ask at once whether the view is ready.
      if (news || back)
        this.#tell({ event: 'ledger_read', keys: this.#byHash.size, revocations: this.#revocations.size })
    } catch (error) {
      if (!this.#failing) this.#tell({ event: 'ledger_unavailable', detail: codeOfError(error) })
      this.#failing = true
    }
    if (!this.#failing) await this.#flush(startedMs)
    if (!this.#stopped) this.#timer = setTimeout(() => (this.#polling = this.#poll()), pollMs).unref()
  }

  #newsOf({ keys, revocations, acts }: LedgerChanges): readonly (LedgerNews & NewsActor)[] {
    const news = [
      ...keys.flatMap((key) => newsOfKey(this.#byHash.get(this.#hashes.get(key.id) ?? '')?.key, key)),
      ...revocations.flatMap((one) => newsOfRevocation(this.#revocations.get(one.id), one)),
    ]
    return news.map((one) => ({ ...one, ...actorOf(one, acts) }))
  }

  /** @returns whether anything is other than it was */
  #apply({ revision, whole, keys, revocations }: LedgerChanges): boolean {
    const changed = keys.length > 0 || revocations.length > 0 || (whole && this.#byHash.size > 0)
    if (whole) {
      this.#byHash.clear()
      this.#hashes.clear()
      this.#revocations.clear()
    }
    for (const key of keys) {
      const before = this.#hashes.get(key.id)
      if (before !== undefined) this.#byHash.delete(before)
      this.#hashes.set(key.id, key.hash)
      this.#byHash.set(key.hash, {
        kind: 'key',
        key,
        addresses: networksOf(key),
        accepted: new Memo(),
      })
    }
    for (const one of revocations) {
      if (one.restoredMs === null) this.#revocations.set(one.id, one)
      else this.#revocations.delete(one.id)
    }
    if (whole || revocations.length > 0) this.#byIssuer = indexed(this.#revocations.values())
    this.#revision = revision
    return changed
  }

  /** Last uses are written in batches; one that cannot be written is kept for the next. */
  async #flush(nowMs: number): Promise<void> {
    if (this.#uses.size === 0 || nowMs - this.#flushedAtMs < flushMs) return
    const uses = new Map(this.#uses)
    this.#flushedAtMs = nowMs
    try {
      await this.#ledger.noteUses(uses)
    } catch {
      return
    }
    for (const [id, atMs] of uses) if (this.#uses.get(id) === atMs) this.#uses.delete(id)
  }
}

/** INVARIANT: a range that cannot be read lets nobody in; an empty list would let in everybody. */
function networksOf({ addresses }: KeyRecord): readonly Cidr[] {
  const networks = addresses.flatMap((text) => parseCidr(text) ?? [])
  return addresses.length > 0 && networks.length === 0 ? [nowhere] : networks
}
const nowhere = parseCidr('0.0.0.0/32') as Cidr

interface IssuerRevocations {
  readonly all: TokenRevocation[]
  readonly byToken: Map<string, TokenRevocation[]>
  readonly bySubject: Map<string, TokenRevocation[]>
}

function indexed(revocations: Iterable<TokenRevocation>): ReadonlyMap<string, IssuerRevocations> {
  const byIssuer = new Map<string, IssuerRevocations>()
  for (const one of revocations) {
    const own: IssuerRevocations = byIssuer.get(one.issuer) ?? {
      all: [],
      byToken: new Map(),
      bySubject: new Map(),
    }
    byIssuer.set(one.issuer, own)
    if (one.kind === 'issuer') own.all.push(one)
    else {
      const index = one.kind === 'token' ? own.byToken : own.bySubject
      index.set(one.value, [...(index.get(one.value) ?? []), one])
    }
  }
  return byIssuer
}
