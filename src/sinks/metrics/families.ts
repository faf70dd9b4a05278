import { runtimeFamilies } from './runtime-families.ts'

/** One metric: what `/metrics` and OTLP call it, and how its series of several threads become one. */
export interface Family {
  /** Prometheus spelling of `otlp`. */
  readonly name: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  readonly labels: readonly string[]
  /** Name and unit (UCUM) by OpenTelemetry's conventions. */
  readonly otlp: { readonly name: string; readonly unit: string }
  /** Upper bounds of a histogram's buckets; the last one, without a bound, is not among them. */
  readonly bounds?: readonly number[]
  /** `max`: the same fact is told by every thread. */
  readonly merge?: 'sum' | 'max'
}

/** Bounds in seconds, as OpenTelemetry advises for `http.server.request.duration`. */
const durationBounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const sizeBounds = [128, 512, 2048, 8192, 32_768, 131_072, 524_288, 2_097_152, 8_388_608]

/**
 * Every metric there is. Labels hold what the contract, the configuration and tables of ours say, never what a client
 * sends, so that their number is bounded (attack G4). The dashboard, the alert rules and `docs/metrics.md` are held to
 * this table by tests.
 * @see OpenTelemetry semantic conventions: HTTP metrics, Node.js and V8 runtime metrics
 */
export const families = {
  requestDuration: {
    name: 'http_server_request_duration_seconds',
    type: 'histogram',
    help: 'Duration of requests, denied ones included.',
    labels: ['operation', 'http_request_method', 'http_response_status_code'],
    otlp: { name: 'http.server.request.duration', unit: 's' },
    bounds: durationBounds,
  },
  responseBodySize: {
    name: 'http_server_response_body_size_bytes',
    type: 'histogram',
    help: 'Size of the bodies of answers.',
    labels: ['operation'],
    otlp: { name: 'http.server.response.body.size', unit: 'By' },
    bounds: sizeBounds,
  },
  activeRequests: {
    name: 'http_server_active_requests',
    type: 'gauge',
    help: 'Requests in flight.',
    labels: [],
    otlp: { name: 'http.server.active_requests', unit: '{request}' },
  },
  connections: {
    name: 'portcullis_connections',
    type: 'gauge',
    help: 'Open connections of clients.',
    labels: [],
    otlp: { name: 'portcullis.connections', unit: '{connection}' },
  },
  operationInfo: {
    name: 'portcullis_operation_info',
    type: 'gauge',
    help: 'The route of an operation that was called.',
    labels: ['operation', 'http_route'],
    otlp: { name: 'portcullis.operation.info', unit: '1' },
    merge: 'max',
  },
  decisions: {
    name: 'portcullis_decisions_total',
    type: 'counter',
    help: 'Decisions by operation, stage and reason.',
    labels: ['operation', 'stage', 'reason'],
    otlp: { name: 'portcullis.decisions', unit: '{decision}' },
  },
  limitDenials: {
    name: 'portcullis_limit_denials_total',
    type: 'counter',
    help: 'Denials by the limit that was spent.',
    labels: ['limit'],
    otlp: { name: 'portcullis.limit.denials', unit: '{denial}' },
  },
  limitFallbacks: {
    name: 'portcullis_limit_fallbacks_total',
    type: 'counter',
    help: 'Requests counted by their address, because an expression named no key.',
    labels: ['operation'],
    otlp: { name: 'portcullis.limit.fallbacks', unit: '{request}' },
  },
  forwardingIgnored: {
    name: 'portcullis_forwarding_ignored_total',
    type: 'counter',
    help: 'Requests whose forwarding fields were ignored: from no trusted proxy, or `Forwarded` alone.',
    labels: [],
    otlp: { name: 'portcullis.forwarding.ignored', unit: '{request}' },
  },
  limitBuckets: {
    name: 'portcullis_limit_buckets',
    type: 'gauge',
    help: 'Token buckets in memory.',
    labels: [],
    otlp: { name: 'portcullis.limit.buckets', unit: '{bucket}' },
  },
  limitPlaces: {
    name: 'portcullis_limit_places',
    type: 'gauge',
    help: 'Places held by requests in flight under caps.',
    labels: [],
    otlp: { name: 'portcullis.limit.places', unit: '{request}' },
  },
  limitOverflow: {
    name: 'portcullis_limit_overflow_total',
    type: 'counter',
    help: 'Takes from a shared overflow bucket.',
    labels: [],
    otlp: { name: 'portcullis.limit.overflow', unit: '{take}' },
  },
  limitQuotasSaved: {
    name: 'portcullis_limit_quotas_saved',
    type: 'gauge',
    help: 'Whether long quotas could be saved when it was last tried.',
    labels: [],
    otlp: { name: 'portcullis.limit.quotas.saved', unit: '1' },
  },
  upstreamConnections: {
    name: 'portcullis_upstream_connections',
    type: 'gauge',
    help: 'Connections to an upstream, by what they do.',
    labels: ['upstream', 'state'],
    otlp: { name: 'portcullis.upstream.connections', unit: '{connection}' },
  },
  upstreamRequests: {
    name: 'portcullis_upstream_requests',
    type: 'gauge',
    help: 'Requests to an upstream that run, or wait for a connection.',
    labels: ['upstream', 'state'],
    otlp: { name: 'portcullis.upstream.requests', unit: '{request}' },
  },
  issuerReady: {
    name: 'portcullis_issuer_ready',
    type: 'gauge',
    help: 'Whether the keys of an issuer are at hand.',
    labels: ['issuer'],
    otlp: { name: 'portcullis.issuer.ready', unit: '1' },
  },
  issuerKeys: {
    name: 'portcullis_issuer_keys',
    type: 'gauge',
    help: 'Usable keys of an issuer.',
    labels: ['issuer'],
    otlp: { name: 'portcullis.issuer.keys', unit: '{key}' },
  },
  issuerKeySetAge: {
    name: 'portcullis_issuer_key_set_age_seconds',
    type: 'gauge',
    help: 'Time since the keys of an issuer were fetched.',
    labels: ['issuer'],
    otlp: { name: 'portcullis.issuer.key_set.age', unit: 's' },
  },
  issuerFetchSuccess: {
    name: 'portcullis_issuer_last_fetch_successful',
    type: 'gauge',
    help: 'Whether the last attempt to fetch the keys of an issuer succeeded.',
    labels: ['issuer'],
    otlp: { name: 'portcullis.issuer.last_fetch_successful', unit: '1' },
  },
  certificateExpiry: {
    name: 'portcullis_certificate_expiry_timestamp_seconds',
    type: 'gauge',
    help: 'When the first certificate of a file expires.',
    labels: ['use', 'name'],
    otlp: { name: 'portcullis.certificate.expiry', unit: 's' },
  },
  revocationListExpiry: {
    name: 'portcullis_revocation_list_expiry_timestamp_seconds',
    type: 'gauge',
    help: 'When a revocation list is too old to be believed.',
    labels: ['name'],
    otlp: { name: 'portcullis.revocation_list.expiry', unit: 's' },
  },
  ready: {
    name: 'portcullis_ready',
    type: 'gauge',
    help: 'Whether the gateway takes traffic.',
    labels: [],
    otlp: { name: 'portcullis.ready', unit: '1' },
  },
  programInfo: {
    name: 'portcullis_program_info',
    type: 'gauge',
    help: 'The program in force.',
    labels: ['digest'],
    otlp: { name: 'portcullis.program.info', unit: '1' },
  },
  reloads: {
    name: 'portcullis_reloads_total',
    type: 'counter',
    help: 'Reloads of the configuration by their result.',
    labels: ['result'],
    otlp: { name: 'portcullis.reloads', unit: '{reload}' },
  },
  lastReloadSuccessful: {
    name: 'portcullis_last_reload_successful',
    type: 'gauge',
    help: 'Whether the files on disk were in force after the last reload.',
    labels: [],
    otlp: { name: 'portcullis.last_reload_successful', unit: '1' },
  },
  lastReloadSuccess: {
    name: 'portcullis_last_reload_success_timestamp_seconds',
    type: 'gauge',
    help: 'When the program in force was loaded.',
    labels: [],
    otlp: { name: 'portcullis.last_reload_success', unit: 's' },
  },
  trailWritable: {
    name: 'portcullis_trail_writable',
    type: 'gauge',
    help: 'Whether the audit trail can be written.',
    labels: [],
    otlp: { name: 'portcullis.trail.writable', unit: '1' },
  },
  trailEntries: {
    name: 'portcullis_trail_entries_total',
    type: 'counter',
    help: 'Intents, outcomes and others that the audit trail has taken.',
    labels: [],
    otlp: { name: 'portcullis.trail.entries', unit: '{entry}' },
  },
  trailPending: {
    name: 'portcullis_trail_pending_entries',
    type: 'gauge',
    help: 'Outcomes and denials kept in memory until the audit trail can be written.',
    labels: [],
    otlp: { name: 'portcullis.trail.pending_entries', unit: '{entry}' },
  },
  trailRefused: {
    name: 'portcullis_trail_refused_intents_total',
    type: 'counter',
    help: 'Intents that could not be written: denied, or passed as onFault says.',
    labels: [],
    otlp: { name: 'portcullis.trail.refused_intents', unit: '{intent}' },
  },
  trailLost: {
    name: 'portcullis_trail_lost_entries_total',
    type: 'counter',
    help: 'Outcomes and denials that are not on the audit trail and never will be.',
    labels: [],
    otlp: { name: 'portcullis.trail.lost_entries', unit: '{entry}' },
  },
  trailCheckpoint: {
    name: 'portcullis_trail_last_checkpoint_timestamp_seconds',
    type: 'gauge',
    help: 'When the last checkpoint of the audit trail was signed.',
    labels: [],
    otlp: { name: 'portcullis.trail.last_checkpoint', unit: 's' },
  },
  trailRestarts: {
    name: 'portcullis_trail_writer_restarts_total',
    type: 'counter',
    help: 'Times that the thread that writes the audit trail was started anew.',
    labels: [],
    otlp: { name: 'portcullis.trail.writer_restarts', unit: '{restart}' },
  },
  logDropped: {
    name: 'portcullis_log_dropped_lines_total',
    type: 'counter',
    help: 'Lines of the log that were let go because nobody read them in time.',
    labels: ['class'],
    otlp: { name: 'portcullis.log.dropped_lines', unit: '{line}' },
  },
  logFileWritable: {
    name: 'portcullis_log_file_writable',
    type: 'gauge',
    help: 'Whether the file of the log can be written; absent where there is none.',
    labels: [],
    otlp: { name: 'portcullis.log.file_writable', unit: '1' },
  },
  logRecordsExported: {
    name: 'portcullis_log_records_exported_total',
    type: 'counter',
    help: 'Records of the log that a collector took.',
    labels: [],
    otlp: { name: 'portcullis.log_records.exported', unit: '{record}' },
  },
  logRecordsDropped: {
    name: 'portcullis_log_records_dropped_total',
    type: 'counter',
    help: 'Records of the log that found no room, or that no collector took.',
    labels: ['class'],
    otlp: { name: 'portcullis.log_records.dropped', unit: '{record}' },
  },
  spansExported: {
    name: 'portcullis_spans_exported_total',
    type: 'counter',
    help: 'Spans that a collector took.',
    labels: [],
    otlp: { name: 'portcullis.spans.exported', unit: '{span}' },
  },
  spansDropped: {
    name: 'portcullis_spans_dropped_total',
    type: 'counter',
    help: 'Spans that found no room, or that no collector took.',
    labels: [],
    otlp: { name: 'portcullis.spans.dropped', unit: '{span}' },
  },
  connectionsUnserved: {
    name: 'portcullis_connections_unserved_total',
    type: 'counter',
    help: 'Connections that ended without a request, by the bound they broke.',
    labels: ['reason'],
    otlp: { name: 'portcullis.connections.unserved', unit: '{connection}' },
  },
  upstreamBreaker: {
    name: 'portcullis_upstream_breaker',
    type: 'gauge',
    help: 'Breaker of an upstream: 0 closed, 1 half-open, 2 open; of the worker that is worst off.',
    labels: ['upstream'],
    otlp: { name: 'portcullis.upstream.breaker', unit: '1' },
    merge: 'max',
  },
  limitStoreUp: {
    name: 'portcullis_limit_store_up',
    type: 'gauge',
    help: 'Whether all workers reach the store of limits.',
    labels: [],
    otlp: { name: 'portcullis.limit.store.up', unit: '1' },
  },
  limitStoreGateways: {
    name: 'portcullis_limit_store_gateways',
    type: 'gauge',
    help: 'Gateways that share limits, as last known.',
    labels: [],
    otlp: { name: 'portcullis.limit.store.gateways', unit: '{gateway}' },
  },
  limitStoreTakes: {
    name: 'portcullis_limit_store_takes_total',
    type: 'counter',
    help: 'Takes of shared limits by what became of them.',
    labels: ['outcome'],
    otlp: { name: 'portcullis.limit.store.takes', unit: '{take}' },
  },
  limitStoreBorrows: {
    name: 'portcullis_limit_store_borrows_total',
    type: 'counter',
    help: 'Leases borrowed anew with nobody waiting.',
    labels: [],
    otlp: { name: 'portcullis.limit.store.borrows', unit: '{lease}' },
  },
  limitStoreFaults: {
    name: 'portcullis_limit_store_faults_total',
    type: 'counter',
    help: 'Draws decided without the store, by what onStoreFault says.',
    labels: ['mode'],
    otlp: { name: 'portcullis.limit.store.faults', unit: '{draw}' },
  },
  ...runtimeFamilies,
  cpuSeconds: {
    name: 'process_cpu_seconds_total',
    type: 'counter',
    help: 'CPU time, user and system.',
    labels: [],
    otlp: { name: 'process.cpu.time', unit: 's' },
  },
  residentMemory: {
    name: 'process_resident_memory_bytes',
    type: 'gauge',
    help: 'Resident memory.',
    labels: [],
    otlp: { name: 'process.memory.usage', unit: 'By' },
  },
  startTime: {
    name: 'process_start_time_seconds',
    type: 'gauge',
    help: 'When the process started.',
    labels: [],
    otlp: { name: 'portcullis.process.start_time', unit: 's' },
  },
} as const satisfies { readonly [id: string]: Family }

export type FamilyId = keyof typeof families

export const familyOf = (id: FamilyId): Family => families[id]

/** Cells of one series: a counter or gauge is one number, a histogram its buckets and their sum. */
export function cellsOf({ bounds }: Family): number {
  return bounds ? bounds.length + 2 : 1
}
