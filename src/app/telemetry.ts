import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import type { TelemetrySettings } from '../program/settings.ts'
import type { Destination } from '../sinks/log.ts'
import type { RecordForm } from '../sinks/log-records/record-text.ts'
import type { LogExport } from '../sinks/log-records.ts'
import type { Sample } from '../sinks/metrics/collect.ts'
import type { MetricsExport } from '../sinks/metrics/otlp-metrics.ts'
import type { WorkerMetrics } from '../sinks/metrics/record-metrics.ts'
import type { ResourceFacts } from '../sinks/otlp/encode.ts'
import type { Tell } from '../sinks/otlp/outage.ts'
import type { Traces } from '../sinks/traces.ts'

/** Made once for the process; every thread says the same of itself. Crosses threads. */
export function resourceFacts(): ResourceFacts {
  const file = new URL('../../package.json', import.meta.url)
  const { version } = JSON.parse(readFileSync(file, 'utf8')) as { readonly version: string }
  return { version, instanceId: randomUUID(), hostName: hostname(), pid: process.pid }
}

/** Traces of the calling thread; null, and nothing is loaded, where none are wanted. */
export async function openTraces(
  telemetry: TelemetrySettings | null,
  facts: ResourceFacts,
  metrics: WorkerMetrics,
  tell: Tell,
): Promise<Traces | null> {
  if (!telemetry?.traces) return null
  const { createTraces } = await import('../sinks/traces.ts')
  return createTraces({
    target: telemetry,
    sample: telemetry.traces.sample,
    facts,
    tell,
    count(exported, dropped) {
      metrics.add('spansExported', [], exported)
      metrics.add('spansDropped', [], dropped)
    },
  })
}

/** Sends the figures of the whole process, from one thread; null where nothing is sent. */
export async function openMetricsExport(
  telemetry: TelemetrySettings | null,
  facts: ResourceFacts,
  figures: () => Promise<readonly Sample[]>,
  tell: Tell,
): Promise<MetricsExport | null> {
  if (!telemetry) return null
  const { exportMetrics } = await import('../sinks/metrics/otlp-metrics.ts')
  return exportMetrics(telemetry, telemetry.intervalMs, facts, figures, tell)
}

/** How records are written for a collector; null, and nothing is loaded, where it gets none. */
export async function loadRecordForm(telemetry: TelemetrySettings | null): Promise<RecordForm | null> {
  if (!telemetry?.logs) return null
  const { recordForm } = await import('../sinks/log-records/record-text.ts')
  return recordForm
}

/** Records of the log, for a collector; null where it gets none. */
export async function openLogRecords(
  telemetry: TelemetrySettings | null,
  write: (records: string) => void,
): Promise<Destination | null> {
  const form = await loadRecordForm(telemetry)
  return form && { ...form, write }
}

/** Sends the records of the whole process, from one thread; null where none are sent. */
export async function openLogExport(
  telemetry: TelemetrySettings | null,
  facts: ResourceFacts,
  tell: Tell,
): Promise<LogExport | null> {
  if (!telemetry?.logs) return null
  const { exportLogs } = await import('../sinks/log-records.ts')
  return exportLogs({ target: telemetry, facts, tell })
}
