import { type IpAddress, networkOf } from '../../base/ip.ts'
import { unreachable } from '../../base/unreachable.ts'
import type { LimitPlan } from '../../program/program.ts'
import { allow, type Decision, denyWith } from '../decision.ts'
import type { Draw, Taken } from '../ports.ts'
import type { Principal } from '../principal.ts'

/** Who may be counted: the client's address and, once known, its identity and operation. */
export interface Countable {
  readonly address: IpAddress
  readonly principal: Principal | null
  readonly operationId: string | null
}

/**
 * Names the bucket each limit draws from.
 *
 * INVARIANT: a caller without the property a limit counts by is counted by address, never let through uncounted
 * and never thrown together with all others who lack it (attack F4). Kinds cannot collide: each has its prefix.
 */
export function drawsFor(limits: readonly LimitPlan[], who: Countable): readonly Draw[] {
  return limits.map((limit) => ({ limit, key: keyFor(limit, who) }))
}

function keyFor(limit: LimitPlan, who: Countable): string {
  const { principal, address } = who
  switch (limit.by) {
    case 'address':
      return addressKey(address)
    case 'subject':
      if (principal?.subject != null) return `subject ${principal.issuer} ${principal.subject}`
      return clientKey(principal) ?? addressKey(address)
    case 'client':
      return clientKey(principal) ?? addressKey(address)
    case 'key':
      return principal?.key ? `key ${principal.key.id}` : addressKey(address)
    case 'operation':
      return who.operationId === null ? addressKey(address) : `operation ${who.operationId}`
    default:
      return unreachable(limit.by)
  }
}

function clientKey(principal: Principal | null): string | null {
  return principal?.client != null ? `client ${principal.issuer} ${principal.client}` : null
}

/** An IPv6 client owns at least a /64, so that is what is counted (attack F1). */
function addressKey(address: IpAddress): string {
  return `address ${networkOf(address, address.family === 4 ? 32 : 64)}`
}

/** Turns what the counters answered into a decision. @see RFC 6585 4, RFC 9110 10.2.3 */
export function judgeTaken(draws: readonly Draw[], taken: Taken): Decision<null> {
  if (taken.allowed) return allow(null)
  const retryMs = Math.max(...taken.states.map((state) => state.retryMs))
  const spent = draws
    .filter((_, index) => (taken.states[index]?.retryMs ?? 0) > 0)
    .map(({ limit }) => limit.name)
  return denyWith('limit', 'quota_exceeded', `spent: ${spent.join(', ')}`, {
    retryAfterSeconds: Math.max(1, Math.ceil(retryMs / 1000)),
  })
}
