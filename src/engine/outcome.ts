import type { RawHeaders } from '../base/message.ts'
import type { CorsPlan, LimitPlan, OperationPlan } from '../program/program.ts'
import type { Denial, Fault } from './decision.ts'
import type { BucketState } from './ports.ts'
import type { Permit } from './permit.ts'
import type { Principal } from './principal.ts'

/** How the pipeline ends: a permit, a denial, or an answer the gateway itself owes. */
export type Outcome =
  | { readonly kind: 'permit'; readonly permit: Permit }
  | { readonly kind: 'denial'; readonly denial: Denial }
  | { readonly kind: 'reply'; readonly status: number; readonly headers: RawHeaders }

/** What became known on the way, whatever the end: the answer's headers and the record are made of it. */
export interface Journal {
  readonly requestId: string
  readonly traceId: string
  /** Client address after the walk over trusted proxies, canonical; the socket peer's until then. */
  clientAddress: string
  method: string
  userAgent: string | null
  operation: OperationPlan | null
  principal: Principal | null
  readonly quotas: Quota[]
  /** The allowed origin of a cross-origin request; answers of all kinds carry its CORS headers. */
  crossOrigin: { readonly origin: string; readonly plan: CorsPlan } | null
  /** Faults that were found while validation only reports. */
  reported: readonly Fault[]
}

export interface Quota {
  readonly limit: LimitPlan
  readonly state: BucketState
}

export interface Judged {
  readonly outcome: Outcome
  readonly journal: Journal
}
