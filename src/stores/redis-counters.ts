import { draw, paceOf, peek } from '../engine/limit/draw.ts'
import type { BucketState, Counters, Draw, Taken } from '../engine/ports.ts'
import type { LimitPlan } from '../program/program.ts'
import type { LocalCounters } from './memory-counters.ts'
import { bucketName, type RedisBuckets, type StoreAnswer, type StoreBucket } from './redis-buckets.ts'
import type { StoreCircuit } from './store-circuit.ts'
import { shareOf, uncounted } from './store-fault.ts'
import type { WorkerFigures } from './store-figures.ts'
import { type Claim, type Lease, leaseSize, type TokenLeases } from './token-leases.ts'

export interface StoreCountersOptions {
  /** Counts what is not shared, and everything while the store is gone. */
  readonly local: LocalCounters
  readonly buckets: RedisBuckets
  readonly leases: TokenLeases
  readonly circuit: StoreCircuit
  readonly figures: WorkerFigures
}

/** Seconds after which a client may ask again whom a limit could not judge. */
const retryAfterSeconds = 5

/**
 * Token buckets that gateways share. Limits without `sharing` are counted here; the others by the store, or out of what it
 * lent; while it does not answer, as each limit's `onStoreFault` says.
 *
 * INVARIANT: a take is all or nothing over shared and local limits alike, see `RedisBuckets` for clusters.
 */
export function createStoreCounters({
  local,
  buckets,
  leases,
  circuit,
  figures,
}: StoreCountersOptions): Counters {
  return { take, mayDeny }

  function mayDeny(limit: LimitPlan, nowMs: number): boolean {
    return limit.sharing !== undefined || local.mayDeny?.(limit, nowMs) !== false
  }

  function take(draws: readonly Draw[], nowMs: number): Taken | Promise<Taken> {
    if (draws.every(({ limit }) => limit.sharing === undefined)) return local.take(draws, nowMs)
    const claims = draws.map((one) => claimOf(one, nowMs))
    const asking = claims.filter((claim) => claim?.asks === true) as Claim[]
    if (asking.length === 0) {
      figures.add('leased')
      if (circuit.up)
        for (const claim of claims)
          if (claim && leases.runsLow(claim, nowMs)) void refill(claim.lease as Lease)
      return takeLocal(draws, claims, none, nowMs)
    }
    if (claims.every((claim, index) => claim?.lease || draws[index]?.limit.sharing === undefined)) {
      const deniedMs = claims.map((claim) => (claim ? leases.deniedForMs(claim, nowMs) : 0))
      if (deniedMs.some((ms) => ms > 0)) {
        figures.add('leased')
        return denyKnown(draws, claims, deniedMs, nowMs)
      }
    }
    if (!circuit.up) {
      figures.add('skipped')
      return withoutStore(draws, claims, nowMs)
    }
    return askStore(draws, claims, asking, nowMs)
  }

  async function askStore(
    draws: readonly Draw[],
    claims: readonly (Claim | null)[],
    asking: readonly Claim[],
    nowMs: number,
  ): Promise<Taken> {
    const own = deniedHere(draws, claims, nowMs)
    const answer = await ask(asking, own !== null)
    if (answer.kind === 'outage') {
      figures.add(answer.why)
      return withoutStore(draws, claims, nowMs)
    }
    figures.add('answered')
    const found = new Map(asking.map((claim, index) => [claim, answer.buckets[index] as StoreBucket]))
    if (own) return denied(draws, claims, found, nowMs, own)
    return answer.allowed ? takeLocal(draws, claims, found, nowMs) : denied(draws, claims, found, nowMs)
  }

  /**
   * States of local limits where one of them denies, else null. The store is only asked then: what a caller took there that is
   * turned away here, and gave back, others would be denied meanwhile, again and again as it hammers.
   */
  function deniedHere(
    draws: readonly Draw[],
    claims: readonly (Claim | null)[],
    nowMs: number,
  ): readonly BucketState[] | null {
    const own = draws.filter((_, index) => !claims[index])
    if (own.length === 0) return null
    const { allowed, states } = local.ask(own, nowMs)
    return allowed ? null : states
  }

  function claimOf(asked: Draw, nowMs: number): Claim | null {
    const { sharing } = asked.limit
    if (!sharing) return null
    if (sharing.mode === 'leased') return leases.claim(asked, nowMs)
    return { draw: asked, lease: null, leased: 0, missing: asked.cost, asks: true, borrows: false }
  }

  /** @param only takes nothing */
  function ask(asking: readonly Claim[], only: boolean): Promise<StoreAnswer> {
    if (only)
      return buckets.take(
        asking.map(({ draw: { limit, key }, lease }) => ({
          limit,
          name: lease?.name ?? bucketName(limit, key),
          cost: 0,
          most: 0,
        })),
      )
    return buckets.take(
      asking.map(({ draw: { limit, key }, lease, missing, borrows }) => ({
        limit: limit.overdraws && missing > 0 && !lease ? { ...limit, burst: beyondAnyDebt } : limit,
        name: lease?.name ?? bucketName(limit, key),
        cost: missing,
        most: borrows ? missing + leaseSize(limit) : missing,
      })),
    )
  }

  /** The shared limits allow. */
  function takeLocal(
    draws: readonly Draw[],
    claims: readonly (Claim | null)[],
    found: Found,
    nowMs: number,
  ): Taken {
    const own = draws.filter((_, index) => !claims[index])
    const { allowed, states } = own.length === 0 ? nothingTaken : local.take(own, nowMs)
    if (!allowed) {
      giveBack(claims, found)
      return denied(draws, claims, found, nowMs, states)
    }
    for (const claim of claims) if (claim) leases.settle(claim, found.get(claim) ?? null, nowMs)
    return { allowed, states: stateful(claims, states, (claim) => allowedState(claim, found, nowMs)) }
  }

  /** @param states of local limits, when they were asked */
  function denied(
    draws: readonly Draw[],
    claims: readonly (Claim | null)[],
    found: Found,
    nowMs: number,
    states?: readonly BucketState[],
  ): Taken {
    for (const claim of claims) if (claim) leases.undo(claim, found.get(claim) ?? null, nowMs)
    const own = states ?? look(draws, claims, nowMs)
    return { allowed: false, states: stateful(claims, own, (claim) => deniedState(claim, found, nowMs)) }
  }

  /** The store was asked a moment ago, and said when to come again. */
  function denyKnown(
    draws: readonly Draw[],
    claims: readonly (Claim | null)[],
    deniedMs: readonly number[],
    nowMs: number,
  ): Taken {
    for (const claim of claims) if (claim) leases.undo(claim, null, nowMs)
    return {
      allowed: false,
      states: stateful(claims, look(draws, claims, nowMs), ({ lease }, index) => {
        const retryMs = deniedMs[index] as number
        return retryMs > 0
          ? leases.deniedState(lease as Lease, retryMs, nowMs)
          : leases.stateOf(lease as Lease, nowMs)
      }),
    }
  }

  /** Local limits without taking anything. */
  function look(
    draws: readonly Draw[],
    claims: readonly (Claim | null)[],
    nowMs: number,
  ): readonly BucketState[] {
    const own = draws.flatMap((one, index) => (claims[index] ? [] : [{ ...one, cost: 0 }]))
    return own.length === 0 ? [] : local.take(own, nowMs).states
  }

  /** What is on loan stays good; everything else is as each limit's `onStoreFault` says. */
  function withoutStore(draws: readonly Draw[], claims: readonly (Claim | null)[], nowMs: number): Taken {
    const faults = claims.map((claim) =>
      claim?.asks ? (claim.draw.limit.sharing?.onStoreFault ?? 'deny') : null,
    )
    for (const fault of faults) if (fault) figures.add(fault)
    for (const claim of claims) if (claim?.asks) leases.undo(claim, null, nowMs)
    const back = () => {
      for (const claim of claims) if (claim && !claim.asks) leases.undo(claim, null, nowMs)
    }
    if (faults.includes('deny')) {
      back()
      const limits = draws.filter((_, index) => faults[index] === 'deny').map(({ limit }) => limit.name)
      return { allowed: false, states: [], outage: { limits, retryAfterSeconds } }
    }
    const own = draws.flatMap((one, index) => {
      if (!claims[index]) return [one]
      return faults[index] === 'local' ? [shareOf(one, circuit.gateways)] : []
    })
    const { allowed, states } = own.length === 0 ? nothingTaken : local.take(own, nowMs)
    if (!allowed) back()
    let next = 0
    return {
      allowed,
      states: draws.map(({ limit }, index) => {
        const claim = claims[index]
        if (!claim || faults[index] === 'local') return states[next++] as BucketState
        return faults[index] === 'allow' ? uncounted(limit) : leases.stateOf(claim.lease as Lease, nowMs)
      }),
    }
  }

  function giveBack(claims: readonly (Claim | null)[], found: Found): void {
    const tokens = claims.flatMap((claim) => {
      const count = claim && !claim.lease ? (found.get(claim)?.taken ?? 0) : 0
      const { limit, key } = claim?.draw ?? {}
      return count > 0 && limit && key !== undefined ? [{ limit, name: bucketName(limit, key), count }] : []
    })
    if (tokens.length > 0) void buckets.giveBack(tokens)
  }

  function allowedState(claim: Claim, found: Found, nowMs: number): BucketState {
    if (claim.lease) return leases.stateOf(claim.lease, nowMs)
    const { limit } = claim.draw
    const { owedMs, taken } = found.get(claim) as StoreBucket
    const pace = paceOf(limit)
    const { remaining, resetMs } = peek(owedMs + pace.tokenMs * taken, pace, 0)
    return { remaining, resetMs, retryMs: 0, backOffMs: 0 }
  }

  function deniedState(claim: Claim, found: Found, nowMs: number): BucketState {
    const { limit } = claim.draw
    const bucket = found.get(claim)
    // A denied take drew nothing, and neither did one that local limits denied: that was given back.
    const judged = bucket && draw(bucket.owedMs, paceOf(limit), claim.missing, 0)
    if (bucket && judged && !judged.allowed) {
      const { remaining, resetMs, retryMs } = judged
      return { remaining, resetMs, retryMs, backOffMs: bucket.backOffMs }
    }
    if (claim.lease) return leases.stateOf(claim.lease, nowMs)
    const { remaining, resetMs } = peek(bucket?.owedMs, paceOf(limit), 0)
    return { remaining, resetMs, retryMs: 0, backOffMs: 0 }
  }

  /** Borrows again before a lease is used up, so that nobody waits for it. */
  async function refill(lease: Lease): Promise<void> {
    figures.add('borrowed')
    const { limit, name } = lease
    const most = leaseSize(limit) - lease.tokens
    const nowMs = Date.now()
    const claim: Claim = {
      draw: { limit, key: { namespace: '', name: '' }, cost: 1 },
      lease,
      leased: 0,
      missing: 0,
      asks: true,
      borrows: true,
    }
    const answer = await buckets.take([{ limit, name, cost: 1, most }])
    const [bucket] = answer.kind === 'taken' ? answer.buckets : []
    if (answer.kind === 'taken' && answer.allowed) leases.settle(claim, bucket ?? null, nowMs)
    else leases.undo(claim, bucket ?? null, nowMs)
  }
}

/** The store judges a charge that may overdraw by a bucket that is never empty; what the bucket owes is the same. */
const beyondAnyDebt = 1_000_000_000

type Found = ReadonlyMap<Claim, StoreBucket>
const none: Found = new Map()
const nothingTaken: Taken = { allowed: true, states: [] }

/** States in the order of the draws: those of local limits as they come, the others as `shared` says. */
function stateful(
  claims: readonly (Claim | null)[],
  own: readonly BucketState[],
  shared: (claim: Claim, index: number) => BucketState,
): readonly BucketState[] {
  let next = 0
  return claims.map((claim, index) => (claim ? shared(claim, index) : (own[next++] as BucketState)))
}
