import type { Addresses } from '../../gateway/gateway.ts'
import type { HeldKeys } from '../../identity/issuer-keys.ts'
import type { EventFields } from '../../sinks/log.ts'
import type { DenialCount } from '../../sinks/trail/denial-sieve.ts'
import type { TrailLink } from '../trail/gate-trail.ts'
import type { CrewStatus, Policy } from './control.ts'
import type { KeyCalls } from './remote-keys.ts'
import type { LedgerCalls } from './remote-ledger.ts'
import type { SessionCalls } from './remote-sessions.ts'
import type { SharedState } from './shared-state.ts'

/** What a thread is started with. */
export interface ThreadOrder {
  /** From 0; a thread that takes the place of another has its number. */
  readonly worker: number
  readonly shared: SharedState
}

export type Refusable<T> = { readonly value: T } | { readonly refusal: string }

/** What the control plane calls for in a thread. */
export type WorkerCalls = {
  readonly open: (policy: Policy, trail: TrailLink | null) => Promise<Refusable<Addresses>>
  /** What was prepared is committed or discarded before the next. */
  readonly prepare: (policy: Policy) => Promise<Refusable<void>>
  readonly commit: () => Promise<void>
  readonly discard: () => Promise<void>
  readonly status: () => Promise<CrewStatus>
  readonly stop: (timeoutMs: number) => Promise<void>
  readonly keysFetched: (issuer: string, held: HeldKeys) => void
}

/** What a thread asks of the control plane. */
export type ControlCalls = KeyCalls &
  LedgerCalls &
  SessionCalls & {
    /** @param octets of them, which are on their way no more */
    readonly log: (lines: string, octets: number) => void
    /** @param octets likewise */
    readonly records: (records: string, octets: number) => void
    readonly event: (event: string, fields: EventFields) => void
    readonly countDenials: (counts: readonly DenialCount[]) => void
    readonly forwardingIgnored: (clientAddress: string) => void
    readonly changed: () => void
  }
