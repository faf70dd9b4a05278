import type { DroppedLines } from '../line-output.ts'
import type { LogExportFigures } from '../log-records.ts'
import type { Sample } from './collect.ts'
import type { FamilyId } from './families.ts'

/** What is read at each scrape, by the one thread that is asked. */
export interface Gauges {
  readonly issuers: () => readonly IssuerFigures[]
  readonly buckets: () => { readonly size: number; readonly overflowed: number }
  /** Places held under caps. */
  readonly places: () => number
  /** Null where nothing is saved here. */
  readonly quotasSaved: () => boolean | null
  /** Null where limits are not shared. */
  readonly limitStore: () => LimitStoreFigures | null
  /** Null where there is no audit trail. */
  readonly trail: () => TrailState | null
  readonly programDigest: () => string
  readonly ready: () => boolean
  readonly reloads: () => ReloadFigures
  readonly expiries: () => readonly Expiry[]
  readonly droppedLines: () => DroppedLines
  /** Null where no collector gets records of the log. */
  readonly logExport: () => LogExportFigures | null
  /** Null where the log is no file. */
  readonly logFileWritable: () => boolean | null
}

export interface IssuerFigures {
  readonly issuer: string
  readonly ready: boolean
  readonly keys: number
  /** Epoch milliseconds. */
  readonly lastSuccessMs: number | null
  readonly lastFailed: boolean
}

export interface ReloadFigures {
  readonly succeeded: number
  readonly failed: number
  readonly lastFailed: boolean
  /** Epoch milliseconds; of the start, when there was no reload. */
  readonly lastSuccessMs: number
}

/** What is known of the store that gateways share limits in. */
export interface LimitStoreFigures {
  /** 1 while every worker reaches it. */
  readonly up: number
  /** Gateways that use it, as last known. */
  readonly gateways: number
  /** Takes that it decided; that it did not decide in time, or failed at; and that did not ask it. */
  readonly answered: number
  readonly late: number
  readonly failed: number
  readonly skipped: number
  /** Takes that were decided from tokens on loan. */
  readonly leased: number
  /** Times that a lease was borrowed anew before it was used up, with nobody waiting. */
  readonly borrowed: number
  /** Draws decided without it, by `onStoreFault`. */
  readonly local: number
  readonly deny: number
  readonly allow: number
}

/** The audit trail as its writer tells of it. */
export interface TrailState {
  readonly writable: number
  readonly entries: number
  readonly pending: number
  readonly refused: number
  readonly lost: number
  /** Epoch milliseconds; 0 before the first. */
  readonly checkpointMs: number
  readonly restarts: number
}

/** When something that the gateway was given ends. */
export interface Expiry {
  readonly kind: 'certificate' | 'revocation_list'
  /** What a certificate is for, e.g. `listener`. */
  readonly use: string
  readonly name: string
  readonly endsMs: number
}

const storeOutcomes = ['answered', 'leased', 'late', 'failed', 'skipped'] as const
const faultModes = ['local', 'deny', 'allow'] as const
const startedMs = performance.timeOrigin

export function processFigures(gauges: Gauges, nowMs = Date.now()): readonly Sample[] {
  const samples: Sample[] = []
  for (const { issuer, ready, keys, lastSuccessMs, lastFailed } of gauges.issuers()) {
    one('issuerReady', [issuer], Number(ready))
    one('issuerKeys', [issuer], keys)
    if (lastSuccessMs !== null)
      one('issuerKeySetAge', [issuer], Math.max(0, Math.round(nowMs - lastSuccessMs)) / 1000)
    if (lastSuccessMs !== null || lastFailed) one('issuerFetchSuccess', [issuer], Number(!lastFailed))
  }
  const { size, overflowed } = gauges.buckets()
  one('limitBuckets', [], size)
  one('limitOverflow', [], overflowed)
  one('limitPlaces', [], gauges.places())
  const saved = gauges.quotasSaved()
  if (saved !== null) one('limitQuotasSaved', [], Number(saved))
  const store = gauges.limitStore()
  if (store) limitStore(store)
  const trail = gauges.trail()
  if (trail) trailState(trail)
  one('programInfo', [gauges.programDigest()], 1)
  one('ready', [], Number(gauges.ready()))
  const reloads = gauges.reloads()
  one('reloads', ['success'], reloads.succeeded)
  one('reloads', ['failure'], reloads.failed)
  one('lastReloadSuccessful', [], Number(!reloads.lastFailed))
  one('lastReloadSuccess', [], Math.round(reloads.lastSuccessMs) / 1000)
  for (const { kind, use, name, endsMs } of gauges.expiries()) {
    if (kind === 'certificate') one('certificateExpiry', [use, name], endsMs / 1000)
    else one('revocationListExpiry', [name], endsMs / 1000)
  }
  const { requests, events } = gauges.droppedLines()
  one('logDropped', ['request'], requests)
  one('logDropped', ['event'], events)
  const records = gauges.logExport()
  if (records) logRecords(records)
  const writable = gauges.logFileWritable()
  if (writable !== null) one('logFileWritable', [], Number(writable))
  const { user, system } = process.cpuUsage()
  one('cpuSeconds', [], (user + system) / 1e6)
  one('residentMemory', [], process.memoryUsage.rss())
  one('startTime', [], Math.round(startedMs) / 1000)
  return samples

  function limitStore(figures: LimitStoreFigures): void {
    one('limitStoreUp', [], figures.up)
    one('limitStoreGateways', [], figures.gateways)
    for (const outcome of storeOutcomes) one('limitStoreTakes', [outcome], figures[outcome])
    one('limitStoreBorrows', [], figures.borrowed)
    for (const mode of faultModes) one('limitStoreFaults', [mode], figures[mode])
  }

  function trailState(state: TrailState): void {
    one('trailWritable', [], state.writable)
    one('trailEntries', [], state.entries)
    one('trailPending', [], state.pending)
    one('trailRefused', [], state.refused)
    one('trailLost', [], state.lost)
    if (state.checkpointMs > 0) one('trailCheckpoint', [], state.checkpointMs / 1000)
    one('trailRestarts', [], state.restarts)
  }

  function logRecords({ exported, dropped }: LogExportFigures): void {
    one('logRecordsExported', [], exported)
    one('logRecordsDropped', ['request'], dropped.requests)
    one('logRecordsDropped', ['event'], dropped.events)
  }

  function one(family: FamilyId, labels: readonly string[], value: number): void {
    samples.push({ family, labels, cells: [value] })
  }
}
