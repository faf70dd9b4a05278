import { codeOfError } from '../../base/code-of-error.ts'
import { placeOfError } from '../../base/place-of-error.ts'
import { link } from '../../engine/link.ts'
import type { Certificates } from '../../engine/ports.ts'
import type { Ending } from '../../engine/record/ending.ts'
import type { InForce } from '../../gateway/data-plane.ts'
import { openGateway } from '../../gateway/gateway.ts'
import { ListenError } from '../../gateway/open-server.ts'
import { createUpstreams } from '../../gateway/upstreams.ts'
import { type AccessTokens, createAccessTokens } from '../../identity/access-tokens.ts'
import { loadAuthorities, noAuthorities } from '../../identity/client-authorities.ts'
import type { LedgerEvent } from '../../identity/ledger-view.ts'
import { createPasswords } from '../../identity/passwords.ts'
import { createProofReader } from '../../identity/proof-reader.ts'
import { createSessions, type RunningSessions } from '../../identity/sessions.ts'
import { createFingerprint } from '../../identity/token-fingerprint.ts'
import { fileOf, type NamedFiles } from '../../program/named-files.ts'
import type { Settings } from '../../program/settings.ts'
import { createLog, jsonLines } from '../../sinks/log.ts'
import { watchThread } from '../../sinks/metrics/thread-figures.ts'
import type { ConnectedCounters } from '../../stores/connect-counters.ts'
import { exportAtLast } from '../last-exports.ts'
import { attachSharedCounters } from '../shared-counters.ts'
import { StartError } from '../start-error.ts'
import { openLogRecords, openTraces } from '../telemetry.ts'
import { openGateTrail } from '../trail/gate-trail.ts'
import type { Control, Crew, CrewStatus, Policy, Prepared } from './control.ts'
import { LedgerViews } from './ledger-views.ts'
import { missedConnections } from './missed-connections.ts'
import { openSessionStore } from './session-store.ts'
import { shareConnections } from './shared-connections.ts'

/** Verifiers of one program: what it waits for before it is ready. */
interface Verifiers {
  readonly tokens: AccessTokens
  readonly sessions: RunningSessions
  /** Resolves when everything was asked once, whatever came of it. */
  readonly started: Promise<unknown>
}

/**
 * One worker of the data plane: listeners, the pipeline behind them, and what it needs. Assumes nowhere that it is alone.
 * @throws StartError when a file, a driver or a port does not allow it
 */
export async function openDataWorker(policy: Policy, control: Control): Promise<Crew> {
  let { thinning } = policy.settings.log
  const log = createLog(() => thinning, jsonLines(control.log))
  const records = await openLogRecords(policy.settings.telemetry, control.records)
  if (records) log.also(records)
  const { shared, worker, replays, metrics } = control
  const trail = openGateTrail(control.trail, policy.settings.stateDir, control.countDenials)
  const proofs = createProofReader(shared.nonceKey)
  const fingerprint = createFingerprint(shared.fingerprintKey)
  const ledgers = new LedgerViews(control.openLedger, ({ event, ...fields }: LedgerEvent) => {
    control.tell(event, fields)
    control.changed()
  })
  const onMissedConnection = missedConnections(control.tell)
  const sessionStore = await openSessionStore(policy.settings.state, control.sessions, control.changed)
  const counting = await openCounting().catch(async (error: unknown) => {
    await sessionStore.stop()
    throw error
  })
  const first = await enforce(policy).catch(async (error: unknown) => {
    await closeStores()
    throw error
  })
  let waiting: Verifiers = first
  const traces = await openTraces(policy.settings.telemetry, shared.facts, metrics, control.tell)
  const gateway = await openGateway(
    policy.settings,
    policy.files,
    first,
    {
      record,
      onDefect,
      onMissedConnection,
      followTrace: traces?.follow ?? null,
      connections: shareConnections(control.connections, policy.settings.bounds),
    },
    { reusePort: shared.workers > 1, ticketKeys: shared.ticketKeys },
  ).catch(async (error: unknown) => {
    await first.release()
    await closeStores()
    throw error instanceof ListenError ? new StartError(error.message) : error
  })

  const figures = watchThread(metrics, worker, {
    inFlight: () => gateway.inFlight,
    connections: () => gateway.connections.open,
    unserved: () => gateway.connections.unserved,
    upstreams: () => gateway.inForce.upstreams.figures(),
  })

  return { addresses: gateway.addresses, status, prepare, stop }

  async function status(): Promise<CrewStatus> {
    figures.sample()
    return {
      inFlight: gateway.inFlight,
      unready: [
        ...control.keySets.waitingFor().map((issuer) => `waiting for the keys of ${issuer}`),
        ...(ledgers.ready ? [] : ['waiting for the ledger of keys']),
        ...waiting.tokens.waitingFor().map((issuer) => `waiting for the metadata of ${issuer}`),
        ...[...waiting.sessions.waitingFor(), counting.waitingFor()].flatMap((what) =>
          what === null ? [] : [`waiting for ${what}`],
        ),
      ],
    }
  }

  async function prepare(next: Policy): Promise<Prepared> {
    const fresh = await enforce(next)
    let certificate: ReturnType<typeof gateway.certificateOf>
    try {
      certificate = gateway.certificateOf(next.settings, next.files)
      await fresh.started
    } catch (error) {
      await fresh.release()
      throw error
    }
    return {
      async commit() {
        gateway.swap(fresh, certificate)
        ;({ thinning } = next.settings.log)
        waiting = fresh
      },
      discard: () => fresh.release(),
    }
  }

  async function stop(timeoutMs: number): Promise<void> {
    await gateway.stop(timeoutMs)
    await trail.stop()
    await closeStores()
    if (traces) await exportAtLast(shared.lastExports, traces.stop)
    figures.stop()
    log.flush()
  }

  function openCounting(): Promise<ConnectedCounters> {
    return attachSharedCounters(shared.counting, worker, policy.settings.state, control.counters, {
      onEvent: ({ event, ...fields }) => control.tell(event, fields),
      onReady: control.changed,
    })
  }

  async function closeStores(): Promise<void> {
    await sessionStore.stop()
    await counting.stop()
  }

  async function enforce({ program, settings, files }: Policy): Promise<InForce & Verifiers> {
    const certificates = await authoritiesOf(settings, files)
    const passwords = createPasswords(settings)
    const linked = link(program)
    const upstreams = createUpstreams(program, settings, files, ({ event, ...fields }) => {
      // After a reload nothing more is sent by the breakers from before it, and nobody would tell that they closed.
      if (gateway.inForce.upstreams === upstreams) control.tell(event, fields)
    })
    // After what may fail and holds nothing: a ledger that nobody gives back is read, and waited for, for ever.
    const ledger = await ledgers.acquire(settings)
    const keys = ledger.view
    const tokens = createAccessTokens(program, settings, control.keySets, control.changed, fingerprint)
    const sessions = createSessions(program, settings, control.keySets, sessionStore, control.changed)
    return {
      linked,
      upstreams,
      ports: {
        tokens,
        proofs,
        replays,
        certificates,
        keys,
        revocations: keys,
        passwords,
        clock: { nowMs: () => Date.now() },
        counters: counting.counters,
        places: control.places,
        sessions,
        trail,
      },
      tokens,
      sessions,
      started: Promise.all([tokens.started, keys.started, sessions.started]),
      async release() {
        tokens.stop()
        sessions.stop()
        await ledger.release()
        upstreams.destroy()
      },
    }
  }

  function record(ending: Ending): void {
    log.write(ending)
    metrics.write(ending)
    traces?.write(ending)
    trail.write(ending)
    if (ending.journal.forwardingIgnored) control.forwardingIgnored(ending.journal.clientAddress)
  }

  function onDefect(error: unknown, requestId: string): void {
    control.tell('defect', {
      request_id: requestId,
      detail: placeOfError(error),
    })
  }
}

/** @throws StartError when a file cannot be used after all */
async function authoritiesOf(
  { listen: { https, http } }: Settings,
  files: NamedFiles,
): Promise<Certificates> {
  const listener = https?.clientCa ? https : http
  if (!listener?.clientCa) return noAuthorities
  try {
    const named = (path: string) => ({ path, octets: fileOf(files, path) })
    return await loadAuthorities({ ca: named(listener.clientCa), crl: listener.clientCrl.map(named) })
  } catch (error) {
    throw new StartError(codeOfError(error))
  }
}
