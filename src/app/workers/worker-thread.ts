import { parentPort, workerData } from 'node:worker_threads'
import { MirroredRegistry } from '../../identity/mirrored-keys.ts'
import type { TelemetrySettings } from '../../program/settings.ts'
import { eventLine, isRequestLine } from '../../sinks/log.ts'
import { StartError } from '../start-error.ts'
import { loadRecordForm } from '../telemetry.ts'
import { openChannel } from './channel.ts'
import type { Crew, Prepared } from './control.ts'
import { openDataWorker } from './data-worker.ts'
import { type LogLink, openLogLink } from './log-link.ts'
import { remoteKeys } from './remote-keys.ts'
import { remoteLedgers } from './remote-ledger.ts'
import { remoteSessions } from './remote-sessions.ts'
import { attachSharedState } from './shared-state.ts'
import type { ControlCalls, ThreadOrder, WorkerCalls } from './thread-calls.ts'

// A data worker in a thread of its own: it does what the control plane calls for, and asks it for what the process keeps.
const { worker, shared } = workerData as ThreadOrder
if (!parentPort) throw new Error('this is the start of a thread')
let crew: Crew | null = null
let prepared: Prepared | null = null

const calls: WorkerCalls = {
  open: (policy, trail) =>
    refusable(async () => {
      recordLink = await openRecordLink(policy.settings.telemetry)
      crew = await openDataWorker(policy, {
        shared,
        ...attachSharedState(shared, worker),
        log: logLink.write,
        records: (records) => recordLink?.write(records),
        tell: (event, fields) => logLink.event(() => far.tell('event', event, fields)),
        countDenials: (counts) => far.tell('countDenials', counts),
        forwardingIgnored,
        changed: () => far.tell('changed'),
        keySets,
        sessions: remoteSessions(far),
        openLedger: remoteLedgers(far),
        trail,
      })
      return crew.addresses
    }),
  prepare: (policy) =>
    refusable(async () => {
      prepared = await opened().prepare(policy)
    }),
  commit: async () => taken().commit(),
  discard: async () => taken().discard(),
  status: () => opened().status(),
  async stop(timeoutMs) {
    await opened().stop(timeoutMs)
    logLink.end()
    recordLink?.end()
  },
  keysFetched: (issuer, held) => keySets.take(issuer, held),
}
const far = openChannel<ControlCalls>(parentPort, calls)
const logLink = openLogLink(
  shared.logLinks,
  worker,
  {
    droppedLine: (dropped) => eventLine('log_dropped', { ...dropped, worker }),
    isRequest: isRequestLine,
  },
  (lines, octets) => far.tell('log', lines, octets),
)
let recordLink: LogLink | null = null
const keySets = new MirroredRegistry(remoteKeys(far))

/** A way of their own for the records of a collector, so that lines do not wait for them; null where it gets none. */
async function openRecordLink(telemetry: TelemetrySettings | null): Promise<LogLink | null> {
  const form = await loadRecordForm(telemetry)
  if (!form) return null
  return openLogLink(
    shared.recordLinks,
    worker,
    {
      droppedLine(dropped) {
        logLink.event(() => far.tell('event', 'log_records_dropped', { ...dropped }))
        return ''
      },
      isRequest: form.isRequest,
    },
    (records, octets) => far.tell('records', records, octets),
  )
}

let saidForwardingIgnored = false

/** Once is enough: the control plane says it once, however often it comes. */
function forwardingIgnored(address: string): void {
  if (!saidForwardingIgnored) far.tell('forwardingIgnored', address)
  saidForwardingIgnored = true
}

function opened(): Crew {
  if (!crew) throw new Error('the worker is not open')
  return crew
}

function taken(): Prepared {
  if (!prepared) throw new Error('nothing is prepared')
  const one = prepared
  prepared = null
  return one
}

/** A refusal is for a person, and crosses threads as a text; anything else is a defect. */
async function refusable<T>(
  act: () => Promise<T>,
): Promise<{ readonly value: T } | { readonly refusal: string }> {
  try {
    return { value: await act() }
  } catch (error) {
    if (error instanceof StartError) return { refusal: error.message }
    throw error
  }
}
