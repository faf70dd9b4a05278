export type Severity = 'info' | 'warn' | 'error'

export interface EventRow {
  readonly severity: Severity
  readonly meaning: string
}

/** Every event of the log. `docs/logs.md` and the code that tells of them are held to this table by tests. */
export const events = {
  request: { severity: 'info', meaning: 'A request passed, or was answered by the gateway itself.' },
  denied: { severity: 'warn', meaning: 'A request was denied; `stage` and `reason` say where and why.' },
  listening: { severity: 'info', meaning: 'The listeners are open.' },
  ready: { severity: 'info', meaning: 'Traffic may come.' },
  reload: { severity: 'info', meaning: 'A new program is in force.' },
  reload_failed: { severity: 'error', meaning: 'The program in force stays; `problems` says why.' },
  stopping: { severity: 'info', meaning: 'A stop was asked for.' },
  stopped: { severity: 'info', meaning: 'The last line.' },
  key_set_loaded: { severity: 'info', meaning: 'The keys of an issuer came for the first time.' },
  key_rotated: { severity: 'info', meaning: 'The keys of an issuer are others than before.' },
  key_set_failed: { severity: 'warn', meaning: 'The keys of an issuer could not be fetched.' },
  ledger_read: { severity: 'info', meaning: 'API keys and revocations were read, or changed.' },
  ledger_unavailable: { severity: 'error', meaning: 'They could not be read.' },
  api_key_created: { severity: 'info', meaning: 'An API key is new in the ledger.' },
  api_key_changed: { severity: 'info', meaning: 'Something else about an API key was changed there.' },
  api_key_rotated: { severity: 'info', meaning: 'An API key has a `successor`, and ends.' },
  api_key_revoked: { severity: 'info', meaning: 'An API key was revoked.' },
  tokens_revoked: {
    severity: 'info',
    meaning:
      'Tokens of an issuer are no longer believed; `revocation` is the id that `portcullis tokens` knows.',
  },
  tokens_restored: { severity: 'info', meaning: 'They are believed again.' },
  forwarding_ignored: {
    severity: 'warn',
    meaning:
      'A peer that is no trusted proxy sent forwarding fields, or a trusted one `Forwarded` without `X-Forwarded-For`; said once.',
  },
  connections_missed: { severity: 'error', meaning: 'Connections could not be taken.' },
  worker_died: {
    severity: 'error',
    meaning: 'A worker thread ended by itself, or was ended because it did not answer.',
  },
  worker_replaced: { severity: 'info', meaning: 'Another has its place.' },
  worker_failed: { severity: 'error', meaning: 'Another could not be started.' },
  store_lost: {
    severity: 'warn',
    meaning: 'The store of shared limits does not answer; limits go on as `onStoreFault` says.',
  },
  store_back: { severity: 'info', meaning: 'It answers again.' },
  quotas_lost: {
    severity: 'warn',
    meaning: 'What was saved of long quotas cannot be used; their buckets start full.',
  },
  quotas_unsaved: { severity: 'warn', meaning: 'Long quotas cannot be saved; they go on in memory.' },
  quotas_saved: { severity: 'info', meaning: 'They are saved again.' },
  quotas_contended: {
    severity: 'warn',
    meaning: 'Another gateway saves its long quotas in the same folder; said once.',
  },
  breaker_opened: { severity: 'warn', meaning: 'An upstream fails and is left alone for a while.' },
  breaker_closed: { severity: 'info', meaning: 'It answers again, and gets all requests.' },
  trail_checkpoint: {
    severity: 'info',
    meaning: 'A signed checkpoint of the audit trail, to be kept elsewhere.',
  },
  trail_unavailable: { severity: 'error', meaning: 'The audit trail cannot be written.' },
  trail_available: {
    severity: 'info',
    meaning: 'It can be written again; `lost` says how much of what happened is not on it.',
  },
  trail_pruned: { severity: 'info', meaning: 'Entries that were old enough went from the trail.' },
  trail_writer_died: {
    severity: 'error',
    meaning: 'The thread that writes the audit trail ended by itself; another follows.',
  },
  trail_writer_replaced: { severity: 'info', meaning: 'Another has taken up its chain.' },
  log_dropped: {
    severity: 'warn',
    meaning: 'So many lines of passed `requests`, and of denials and other `events`, were let go unread.',
  },
  log_records_dropped: {
    severity: 'warn',
    meaning: 'So many records of passed `requests`, and of denials and other `events`, no collector took.',
  },
  log_file_failed: {
    severity: 'error',
    meaning: 'The file of the log could not be written from then on, or not be rotated.',
  },
  log_file_resumed: { severity: 'info', meaning: 'It can be written again, `after_ms`.' },
  telemetry_failed: { severity: 'warn', meaning: 'A collector takes nothing.' },
  telemetry_resumed: { severity: 'info', meaning: 'It takes it again.' },
  defect: {
    severity: 'error',
    meaning: 'A defect of the gateway; the request it met was answered 500, or its connection ended.',
  },
} as const satisfies { readonly [event: string]: EventRow }

/** Fields of events other than requests. What is not among them is not written. */
export const eventFields = [
  'detail',
  'request_id',
  'client.address',
  'issuer',
  'keys',
  'revocations',
  'https',
  'http',
  'admin',
  'digest',
  'operations',
  'problems',
  'in_flight',
  'worker',
  'workers',
  'times',
  'signal',
  'upstream',
  'gateways',
  'after_ms',
  'chain',
  'chains',
  'entries',
  'lost',
  'sequence',
  'time_ms',
  'previous',
  'content',
  'key_id',
  'successor',
  'revocation',
  'kind',
  'signature',
  'command',
  'os_user',
  'sudo_user',
  'host',
  'requests',
  'events',
] as const

const rows: { readonly [event: string]: EventRow } = events
const allowed: ReadonlySet<string> = new Set(eventFields)

/** An event without a row is grave until somebody gives it one. */
export function severityOf(event: string): Severity {
  return Object.hasOwn(rows, event) ? (rows[event] as EventRow).severity : 'error'
}

/** The fields of an event that may be written; names of others are told, without what they hold. */
export function allowedFields(fields: { readonly [name: string]: unknown }): {
  readonly [name: string]: unknown
} {
  const names = Object.keys(fields)
  if (names.every((name) => allowed.has(name))) return fields
  const known = names.filter((name) => allowed.has(name)).map((name) => [name, fields[name]])
  const unlisted = names.filter((name) => !allowed.has(name)).sort()
  return { ...Object.fromEntries(known), unlisted: unlisted.join(' ') }
}
