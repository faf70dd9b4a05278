import { type HeldBack, holdBack } from '../engine/limit/back-off.ts'
import { draw, maxBehindMs, paceOf, peek } from '../engine/limit/draw.ts'
import { spellKey } from '../engine/limit/spell-key.ts'
import type { BucketState, Draw } from '../engine/ports.ts'
import type { LimitPlan } from '../program/program.ts'
import { bucketName, type StoreBucket } from './redis-buckets.ts'

/** How long borrowed tokens are held without being borrowed anew. */
const lifetimeMs = 5000
const sweepMs = 1000
const maxLeases = 100_000

/** Tokens of one bucket that the store has given away, and what is known of the rest. */
export interface Lease {
  readonly limit: LimitPlan
  readonly name: string
  tokens: number
  /** Somebody is asking for a whole lease; others ask for what they need. */
  asking: boolean
  /** What the bucket in the store lacked to be full, and when. */
  owedMs: number
  atMs: number
  untilMs: number
  /** Until then the store has no `deniedTokens`. */
  deniedUntilMs: number
  deniedTokens: number
  held: HeldBack | null
  /** Not on loan any more; what still comes in for it goes back. */
  ended: boolean
}

/** A part of a take. Either from a lease, or asked of the store, or both. */
export interface Claim {
  readonly draw: Draw
  /** Null where each take is asked of the store. */
  readonly lease: Lease | null
  /** Tokens taken out of the lease for it. */
  readonly leased: number
  /** Tokens to ask the store for. */
  readonly missing: number
  /** The store has to be asked. */
  readonly asks: boolean
  /** It asks for a whole lease besides. */
  readonly borrows: boolean
}

export interface ReturnedTokens {
  readonly limit: LimitPlan
  readonly name: string
  readonly count: number
}

/**
 * Tokens on loan. INVARIANT: of one bucket at most `lease` are held at a time, so that all gateways together let through at
 * most workers × lease more than the bucket in any span of time, and at most so many are missing elsewhere.
 */
export class TokenLeases {
  readonly #leases = new Map<string, Lease>()
  readonly #giveBack: (tokens: readonly ReturnedTokens[]) => void
  #timer: NodeJS.Timeout | undefined

  constructor(giveBack: (tokens: readonly ReturnedTokens[]) => void) {
    this.#giveBack = giveBack
  }

  get size(): number {
    return this.#leases.size
  }

  claim(asked: Draw, nowMs: number): Claim {
    const lease = this.#leaseOf(asked, nowMs)
    const { cost } = asked
    if (lease.tokens >= Math.max(1, cost)) {
      lease.tokens -= cost
      return { draw: asked, lease, leased: cost, missing: 0, asks: false, borrows: false }
    }
    const leased = cost === 0 ? 0 : lease.tokens
    const borrows = cost > 0 && !lease.asking
    lease.tokens -= leased
    if (borrows) lease.asking = true
    return { draw: asked, lease, leased, missing: cost - leased, asks: true, borrows }
  }

  /** Milliseconds for which the store is known not to have what is missing; 0 when it is to be asked. */
  deniedForMs({ lease, missing, asks }: Claim, nowMs: number): number {
    if (!lease || !asks || Math.max(1, missing) < lease.deniedTokens) return 0
    return Math.max(0, lease.deniedUntilMs - nowMs)
  }

  /** The request is let through. @param bucket what the store answered; null when it was not asked */
  settle({ lease, missing, asks, borrows }: Claim, bucket: StoreBucket | null, nowMs: number): void {
    if (!lease || !asks) return
    if (borrows) lease.asking = false
    if (!bucket) return
    lease.tokens += bucket.taken - missing
    lease.untilMs = Math.max(lease.untilMs, nowMs + lifetimeMs)
    this.#learn(lease, bucket, bucket.taken, nowMs)
    this.#trim(lease)
  }

  /** The request is not let through: what was taken for it goes back. */
  undo(
    { draw: { cost }, lease, leased, missing, asks, borrows }: Claim,
    bucket: StoreBucket | null,
    nowMs: number,
  ): void {
    if (!lease) return
    if (asks && borrows) lease.asking = false
    if (cost > 0) lease.tokens += leased + (bucket?.taken ?? 0)
    if (bucket) {
      this.#learn(lease, bucket, bucket.taken, nowMs)
      const judged = draw(bucket.owedMs, paceOf(lease.limit), missing, 0)
      if (!judged.allowed) {
        lease.deniedUntilMs = nowMs + judged.retryMs
        lease.deniedTokens = Math.max(1, missing)
        lease.held = { toldAtMs: nowMs, waitMs: bucket.backOffMs, strikes: 0 }
      }
    }
    this.#trim(lease)
  }

  /** As far as it is known here. */
  stateOf({ limit, tokens, owedMs, atMs }: Lease, nowMs: number): BucketState {
    const { remaining, resetMs } = peek(owedMs - Math.max(0, nowMs - atMs), paceOf(limit), 0)
    return { remaining: Math.min(limit.burst, remaining + tokens), resetMs, retryMs: 0, backOffMs: 0 }
  }

  /** Of one that was denied without asking the store. */
  deniedState(lease: Lease, retryMs: number, nowMs: number): BucketState {
    lease.held = holdBack(lease.held, retryMs, nowMs)
    const { toldAtMs, waitMs } = lease.held
    return { ...this.stateOf(lease, nowMs), retryMs, backOffMs: toldAtMs + waitMs - nowMs }
  }

  /** Whether it runs low and nobody is asking for more; who is told so asks. */
  runsLow({ lease }: Claim, nowMs: number): boolean {
    if (!lease || lease.asking || nowMs < lease.deniedUntilMs) return false
    if (4 * lease.tokens > leaseSize(lease.limit)) return false
    lease.asking = true
    return true
  }

  /** Gives back everything. */
  returnAll(): readonly ReturnedTokens[] {
    clearInterval(this.#timer)
    const held = [...this.#leases.values()].flatMap(ended)
    this.#leases.clear()
    return held
  }

  #leaseOf(asked: Draw, nowMs: number): Lease {
    const key = `${asked.limit.name} ${spellKey(asked.key)}`
    const known = this.#leases.get(key)
    if (known && known.limit === asked.limit && nowMs >= known.atMs - maxBehindMs && nowMs < known.untilMs)
      return known
    if (known) this.#end(key, known)
    if (this.#leases.size >= maxLeases) {
      const [oldest] = this.#leases
      if (oldest) this.#end(...oldest)
    }
    const lease: Lease = {
      limit: asked.limit,
      name: bucketName(asked.limit, asked.key),
      tokens: 0,
      asking: false,
      owedMs: 0,
      atMs: nowMs,
      untilMs: nowMs + lifetimeMs,
      deniedUntilMs: 0,
      deniedTokens: 0,
      held: null,
      ended: false,
    }
    this.#leases.set(key, lease)
    this.#timer ??= setInterval(() => this.#sweep(Date.now()), sweepMs).unref()
    return lease
  }

  #learn(lease: Lease, { owedMs }: StoreBucket, taken: number, nowMs: number): void {
    lease.owedMs = owedMs + paceOf(lease.limit).tokenMs * taken
    lease.atMs = Math.max(lease.atMs, nowMs)
  }

  #trim(lease: Lease): void {
    const over = lease.tokens - (lease.ended ? 0 : leaseSize(lease.limit))
    if (over <= 0) return
    lease.tokens -= over
    this.#giveBack([{ ...lease, count: over }])
  }

  #end(key: string, lease: Lease): void {
    this.#leases.delete(key)
    const held = ended(lease)
    if (held.length > 0) this.#giveBack(held)
  }

  #sweep(nowMs: number): void {
    const over: ReturnedTokens[] = []
    for (const [key, lease] of this.#leases) {
      if (nowMs < lease.untilMs && nowMs >= lease.atMs) continue
      this.#leases.delete(key)
      over.push(...ended(lease))
    }
    if (over.length > 0) this.#giveBack(over)
    if (this.#leases.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}

export function leaseSize({ sharing }: LimitPlan): number {
  return sharing?.lease ?? 0
}

function ended(lease: Lease): readonly ReturnedTokens[] {
  const { limit, name, tokens } = lease
  lease.ended = true
  lease.tokens = 0
  return tokens > 0 ? [{ limit, name, count: tokens }] : []
}
