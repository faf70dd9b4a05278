import type { RawHeaders, RawRequest } from '../base/message.ts'
import type { CapPlan, LimitPlan, OperationPlan, Program } from '../program/program.ts'
import type { Denial } from './decision.ts'
import type { Permit } from './permit.ts'
import type { BucketState } from './ports.ts'
import type { Principal } from './principal.ts'
import type { StageClock } from './record/stage-clock.ts'
import type { CrossOrigin } from './route/cross-origin.ts'
import type { Unseen } from './validate/judge-response.ts'

/** How the pipeline ends: a permit, a denial, or an answer the gateway itself owes. */
export type Outcome =
  | { readonly kind: 'permit'; readonly permit: Permit }
  | { readonly kind: 'denial'; readonly denial: Denial }
  | Reply

export interface Reply {
  readonly kind: 'reply'
  readonly status: number
  readonly headers: RawHeaders
  readonly body: string
}

/** What became known on the way, whatever the end: the answer's headers and the record are made of it. */
export interface Journal {
  /** Fresh, or a trusted proxy's. */
  requestId: string
  /** W3C trace id: fresh, or a trusted proxy's. */
  traceId: string
  /** The gateway's own span, which is the parent of the upstream's. */
  readonly spanId: string
  /** A trusted proxy's span; null when the trace starts here. */
  parentSpanId: string | null
  /** What the upstream is told about it (W3C Trace Context 3.2.2.5.1): a trusted proxy's word, else the sampler's. */
  traceSampled: boolean
  /** `tracestate` of a trusted proxy. */
  traceState: string | null
  /** Null where nobody asks how long the stages take. */
  stageClock: StageClock | null
  /** Client address after the walk over trusted proxies, canonical; the socket peer's until then. */
  clientAddress: string
  readonly method: string
  userAgent: string | null
  operation: OperationPlan | null
  principal: Principal | null
  readonly quotas: Quota[]
  /** Under caps, held until the answer has wholly ended; null where it holds none. */
  places: readonly string[] | null
  /** The answer has wholly ended, or never comes. */
  ended: boolean
  /** Why the caller was counted by its address where an expression should have named it; for the operator only. */
  readonly limitFallbacks: string[]
  /** The allowed origin of a cross-origin request; answers of all kinds carry its CORS headers. */
  crossOrigin: CrossOrigin | null
  /** Denials that validation would have pronounced, had it not been set to report only. */
  readonly reported: Denial[]
  /** Why the content of the answer was not looked at, although the contract says something about it; else null. */
  answerUnseen: Unseen | null
  /** Fields that were cut out of the answer. */
  answerStripped: number
  /** Forwarding fields came and were ignored; the operator is told once. */
  forwardingIgnored: boolean
  /** The program that judges it; null until then. */
  program: Program | null
  /** Raw text of each segment of the operation's template; null when it was not routed. */
  captured: readonly string[] | null
  /** Its intent was to be written on the audit trail, and it passed. */
  intended: boolean
  /** Why its intent is not on the trail, although it passed; for the operator only. */
  trailFault: string | null
}

export type Quota =
  | { readonly limit: LimitPlan; readonly state: BucketState }
  /** Places left under a cap when one was taken, or denied. */
  | { readonly cap: CapPlan; readonly remaining: number }

/** What is known of a request before any stage has looked at it. */
export function openJournal({
  id,
  trace,
  peer,
  method,
}: Pick<RawRequest, 'id' | 'trace' | 'peer' | 'method'>): Journal {
  return {
    requestId: id,
    traceId: trace.traceId,
    spanId: trace.spanId,
    parentSpanId: null,
    traceSampled: true,
    traceState: null,
    stageClock: null,
    clientAddress: peer.address,
    method,
    userAgent: null,
    operation: null,
    principal: null,
    quotas: [],
    places: null,
    ended: false,
    limitFallbacks: [],
    crossOrigin: null,
    reported: [],
    answerUnseen: null,
    answerStripped: 0,
    forwardingIgnored: false,
    program: null,
    captured: null,
    intended: false,
    trailFault: null,
  }
}
