import { parentPort, workerData } from 'node:worker_threads'
import { MirroredRegistry } from '../../identity/mirrored-keys.ts'
import { StartError } from '../start-error.ts'
import { openChannel } from './channel.ts'
import type { Crew, Prepared } from './control.ts'
import { openDataWorker } from './data-worker.ts'
import { openLogLink } from './log-link.ts'
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
      crew = await openDataWorker(policy, {
        shared,
        ...attachSharedState(shared, worker),
        log: logLink.write,
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
  },
  keysFetched: (issuer, held) => keySets.take(issuer, held),
}
const far = openChannel<ControlCalls>(parentPort, calls)
const logLink = openLogLink(shared.logLinks, worker, (lines, octets) => far.tell('log', lines, octets))
const keySets = new MirroredRegistry(remoteKeys(far))

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
