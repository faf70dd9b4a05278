import type { Ending, RecordSink } from '../engine/record/ending.ts'

/** Gauges read at each scrape. */
export interface Gauges {
  readonly issuers: () => readonly {
    readonly issuer: string
    readonly ready: boolean
    readonly keys: number
  }[]
  readonly buckets: () => { readonly size: number; readonly overflowed: number }
  readonly inFlight: () => number
  readonly connections: () => { readonly open: number; readonly unserved: ReadonlyMap<string, number> }
  readonly upstreams: () => readonly {
    readonly upstream: string
    readonly breaker: keyof typeof breakerLevels
    readonly running: number
    readonly queued: number
  }[]
  readonly programDigest: () => string
}

export interface Metrics extends RecordSink {
  /** Prometheus text format 0.0.4. */
  expose(gauges: Gauges): string
}

/** Bounds in seconds, as OpenTelemetry advises for HTTP servers. */
const bounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

interface Histogram {
  readonly counts: Float64Array
  sum: number
}

/** Nested maps, because to put label texts together for each request would cost more than the counting. */
interface OperationFigures {
  readonly id: string
  /** By method, then status. */
  readonly durations: Map<string, Map<number, Histogram>>
  /** By stage, then reason. */
  readonly decisions: Map<string, Map<string, number>>
}

function newFigures(id: string): OperationFigures {
  return { id, durations: new Map(), decisions: new Map() }
}

function observe(
  durations: OperationFigures['durations'],
  method: string,
  status: number,
  seconds: number,
): void {
  const byStatus = inner(durations, method)
  let histogram = byStatus.get(status)
  if (!histogram) {
    histogram = { counts: new Float64Array(bounds.length + 1), sum: 0 }
    byStatus.set(status, histogram)
  }
  let bucket = 0
  while (bucket < bounds.length && seconds > (bounds[bucket] as number)) bucket++
  histogram.counts[bucket] = (histogram.counts[bucket] as number) + 1
  histogram.sum += seconds
}

function count(decisions: OperationFigures['decisions'], stage: string, reason: string): void {
  const byReason = inner(decisions, stage)
  byReason.set(reason, (byReason.get(reason) ?? 0) + 1)
}

function inner<K, V>(outer: Map<string, Map<K, V>>, key: string): Map<K, V> {
  const known = outer.get(key)
  if (known) return known
  const created = new Map<K, V>()
  outer.set(key, created)
  return created
}

function exposeDurations(lines: string[], id: string, durations: OperationFigures['durations']): void {
  for (const [method, byStatus] of durations)
    for (const [status, { counts, sum }] of byStatus) {
      const labels = `operation="${escapeLabel(id)}",http_request_method="${method}",http_response_status_code="${status}"`
      exposeHistogram(lines, labels, counts, sum)
    }
}

function exposeDecisions(lines: string[], id: string, decisions: OperationFigures['decisions']): void {
  for (const [stage, byReason] of decisions)
    for (const [reason, times] of byReason)
      lines.push(
        `portcullis_decisions_total{operation="${escapeLabel(id)}",stage="${stage}",reason="${reason}"} ${times}`,
      )
}

/**
 * Counters and histograms in Prometheus' text. Label values come from the contract and from tables of ours, never
 * from a client (attack G4): unknown methods are `_OTHER`, unknown routes have no operation.
 * @see OpenTelemetry semantic conventions for HTTP metrics
 */
export function createMetrics(): Metrics {
  const operations = new Map<string, OperationFigures>()
  let forwardingIgnored = 0
  return { write, expose }

  function write({ journal, denial, status, durationMs }: Ending): void {
    const id = journal.operation?.id ?? ''
    let figures = operations.get(id)
    if (!figures) {
      figures = newFigures(id)
      operations.set(id, figures)
    }
    observe(figures.durations, methodLabel(journal.method), status ?? 0, durationMs / 1000)
    count(figures.decisions, denial?.stage ?? 'record', denial?.reason ?? 'allowed')
    for (const found of journal.reported) count(figures.decisions, 'report', found.reason)
    if (journal.answerUnseen !== null) count(figures.decisions, 'report', 'answer_unseen')
    if (journal.answerStripped > 0) count(figures.decisions, 'report', 'answer_stripped')
    if (journal.forwardingIgnored) forwardingIgnored++
  }

  function expose(gauges: Gauges): string {
    const lines: string[] = []
    describe(
      lines,
      'http_server_request_duration_seconds',
      'histogram',
      'Duration of requests, denied ones included.',
    )
    for (const { id, durations } of operations.values()) exposeDurations(lines, id, durations)
    describe(lines, 'portcullis_decisions_total', 'counter', 'Decisions by operation, stage and reason.')
    for (const { id, decisions } of operations.values()) exposeDecisions(lines, id, decisions)
    describe(
      lines,
      'portcullis_forwarding_ignored_total',
      'counter',
      'Requests whose forwarding fields came from no trusted proxy.',
    )
    lines.push(`portcullis_forwarding_ignored_total ${forwardingIgnored}`)
    describe(lines, 'portcullis_issuer_ready', 'gauge', 'Whether the keys of an issuer are at hand.')
    for (const { issuer, ready } of gauges.issuers())
      lines.push(`portcullis_issuer_ready{issuer="${escapeLabel(issuer)}"} ${Number(ready)}`)
    describe(lines, 'portcullis_issuer_keys', 'gauge', 'Usable keys of an issuer.')
    for (const { issuer, keys } of gauges.issuers())
      lines.push(`portcullis_issuer_keys{issuer="${escapeLabel(issuer)}"} ${keys}`)
    const { size, overflowed } = gauges.buckets()
    describe(lines, 'portcullis_limit_buckets', 'gauge', 'Token buckets in memory.')
    lines.push(`portcullis_limit_buckets ${size}`)
    describe(lines, 'portcullis_limit_overflow_total', 'counter', 'Takes from a shared overflow bucket.')
    lines.push(`portcullis_limit_overflow_total ${overflowed}`)
    describe(lines, 'http_server_active_requests', 'gauge', 'Requests in flight.')
    lines.push(`http_server_active_requests ${gauges.inFlight()}`)
    exposeConnections(lines, gauges.connections())
    exposeUpstreams(lines, gauges.upstreams())
    describe(lines, 'portcullis_program_info', 'gauge', 'The program in force.')
    lines.push(`portcullis_program_info{digest="${gauges.programDigest()}"} 1`)
    describe(lines, 'process_cpu_seconds_total', 'counter', 'CPU time, user and system.')
    const { user, system } = process.cpuUsage()
    lines.push(`process_cpu_seconds_total ${(user + system) / 1e6}`)
    describe(lines, 'process_resident_memory_bytes', 'gauge', 'Resident memory.')
    lines.push(`process_resident_memory_bytes ${process.memoryUsage.rss()}`)
    return `${lines.join('\n')}\n`
  }
}

/** As a number, so that a rule can alert on it. */
const breakerLevels = { closed: 0, halfOpen: 1, open: 2 } as const

function exposeConnections(lines: string[], { open, unserved }: ReturnType<Gauges['connections']>): void {
  describe(lines, 'portcullis_connections', 'gauge', 'Open connections of clients.')
  lines.push(`portcullis_connections ${open}`)
  describe(
    lines,
    'portcullis_connections_unserved_total',
    'counter',
    'Connections that ended without a request, by the bound they broke.',
  )
  for (const [reason, times] of unserved)
    lines.push(`portcullis_connections_unserved_total{reason="${reason}"} ${times}`)
}

function exposeUpstreams(lines: string[], upstreams: ReturnType<Gauges['upstreams']>): void {
  const gauge = (name: string, help: string, value: (one: (typeof upstreams)[number]) => number) => {
    describe(lines, name, 'gauge', help)
    for (const one of upstreams) lines.push(`${name}{upstream="${escapeLabel(one.upstream)}"} ${value(one)}`)
  }
  gauge(
    'portcullis_upstream_breaker',
    'Breaker of an upstream: 0 closed, 1 half-open, 2 open.',
    ({ breaker }) => breakerLevels[breaker],
  )
  gauge('portcullis_upstream_active_requests', 'Requests under way at an upstream.', ({ running }) => running)
  gauge('portcullis_upstream_queued_requests', 'Requests waiting for an upstream.', ({ queued }) => queued)
}

function exposeHistogram(lines: string[], labels: string, counts: Float64Array, sum: number): void {
  let cumulative = 0
  for (const [index, bound] of bounds.entries()) {
    cumulative += counts[index] as number
    lines.push(`http_server_request_duration_seconds_bucket{${labels},le="${bound}"} ${cumulative}`)
  }
  cumulative += counts[bounds.length] as number
  lines.push(`http_server_request_duration_seconds_bucket{${labels},le="+Inf"} ${cumulative}`)
  lines.push(`http_server_request_duration_seconds_sum{${labels}} ${sum}`)
  lines.push(`http_server_request_duration_seconds_count{${labels}} ${cumulative}`)
}

const knownMethods: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
  'TRACE',
  'CONNECT',
  'QUERY',
])

function methodLabel(method: string): string {
  return knownMethods.has(method) ? method : '_OTHER'
}

function describe(lines: string[], name: string, type: string, help: string): void {
  lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`)
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}
