import { attribute, nanosText, type ResourceFacts, resourceText, scopeText } from '../otlp/encode.ts'
import { announceOutages, type Tell } from '../otlp/outage.ts'
import { type OtlpTarget, send, settledWithin } from '../otlp/send.ts'
import type { Sample } from './collect.ts'
import { type Family, families } from './families.ts'

export interface MetricsExport {
  /** Sends what was counted last, until then. */
  stop(untilMs: number): Promise<void>
}

/** Sends all figures at an interval. What could not be sent is in the next figures: they only grow. */
export function exportMetrics(
  target: OtlpTarget,
  intervalMs: number,
  facts: ResourceFacts,
  figures: () => Promise<readonly Sample[]>,
  tell: Tell,
): MetricsExport {
  const outages = announceOutages('metrics', tell)
  const startedMs = Date.now()
  let underWay: Promise<void> | null = null
  const timer = setInterval(() => {
    underWay ??= exportOnce().finally(() => {
      underWay = null
    })
  }, intervalMs)
  timer.unref()
  return {
    async stop(untilMs) {
      clearInterval(timer)
      const leftMs = () => Math.max(0, untilMs - Date.now())
      if (underWay) await settledWithin(leftMs(), underWay)
      await exportOnce(leftMs())
    },
  }

  async function exportOnce(withinMs?: number): Promise<void> {
    const body = metricsText(await figures(), facts, startedMs, Date.now())
    const sent = await send(target, 'metrics', body, withinMs)
    if (sent.kind !== 'taken' || sent.rejected > 0) outages.failed(sent.detail)
    else outages.succeeded()
  }
}

/** `ExportMetricsServiceRequest`, cumulative. */
function metricsText(
  samples: readonly Sample[],
  facts: ResourceFacts,
  startedMs: number,
  nowMs: number,
): string {
  const times = `"startTimeUnixNano":${nanosText(startedMs)},"timeUnixNano":${nanosText(nowMs)}`
  const metrics = Array.from(
    Map.groupBy(samples, ({ family }) => family),
    ([id, series]) => metricText(families[id], series, times),
  )
  return `{"resourceMetrics":[{${resourceText(facts)},"scopeMetrics":[{${scopeText(facts.version)},"metrics":[${metrics.join()}]}]}]}`
}

const cumulative = '"aggregationTemporality":2'

function metricText(family: Family, series: readonly Sample[], times: string): string {
  const { otlp, help, type } = family
  const points = series.map((sample) => pointText(family, sample, times)).join()
  const head = `"name":"${otlp.name}","description":${JSON.stringify(help)},"unit":"${otlp.unit}"`
  if (type === 'histogram') return `{${head},"histogram":{${cumulative},"dataPoints":[${points}]}}`
  if (type === 'counter') return `{${head},"sum":{${cumulative},"isMonotonic":true,"dataPoints":[${points}]}}`
  // What is counted in things or octets adds up over gateways (an UpDownCounter); all else does not.
  const adds = otlp.unit === 'By' || otlp.unit.startsWith('{')
  return adds
    ? `{${head},"sum":{${cumulative},"isMonotonic":false,"dataPoints":[${points}]}}`
    : `{${head},"gauge":{"dataPoints":[${points}]}}`
}

function pointText({ labels: names, bounds }: Family, { labels, cells }: Sample, times: string): string {
  const attributes = names.flatMap((name, index) => labelText(name, labels[index] ?? ''))
  const head = `"attributes":[${attributes.join()}],${times}`
  if (!bounds) return `{${head},"asDouble":${cells[0]}}`
  const buckets = Array.from({ length: bounds.length + 1 }, (_, index) => cells[index] ?? 0)
  const count = buckets.reduce((sum, one) => sum + one, 0)
  const counts = buckets.map((one) => `"${one}"`).join()
  return `{${head},"count":"${count}","sum":${cells[bounds.length + 1]},"bucketCounts":[${counts}],"explicitBounds":[${bounds.join()}]}`
}

/** Labels that OpenTelemetry has a name for; all others are ours. */
const conventional: { readonly [label: string]: string } = {
  http_request_method: 'http.request.method',
  http_route: 'http.route',
  v8js_gc_type: 'v8js.gc.type',
}

/** An operation that is none, and a status that was not sent, are no attributes. */
function labelText(name: string, value: string): readonly string[] {
  if (value === '') return []
  if (name === 'http_response_status_code')
    return /^[1-9]\d*$/.test(value) ? [attribute('http.response.status_code', Number(value))] : []
  return [attribute(conventional[name] ?? `portcullis.${name}`, value)]
}
