import type { SessionStore } from '../../engine/session-store.ts'
import type { Addresses } from '../../gateway/gateway.ts'
import type { KeyRegistry } from '../../identity/issuer-registry.ts'
import type { NamedFiles } from '../../program/named-files.ts'
import type { Program } from '../../program/program.ts'
import type { Settings } from '../../program/settings.ts'
import type { EventFields } from '../../sinks/log.ts'
import type { DenialCount } from '../../sinks/trail/denial-sieve.ts'
import type { TrailLink } from '../trail/gate-trail.ts'
import type { OpenLedger } from './ledger-views.ts'
import type { AttachedState, SharedState } from './shared-state.ts'

/** What is in force: one immutable program and the settings beside it. */
export interface Policy {
  readonly program: Program
  readonly settings: Settings
  /** All that the settings name. */
  readonly files: NamedFiles
}

/** What a data worker finds in its process: the control plane, and the memory it shares with the other workers. */
export interface Control extends AttachedState {
  readonly shared: SharedState
  /** Takes complete lines of the log. */
  readonly log: (lines: string) => void
  /** Takes records of the log in the form of a collector's. */
  readonly records: (records: string) => void
  readonly tell: (event: string, fields: EventFields) => void
  /** Forwarding fields of this client were ignored. */
  readonly forwardingIgnored: (clientAddress: string) => void
  /** Something that `status()` tells may be other than it was. */
  readonly changed: () => void
  readonly keySets: KeyRegistry
  /** Sessions that this process keeps. */
  readonly sessions: SessionStore
  readonly openLedger: OpenLedger
  /** Takes denials that a thread counted for the audit trail. */
  readonly countDenials: (counts: readonly DenialCount[]) => void
  /** Null where there is no audit trail. */
  readonly trail: TrailLink | null
}

export interface CrewStatus {
  /** Why no traffic should come yet; empty when all is at hand. */
  readonly unready: readonly string[]
  readonly inFlight: number
}

/** A policy that is ready to be put in force everywhere at once. */
export interface Prepared {
  /** Cannot fail: whatever can was done before. */
  commit(): Promise<void>
  discard(): Promise<void>
}

/** The data plane: one worker in this thread, or several in threads of their own. */
export interface Crew {
  readonly addresses: Addresses
  status(): Promise<CrewStatus>
  /** @throws StartError when the policy cannot be put in force here */
  prepare(policy: Policy): Promise<Prepared>
  /** Takes no new connection, finishes what is in flight within the time given, then breaks it off. */
  stop(timeoutMs: number): Promise<void>
}

/** A crew that waits for its first policy. */
export interface StartedCrew {
  /** @throws StartError when a file, a driver or a port does not allow it; nothing is left then */
  open(policy: Policy): Promise<Crew>
  end(): Promise<void>
}
