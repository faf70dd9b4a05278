import type { Server } from 'node:http'
import { createAdminServer } from '../admin/admin.ts'
import { codeOfError, OwnError } from '../base/code-of-error.ts'
import type { Compiled } from '../contract/compile.ts'
import type { Addresses } from '../gateway/gateway.ts'
import { ListenError, open, originOf } from '../gateway/open-server.ts'
import { IssuerRegistry } from '../identity/issuer-registry.ts'
import type { LogExportFigures } from '../sinks/log-records.ts'
import { createMemorySessions } from '../stores/memory-sessions.ts'
import { collectSeldom } from './collect-seldom.ts'
import { compileAside } from './compile-aside.ts'
import { watchExpiries } from './expiries.ts'
import { followClock, lookAtClockEveryMs } from './follow-clock.ts'
import { openGateLog } from './gate-log.ts'
import { keepQuotas, type QuotaKeeper } from './keep-quotas.ts'
import { exportAtLast } from './last-exports.ts'
import { openLedger } from './open-ledger.ts'
import { readNamedFiles } from './read-named-files.ts'
import { tallyReloads } from './reload-tally.ts'
import { sharedCounterFigures } from './shared-counters.ts'
import { StartError } from './start-error.ts'
import { openMetricsExport } from './telemetry.ts'
import { explainDenialAside, placesOf } from './trail/explain-denial.ts'
import { openProcessTrail, type ProcessTrail } from './trail/process-trail.ts'
import { startTrail, type TrailThread } from './trail/start-trail.ts'
import type { TrailNews } from './trail/trail-thread.ts'
import { watchFiles } from './watch-files.ts'
import type { Crew, Policy, Prepared } from './workers/control.ts'
import { startCrew } from './workers/crew.ts'
import { allDropped } from './workers/log-link.ts'
import { missedConnections } from './workers/missed-connections.ts'
import { shareLedgers } from './workers/remote-ledger.ts'
import { allocateSharedState, openFigures } from './workers/shared-state.ts'
import { keepStanding, needsRestart, reservePorts } from './workers/standing-settings.ts'

export interface GatewayOptions {
  /** Path of `portcullis.yaml`. */
  readonly configurationFile: string
  /** Where `${NAME}` in the configuration is looked up; the process environment by default. */
  readonly env?: NodeJS.ProcessEnv
  /** Takes complete JSON lines, in place of stdout or the file that the configuration names. */
  readonly log?: (lines: string) => void
  /** 1 by default, which serves in this thread; more serve in threads of their own, on the same ports. */
  readonly workers?: number
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
  /** Opens the file of the log anew, which somebody moved; nothing on stdout. */
  reopenLog(): Promise<void>
  /** Unready first, `drainDelay`, then finishes what is in flight within `stopTimeout`. */
  stop(): Promise<void>
}

/**
 * Starts a gateway from its configuration. This thread is the control plane: it compiles, watches, fetches keys and answers
 * the admin listener; the workers serve. Sets two flags of V8 for the whole process (see `collectSeldom`).
 * @throws StartError when the configuration, the contract, a certificate or a port does not allow it
 */
export async function createGateway(options: GatewayOptions): Promise<RunningGateway> {
  collectSeldom()
  const gateLog = openGateLog(options.log)
  const reloads = tallyReloads(gateLog.log)
  const { log } = reloads
  const env = options.env ?? process.env
  const shared = allocateSharedState(options.workers ?? 1)
  const issuers = new IssuerRegistry(({ event, ...fields }) => {
    log.event(event, fields)
    announceReady()
  })
  let stopping = false
  let listening = false
  let announced = false
  let isReady = false
  let warnedOfForwarding = false
  let trail: TrailThread | null = null
  let processTrail: ProcessTrail | null = null
  let lookAtClock = (): void => {}
  let quotas: QuotaKeeper | null = null
  let reloading: Promise<boolean> = Promise.resolve(true)
  let resolveReady: () => void
  const ready = new Promise<void>((resolve) => {
    resolveReady = resolve
  })

  const started = startCrew({
    shared,
    log: gateLog.lines,
    records: gateLog.records,
    tell(event, fields) {
      log.event(event, fields)
      processTrail?.tell(event, fields)
    },
    countDenials: (counts) => processTrail?.count(counts),
    forwardingIgnored,
    changed: announceReady,
    keySets: issuers,
    sessions: createMemorySessions(),
    openLedger: shareLedgers(openLedger),
    connectTrail: () => trail && { port: trail.connect(), hashKey: trail.hashKey },
  })
  /** What was looked at when the configuration was compiled last, whatever came of it. */
  let sources: readonly string[] = []
  const first = await compiledFirst().catch(async (error: unknown) => {
    await started.end()
    throw error
  })
  /** Those in force: what applies until a restart stands here as it was at the start. */
  let { settings, files } = first
  let { digest, operations } = describe(first)
  const crew = await openFirst().catch(async (error: unknown) => {
    await started.end()
    await quotas?.stop()
    await processTrail?.stop()
    await trail?.stop()
    await gateLog.close()
    throw error
  })
  const expiries = watchExpiries(() => settings)
  expiries()
  const figures = openFigures(shared, {
    issuers: () => issuers.status(),
    ready: () => isReady,
    trail: () => trail?.figures ?? null,
    quotasSaved: () => quotas?.saved ?? null,
    limitStore: () => sharedCounterFigures(shared.counting, settings.state),
    reloads: reloads.figures,
    logExport,
    droppedLines: () => allDropped(shared.logLinks, gateLog.dropped),
    logFileWritable: () => gateLog.isFileWritable,
    expiries,
    programDigest: () => digest,
  })
  const metricsExport = await openMetricsExport(settings.telemetry, shared.facts, figures.samples, log.event)
  const admin = await openAdmin().catch(async (error: unknown) => {
    if (metricsExport) await exportAtLast(shared.lastExports, metricsExport.stop)
    await crew.stop(0)
    await quotas?.stop()
    await processTrail?.stop()
    await trail?.stop()
    await gateLog.close()
    throw error instanceof ListenError ? new StartError(error.message) : error
  })
  const addresses = { ...crew.addresses, admin: admin?.url ?? null }
  log.event('listening', { ...addresses, digest, workers: shared.workers })
  listening = true
  announceReady()
  const clock = setInterval(lookAtClock, lookAtClockEveryMs).unref()
  const watch = watchFiles(() => void reload())
  watchAll()

  return { addresses, ready, reload, reopenLog: gateLog.reopen, stop }

  async function compiledFirst(): Promise<Policy> {
    const { program, settings: wanted } = await compiled()
    const policy = { program, settings: wanted, files: readNamedFiles(wanted) }
    await gateLog.begin(policy.settings, shared.facts)
    return policy
  }

  function watchAll(): void {
    watch.watch([...new Set([...sources, ...files.keys()])])
  }

  function logExport(): LogExportFigures | null {
    const figures = gateLog.exported()
    return figures && { ...figures, dropped: allDropped(shared.recordLinks, figures.dropped) }
  }

  async function openFirst(): Promise<Crew> {
    if (settings.trail) {
      trail = startTrail({ trail: settings.trail, stateDir: settings.stateDir }, tellOfTrail)
      processTrail = openProcessTrail(trail)
    }
    // In one turn: what is restored and what is followed begin by the same clock.
    lookAtClock = followClock(shared.buckets)
    quotas = keepQuotas(shared.buckets, settings, { tell: log.event, lookAtClock })
    // A single worker opens its ports itself, and is told if one is taken.
    if (shared.workers > 1) settings = await reservePorts(settings)
    return started.open({ ...first, settings })
  }

  function tellOfTrail({ event, ...fields }: TrailNews): void {
    log.event(event, fields)
  }

  function denial(requestId: string): Promise<object | null | 'busy'> {
    const { stateDir, trail: kept } = settings
    return explainDenialAside({ stateDir, trail: kept, requestId, operations })
  }

  async function compiled() {
    const outcome = await compileAside(options.configurationFile, env)
    sources = outcome.files
    return programOf(outcome)
  }

  function forwardingIgnored(clientAddress: string): void {
    if (warnedOfForwarding) return
    warnedOfForwarding = true
    log.event('forwarding_ignored', {
      'client.address': clientAddress,
      detail:
        'X-Forwarded-For or Forwarded came from a peer that is not in trustedProxies, or Forwarded alone from one that is: ' +
        'it is not read; said once',
    })
  }

  async function unready(): Promise<readonly string[]> {
    const reasons = stopping ? ['stopping'] : (await crew.status()).unready
    isReady = reasons.length === 0
    return reasons
  }

  async function noteReadiness(): Promise<void> {
    if (!listening || (await unready()).length > 0 || announced) return
    announced = true
    log.event('ready', { ...addresses })
    resolveReady()
  }

  function announceReady(): void {
    void noteReadiness()
  }

  async function openAdmin(): Promise<{ readonly server: Server; readonly url: string } | null> {
    const wanted = settings.listen.admin
    if (!wanted) return null
    const metrics = async (accept: string) => {
      // Asks the workers as well, whose figures are those of this instant then.
      await unready()
      return figures.expose(accept)
    }
    const opened = await open(
      createAdminServer({ unready, metrics, denial }, wanted.token),
      wanted,
      'listen.admin',
      missedConnections(log.event),
    )
    return { server: opened.server, url: originOf('http', opened) }
  }

  function reload(): Promise<boolean> {
    reloading = reloading.then(reloadOnce)
    return reloading
  }

  async function reloadOnce(): Promise<boolean> {
    if (stopping) return false
    void gateLog.reopen()
    let prepared: Prepared | null = null
    try {
      const wanted = await compiled()
      const kept = keepStanding(settings, wanted.settings)
      const next = { ...wanted, settings: kept, files: readNamedFiles(kept) }
      prepared = await crew.prepare(next)
      if (stopping) throw new OwnError('the gateway is stopping')
      await prepared.commit()
      const restartNeeded = needsRestart(first.settings, wanted.settings)
      ;({ settings, files } = next)
      gateLog.apply(settings.log)
      ;({ digest, operations } = describe(next))
      log.event('reload', {
        digest,
        operations: next.program.operations.length,
        ...(restartNeeded && {
          detail:
            'addresses of listeners, bounds, the state, its folder, the trail, telemetry or the file of the log changed; they apply after a restart',
        }),
      })
      return true
    } catch (error) {
      await prepared?.discard()
      log.event('reload_failed', {
        problems: problemsOf(error),
        detail: 'the program in force stays in force',
      })
      return false
    } finally {
      if (!stopping) watchAll()
    }
  }

  async function stop(): Promise<void> {
    if (stopping) return
    stopping = true
    watch.stop()
    log.event('stopping', { in_flight: (await crew.status()).inFlight })
    if (settings.drainDelayMs > 0) await new Promise((done) => setTimeout(done, settings.drainDelayMs))
    await crew.stop(settings.stopTimeoutMs)
    issuers.stop()
    clearInterval(clock)
    await quotas?.stop()
    admin?.server.close()
    admin?.server.closeAllConnections()
    await processTrail?.stop()
    await trail?.stop()
    await exportAtLast(shared.lastExports, (untilMs) =>
      Promise.all([gateLog.drain(untilMs), metricsExport?.stop(untilMs)]),
    )
    log.event('stopped')
    log.flush()
    await gateLog.close()
  }
}

/** What the control plane keeps of a program. */
function describe({ program }: Policy) {
  return { digest: program.digest, operations: placesOf(program) }
}

function programOf({ program, settings, diagnostics }: Compiled) {
  if (program && settings) return { program, settings }
  const errors = diagnostics.filter(({ severity }) => severity === 'error')
  throw new StartError(`${errors.length} ${errors.length === 1 ? 'problem' : 'problems'}`, diagnostics)
}

function problemsOf(error: unknown): readonly string[] {
  if (!(error instanceof StartError) || error.diagnostics.length === 0) return [codeOfError(error)]
  return error.diagnostics
    .filter(({ severity }) => severity === 'error')
    .slice(0, 20)
    .map(
      ({ position: { file, line, column }, message, fix }) => `${file}:${line}:${column}: ${message}; ${fix}`,
    )
}
