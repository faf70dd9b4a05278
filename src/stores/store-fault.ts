import type { BucketState, Draw } from '../engine/ports.ts'
import type { LimitPlan } from '../program/program.ts'

/**
 * The share of one gateway while the store is gone: rate and burst by the number of gateways as last known. A bucket always
 * holds what one request costs, else an operation that costs much would be closed.
 */
export function shareOf(asked: Draw, gateways: number): Draw {
  if (gateways === 1) return asked
  const { limit } = asked
  const least = Math.max(1, asked.cost)
  const known = shares.get(limit)
  const share =
    known?.gateways === gateways
      ? known.limit
      : { ...limit, rate: limit.rate / gateways, burst: limit.burst / gateways }
  if (share !== known?.limit) shares.set(limit, { gateways, limit: share })
  return { ...asked, limit: share.burst < least ? { ...share, burst: least } : share }
}

const shares = new WeakMap<LimitPlan, { readonly gateways: number; readonly limit: LimitPlan }>()

/** What a client is told of a limit that lets everybody through: it will find tokens. */
export function uncounted({ burst }: LimitPlan): BucketState {
  return { remaining: burst, resetMs: 0, retryMs: 0, backOffMs: 0 }
}
