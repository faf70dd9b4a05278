import { type IpAddress, networkOf } from '../../base/ip.ts'
import { unreachable } from '../../base/unreachable.ts'
import { type Expression, linkExpression } from '../../expression/compile-expression.ts'
import { limitScope } from '../../expression/scopes.ts'
import type { CapPlan, LimitKey, LimitPlan, LimitProperty } from '../../program/program.ts'
import type { BucketKey } from '../ports.ts'
import { anonymous, keyMembers, type Principal } from '../principal.ts'
import { spellKey } from './spell-key.ts'

/** Who may be counted: the client's address and, once known, its identity and operation. */
export interface Countable {
  readonly address: IpAddress
  readonly principal: Principal | null
  readonly operationId: string | null
}

/** A limit, ready to name the bucket of a caller. */
export interface Linked<Plan> {
  readonly plan: Plan
  /** @param fellBack told what an expression that could not be evaluated met; never a value of the client */
  readonly keyFor: (who: Countable, fellBack: (detail: string) => void) => BucketKey
}

export type LinkedLimit = Linked<LimitPlan>
export type LinkedCap = Linked<CapPlan>

type KeyReader = (who: Countable, fellBack: (detail: string) => void) => BucketKey | null

/** Of the limits named by index: those with a rate, and those with a cap. */
export function pickLimits(
  limits: readonly Linked<LimitPlan | CapPlan>[],
  indexes: readonly number[],
): { readonly limits: readonly LinkedLimit[]; readonly caps: readonly LinkedCap[] } {
  const picked = indexes.map((index) => limits[index] as Linked<LimitPlan | CapPlan>)
  return { limits: picked.filter(isRate), caps: picked.filter(isCap) }
}

const isCap = (limit: Linked<LimitPlan | CapPlan>): limit is LinkedCap => 'concurrent' in limit.plan
const isRate = (limit: Linked<LimitPlan | CapPlan>): limit is LinkedLimit => !isCap(limit)

/**
 * INVARIANT: a caller without what a limit counts by is counted by its address, never let through uncounted and never
 * thrown together with all others who lack it (attack F4). Kinds cannot collide: each has its namespace.
 */
export function linkLimit<Plan extends LimitPlan | CapPlan>(plan: Plan): Linked<Plan> {
  const readers = plan.by.map((key) => linkKey(plan, key))
  const [only] = readers
  const addressOf = ({ address }: Countable) => addressKey(address, plan.ipv6PrefixBits)
  if (readers.length === 1 && only)
    return { plan, keyFor: (who, fellBack) => only(who, fellBack) ?? addressOf(who) }
  return {
    plan,
    keyFor: (who, fellBack) => {
      const parts = readers.map((read) => spellKey(read(who, fellBack) ?? addressOf(who)))
      // With its length before it no part can pretend to be two.
      return { namespace: 'all', name: parts.map((part) => `${part.length}:${part}`).join(' ') }
    },
  }
}

function linkKey(plan: LimitPlan | CapPlan, key: LimitKey): KeyReader {
  if ('property' in key) return propertyReader(key.property)
  const expression = linkExpression(key.expression, limitScope)
  return ({ principal }, fellBack) => {
    const found = evaluate(expression, principal ?? anonymous)
    if (found.kind === 'key') return found.key
    fellBack(`${plan.name}: ${found.detail}`)
    return null
  }
}

function propertyReader(property: LimitProperty): KeyReader {
  switch (property) {
    case 'address':
      return () => null
    case 'subject': {
      const [subjectsOf, clientKey] = [namespaces('subject'), clientReader()]
      return (who, fellBack) => {
        const { subject = null, issuer = null } = who.principal ?? anonymous
        return subject === null ? clientKey(who, fellBack) : { namespace: subjectsOf(issuer), name: subject }
      }
    }
    case 'client':
      return clientReader()
    case 'key':
      return ({ principal }) => (principal?.key ? { namespace: 'key', name: principal.key.id } : null)
    case 'operation':
      return ({ operationId }) =>
        operationId === null ? null : { namespace: 'operation', name: operationId }
    default:
      return unreachable(property)
  }
}

function clientReader(): KeyReader {
  const clientsOf = namespaces('client')
  return ({ principal }) =>
    principal?.client != null ? { namespace: clientsOf(principal.issuer), name: principal.client } : null
}

/** More issuers than a gateway trusts. */
const maxIssuers = 1024

/** The namespace of each issuer, made once: a text that is always the same one is compared at once. */
function namespaces(kind: string): (issuer: string | null) => string {
  const made = new Map<string | null, string>()
  return (issuer) => {
    const found = made.get(issuer)
    if (found !== undefined) return found
    const namespace = `${kind} ${issuer}`
    if (made.size >= maxIssuers) made.clear()
    made.set(issuer, namespace)
    return namespace
  }
}

/** An IPv6 client owns at least a /64, so that is what is counted (attack F1). */
function addressKey(address: IpAddress, ipv6PrefixBits: number): BucketKey {
  return { namespace: 'address', name: networkOf(address, ipv6PrefixBits) }
}

const maxKeyLength = 1024

/** A value of one type never names the bucket of another: `"1"` is not `1`. */
function evaluate(
  expression: Expression,
  principal: Principal,
): { readonly kind: 'key'; readonly key: BucketKey } | { readonly kind: 'none'; readonly detail: string } {
  const { claims, client, subject, issuer, key } = principal
  const result = expression.evaluate({ token: claims, key: keyMembers(key), client, subject, issuer })
  if (!result.ok) return { kind: 'none', detail: result.error }
  const { value } = result
  switch (typeof value) {
    case 'string':
      if (value === '') return { kind: 'none', detail: 'yields an empty text' }
      if (value.length > maxKeyLength)
        return { kind: 'none', detail: `yields more than ${maxKeyLength} characters` }
      return { kind: 'key', key: { namespace: 'text', name: value } }
    case 'bigint':
    case 'number':
    case 'boolean':
      return { kind: 'key', key: { namespace: 'value', name: `${value}` } }
    default:
      return { kind: 'none', detail: 'yields neither a text nor a number nor a boolean' }
  }
}
