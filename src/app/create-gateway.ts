import type { Server } from 'node:http'
import { createAdminServer } from '../admin/admin.ts'
import type { Compiled } from '../contract/compile.ts'
import { link } from '../engine/link.ts'
import type { Certificates } from '../engine/ports.ts'
import type { Ending } from '../engine/record/ending.ts'
import type { InForce } from '../gateway/data-plane.ts'
import { type Addresses, openGateway } from '../gateway/gateway.ts'
import { ListenError, open, originOf } from '../gateway/open-server.ts'
import { createUpstreams } from '../gateway/upstreams.ts'
import { type AccessTokens, createAccessTokens } from '../identity/access-tokens.ts'
import { loadAuthorities, noAuthorities } from '../identity/client-authorities.ts'
import { IssuerRegistry } from '../identity/issuer-registry.ts'
import { createPasswords } from '../identity/passwords.ts'
import { createProofReader } from '../identity/proof-reader.ts'
import { createSessions, type RunningSessions } from '../identity/sessions.ts'
import type { Program } from '../program/program.ts'
import type { Settings } from '../program/settings.ts'
import { createLog } from '../sinks/log.ts'
import { createMetrics } from '../sinks/metrics.ts'
import { createMemoryCounters } from '../stores/memory-counters.ts'
import { createMemoryReplays } from '../stores/memory-replays.ts'
import { compileAside } from './compile-aside.ts'
import { LedgerViews } from './ledger-views.ts'
import { missedConnections } from './missed-connections.ts'
import { openSessionStore } from './session-store.ts'
import { StartError } from './start-error.ts'
import { explainDenialAside, placesOf } from './trail/explain-denial.ts'
import { openGateTrail } from './trail/gate-trail.ts'
import { type FileWatch, watchFiles } from './watch-files.ts'

export interface GatewayOptions {
  /** Path of `portcullis.yaml`. */
  readonly configurationFile: string
  /** Where `${NAME}` in the configuration is looked up; the process environment by default. */
  readonly env?: NodeJS.ProcessEnv
  /** Takes complete JSON lines; stdout by default. */
  readonly log?: (lines: string) => void
}

/** A gateway that listens. */
export interface RunningGateway {
  /** Origins as bound, e.g. `https://127.0.0.1:8443`; null for listeners that are not configured. */
  readonly addresses: Addresses & { readonly admin: string | null }
  /** Resolves when every issuer's keys are at hand for the first time. */
  readonly ready: Promise<void>
  /**
   * Compiles the files anew and swaps the whole program; the one in force stays when anything is wrong.
   * Resolves with whether the new one is in force; the log says why not.
   */
  reload(): Promise<boolean>
  /** Unready first, `drainDelay`, then finishes what is in flight within `stopTimeout`. */
  stop(): Promise<void>
}

/**
 * Starts a gateway from its configuration.
 * @throws StartError when the configuration, the contract, a certificate or a port does not allow it
 */
export async function createGateway(options: GatewayOptions): Promise<RunningGateway> {
  const log = createLog(options.log)
  const metrics = createMetrics()
  const counters = createMemoryCounters()
  const replays = createMemoryReplays()
  const proofs = createProofReader()
  const issuers = new IssuerRegistry(({ event, ...fields }) => {
    log.event(event, fields)
    announceReady()
  })
  const ledgers = new LedgerViews(({ event, ...fields }) => {
    log.event(event, fields)
    announceReady()
  })
  const onMissedConnection = missedConnections(log)
  const env = options.env ?? process.env
  const compiled = soundOrThrow(await compileAside(options.configurationFile, env))
  let settings = compiled.settings
  let stopping = false
  let listening = false
  let announced = false
  let warnedOfForwarding = false
  let reloading: Promise<boolean> = Promise.resolve(true)
  let resolveReady: () => void
  const ready = new Promise<void>((resolve) => {
    resolveReady = resolve
  })

  const sessionStore = await openSessionStore(settings.state, announceReady)
  const trail = openGateTrail(settings, (event, fields) => log.event(event, fields))
  const first = await enforce(compiled.program, settings).catch(async (error: unknown) => {
    await sessionStore.stop()
    await trail.stop()
    throw error
  })
  let waiting = first
  const gateway = await openGateway(settings, first, { record, onDefect, onMissedConnection }).catch(
    async (error: unknown) => {
      await first.release()
      await sessionStore.stop()
      await trail.stop()
      throw startErrorFrom(error)
    },
  )
  const admin = await openAdmin().catch(async (error: unknown) => {
    await gateway.stop(0)
    await sessionStore.stop()
    await trail.stop()
    throw startErrorFrom(error)
  })
  const addresses = { ...gateway.addresses, admin: admin?.url ?? null }
  log.event('listening', { ...addresses, digest: compiled.program.digest })
  listening = true
  announceReady()
  const files = watchFiles(() => void reload())
  watchAll(files, settings)

  return { addresses, ready, reload, stop }

  async function enforce(program: Program, current: Settings): Promise<InForce & Verifiers> {
    const certificates = await authoritiesOf(current)
    const ledger = await ledgers.acquire(current)
    const keys = ledger.view
    const passwords = createPasswords(current)
    const linked = link(program)
    const upstreams = createUpstreams(program, current)
    const tokens = createAccessTokens(program, current, issuers, announceReady)
    const sessions = createSessions(program, current, issuers, sessionStore, announceReady)
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
        counters,
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
    trail.write(ending)
    if (!ending.journal.forwardingIgnored || warnedOfForwarding) return
    warnedOfForwarding = true
    log.event('forwarding_ignored', {
      'client.address': ending.journal.clientAddress,
      detail: 'X-Forwarded-For or Forwarded came from a peer that is not in trustedProxies; said once',
    })
  }

  function denial(requestId: string): Promise<object | null> {
    const operations = placesOf(gateway.inForce.linked.program)
    const { stateDir, trail: kept } = settings
    return explainDenialAside({ stateDir, trail: kept, requestId, operations })
  }

  function onDefect(error: unknown, requestId: string): void {
    log.event('defect', {
      request_id: requestId,
      detail: error instanceof Error ? error.stack : String(error),
    })
  }

  function unready(): readonly string[] {
    if (stopping) return ['stopping']
    return [
      ...issuers
        .status()
        .filter((status) => !status.ready)
        .map(({ issuer }) => `waiting for the keys of ${issuer}`),
      ...(ledgers.ready ? [] : ['waiting for the ledger of keys']),
      ...waiting.tokens.waitingFor().map((issuer) => `waiting for the metadata of ${issuer}`),
      ...waiting.sessions.waitingFor().map((what) => `waiting for ${what}`),
    ]
  }

  function announceReady(): void {
    if (announced || !listening || unready().length > 0) return
    announced = true
    log.event('ready', { ...addresses })
    resolveReady()
  }

  async function openAdmin(): Promise<{ readonly server: Server; readonly url: string } | null> {
    const wanted = settings.listen.admin
    if (!wanted) return null
    const gauges = {
      issuers: () => issuers.status(),
      buckets: () => counters,
      inFlight: () => gateway.inFlight,
      programDigest: () => gateway.inForce.linked.program.digest,
    }
    const view = { unready, metrics: () => metrics.expose(gauges), denial }
    const opened = await open(
      createAdminServer(view, wanted.token),
      wanted,
      'listen.admin',
      onMissedConnection,
    )
    return { server: opened.server, url: originOf('http', opened) }
  }

  function reload(): Promise<boolean> {
    reloading = reloading.then(reloadOnce)
    return reloading
  }

  async function reloadOnce(): Promise<boolean> {
    if (stopping) return false
    let fresh: Awaited<ReturnType<typeof enforce>> | null = null
    try {
      const { program, settings: next } = soundOrThrow(await compileAside(options.configurationFile, env))
      fresh = await enforce(program, next)
      await fresh.started
      if (stopping) throw new Error('the gateway is stopping')
      gateway.swap(fresh, next)
      waiting = fresh
      const restartNeeded = needsRestart(settings, next)
      settings = next
      watchAll(files, next)
      log.event('reload', {
        digest: program.digest,
        operations: program.operations.length,
        ...(restartNeeded && {
          detail: 'addresses of listeners, the state or the trail changed; they apply after a restart',
        }),
      })
      return true
    } catch (error) {
      if (fresh && gateway.inForce !== fresh) await fresh.release()
      log.event('reload_failed', {
        problems: problemsOf(error),
        detail: 'the program in force stays in force',
      })
      return false
    }
  }

  async function stop(): Promise<void> {
    if (stopping) return
    stopping = true
    files.stop()
    log.event('stopping', { in_flight: gateway.inFlight })
    if (settings.drainDelayMs > 0) await new Promise((done) => setTimeout(done, settings.drainDelayMs))
    await gateway.stop(settings.stopTimeoutMs)
    admin?.server.close()
    admin?.server.closeAllConnections()
    await sessionStore.stop()
    await trail.stop()
    log.event('stopped')
    log.flush()
  }
}

interface Sound {
  readonly program: Program
  readonly settings: Settings
}

function soundOrThrow({ program, settings, diagnostics }: Compiled): Sound {
  if (program && settings) return { program, settings }
  const errors = diagnostics.filter(({ severity }) => severity === 'error')
  throw new StartError(`${errors.length} ${errors.length === 1 ? 'problem' : 'problems'}`, diagnostics)
}

/** Verifiers of one program: what it waits for before it is ready. */
interface Verifiers {
  readonly tokens: AccessTokens
  readonly sessions: RunningSessions
  /** Resolves when everything was asked once, whatever came of it. */
  readonly started: Promise<unknown>
}

/** @throws StartError when a file cannot be used after all */
async function authoritiesOf({ listen: { https, http } }: Settings): Promise<Certificates> {
  const listener = https?.clientCa ? https : http
  if (!listener?.clientCa) return noAuthorities
  try {
    return await loadAuthorities({ ca: listener.clientCa, crl: listener.clientCrl })
  } catch (error) {
    throw new StartError((error as Error).message)
  }
}

function startErrorFrom(error: unknown): unknown {
  return error instanceof ListenError ? new StartError(error.message) : error
}

function problemsOf(error: unknown): readonly string[] {
  if (!(error instanceof StartError) || error.diagnostics.length === 0) return [(error as Error).message]
  return error.diagnostics
    .filter(({ severity }) => severity === 'error')
    .slice(0, 20)
    .map(
      ({ position: { file, line, column }, message, fix }) => `${file}:${line}:${column}: ${message}; ${fix}`,
    )
}

function watchAll(files: FileWatch, { watched, listen: { https, http }, upstreams }: Settings): void {
  const certificates = [https, ...Object.values(upstreams).map(({ tls }) => tls)].flatMap((pair) =>
    pair ? [pair.cert, pair.key] : [],
  )
  const clients = [https, http].flatMap((listener) =>
    listener ? [listener.clientCa, ...listener.clientCrl] : [],
  )
  const named = [...certificates, ...clients].filter((file) => file !== null)
  files.watch([...new Set([...watched, ...named])])
}

function needsRestart(before: Settings, after: Settings): boolean {
  const addresses = ({ listen: { https, http, admin }, state, trail }: Settings) =>
    JSON.stringify([
      state,
      trail,
      https && [https.host, https.port, https.clientCa !== null],
      http && [http.host, http.port, http.mode],
      admin,
    ])
  return addresses(before) !== addresses(after)
}
