import type { Sample } from './collect.ts'
import type { FamilyId } from './families.ts'

/** What is read at each scrape, by the one thread that is asked. */
export interface Gauges {
  readonly issuers: () => readonly IssuerFigures[]
  readonly buckets: () => { readonly size: number; readonly overflowed: number }
  readonly programDigest: () => string
  readonly ready?: () => boolean
  readonly reloads?: () => ReloadFigures
  readonly expiries?: () => readonly Expiry[]
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

/** When something that the gateway was given ends. */
export interface Expiry {
  readonly kind: 'certificate' | 'revocation_list'
  /** What a certificate is for, e.g. `listener`. */
  readonly use: string
  readonly name: string
  readonly endsMs: number
}

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
  one('programInfo', [gauges.programDigest()], 1)
  if (gauges.ready) one('ready', [], Number(gauges.ready()))
  const reloads = gauges.reloads?.()
  if (reloads) {
    one('reloads', ['success'], reloads.succeeded)
    one('reloads', ['failure'], reloads.failed)
    one('lastReloadSuccessful', [], Number(!reloads.lastFailed))
    one('lastReloadSuccess', [], Math.round(reloads.lastSuccessMs) / 1000)
  }
  for (const { kind, use, name, endsMs } of gauges.expiries?.() ?? []) {
    if (kind === 'certificate') one('certificateExpiry', [use, name], endsMs / 1000)
    else one('revocationListExpiry', [name], endsMs / 1000)
  }
  const { user, system } = process.cpuUsage()
  one('cpuSeconds', [], (user + system) / 1e6)
  one('residentMemory', [], process.memoryUsage.rss())
  one('startTime', [], Math.round(startedMs) / 1000)
  return samples

  function one(family: FamilyId, labels: readonly string[], value: number): void {
    samples.push({ family, labels, cells: [value] })
  }
}
