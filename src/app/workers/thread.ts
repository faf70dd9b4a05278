import { Worker } from 'node:worker_threads'
import { placeOfError } from '../../base/place-of-error.ts'
import type { Addresses } from '../../gateway/gateway.ts'
import type { IssuerRegistry } from '../../identity/issuer-registry.ts'
import type { LedgerEvent } from '../../identity/ledger-view.ts'
import { StartError } from '../start-error.ts'
import type { TrailLink } from '../trail/gate-trail.ts'
import { openChannel } from './channel.ts'
import type { Control, CrewStatus, Policy } from './control.ts'
import { noteTaken } from './log-link.ts'
import { offerKeys } from './remote-keys.ts'
import { offerLedgers } from './remote-ledger.ts'
import { offerSessions } from './remote-sessions.ts'
import type { ControlCalls, Refusable, ThreadOrder, WorkerCalls } from './thread-calls.ts'

/** What the control plane offers to threads: keys are fetched here, whatever else it is. */
export type ThreadControl = Pick<
  Control,
  | 'log'
  | 'records'
  | 'tell'
  | 'countDenials'
  | 'forwardingIgnored'
  | 'changed'
  | 'shared'
  | 'sessions'
  | 'openLedger'
> & {
  readonly keySets: IssuerRegistry
  /** A link of its own for each worker; null where there is no audit trail. */
  readonly connectTrail: () => TrailLink | null
}

/** One thread of the data plane, as the control plane sees it. Calls reject once it has ended. */
export interface Thread {
  /** @throws StartError when it refuses */
  open(policy: Policy): Promise<Addresses>
  /** @throws StartError when it refuses */
  prepare(policy: Policy): Promise<void>
  commit(): Promise<void>
  discard(): Promise<void>
  status(): Promise<CrewStatus>
  stop(timeoutMs: number): Promise<void>
  /** Ends it, whatever it does. */
  end(): Promise<void>
  /** Resolves with why it ended, however it came about. */
  readonly ended: Promise<string>
}

/** All threads read the ledger of their process, and what becomes of it is told once. */
const toldByFirst: ReadonlySet<string> = new Set<LedgerEvent['event']>([
  'ledger_read',
  'ledger_unavailable',
  'api_key_created',
  'api_key_changed',
  'api_key_rotated',
  'api_key_revoked',
  'tokens_revoked',
  'tokens_restored',
])

/** Starts a thread; it serves nothing until it is opened. */
export function startThread(worker: number, control: ThreadControl): Thread {
  const script = import.meta.url.endsWith('.ts') ? './worker-thread.ts' : './worker-thread.js'
  const order: ThreadOrder = { worker, shared: control.shared }
  const thread = new Worker(new URL(script, import.meta.url), {
    workerData: order,
    name: `data ${worker}`,
  })
  const keys = offerKeys(control.keySets, (issuer, held) => channel.tell('keysFetched', issuer, held))
  const ledgers = offerLedgers(control.openLedger)
  const calls: ControlCalls = {
    ...keys.calls,
    ...ledgers.calls,
    ...offerSessions(control.sessions),
    log(lines, octets) {
      noteTaken(control.shared.logLinks, worker, octets)
      control.log(lines)
    },
    records(records, octets) {
      noteTaken(control.shared.recordLinks, worker, octets)
      control.records(records)
    },
    event(event, fields) {
      noteTaken(control.shared.logLinks, worker)
      if (worker === 0 || !toldByFirst.has(event)) control.tell(event, { ...fields, worker })
    },
    countDenials: control.countDenials,
    forwardingIgnored: control.forwardingIgnored,
    changed: control.changed,
  }
  const channel = openChannel<WorkerCalls>(thread, calls)
  let cause: string | null = null
  thread.on('error', (error: Error) => {
    cause = placeOfError(error)
  })
  const ended = new Promise<string>((resolve) => {
    thread.once('exit', (code) => {
      const why = cause ?? `it ended with code ${code}`
      channel.close(`worker ${worker} has ended`)
      keys.end()
      ledgers.end()
      resolve(why)
    })
  })
  return {
    async open(policy) {
      const trail = control.connectTrail()
      const moved = trail ? [trail.port] : []
      return accepted(await channel.hand(moved, 'open', policy, trail))
    },
    prepare: async (policy) => accepted(await channel.call('prepare', policy)),
    commit: () => channel.call('commit'),
    discard: () => channel.call('discard'),
    status: () => channel.call('status'),
    stop: (timeoutMs) => channel.call('stop', timeoutMs),
    end: async () => void (await thread.terminate()),
    ended,
  }
}

function accepted<T>(answer: Refusable<T>): T {
  if ('refusal' in answer) throw new StartError(answer.refusal)
  return answer.value
}
