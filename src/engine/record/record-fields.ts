/** Where the facts about one request are written. */
export type Sink = 'log' | 'otlp' | 'metric' | 'trace' | 'trail' | 'problem'

export interface RecordField {
  /**
   * `word`: of a table of ours or of the contract; `id`: made here, or by a trusted proxy; `text`: said by a client or an
   * issuer, so it is bounded and escaped wherever it stands; `name`: of the contract or the configuration.
   */
  readonly type: 'word' | 'id' | 'text' | 'name' | 'number' | 'list'
  readonly meaning: string
  /** What each sink calls it; a sink that is not named never has it. */
  readonly in: { readonly [S in Sink]?: string }
}

/**
 * Every fact about a request that may be written down, and who may have it. What has no row has no place: headers, query,
 * cookies, bodies, tokens and claims are nowhere, and the path stands in the trail alone, by the parameters of the contract.
 * Lines are built from the names in this table; `docs/logs.md` and what the sinks write are held to it by tests.
 * @see OpenTelemetry semantic conventions: HTTP, client, user agent, enduser
 */
export const recordFields = {
  time: { type: 'word', meaning: 'When the line was made, UTC.', in: { log: 'time', otlp: 'timeUnixNano' } },
  severity: {
    type: 'word',
    meaning: '`info`, `warn` or `error`.',
    in: { log: 'severity', otlp: 'severityText' },
  },
  event: {
    type: 'word',
    meaning: '`request`, or `denied`.',
    in: { log: 'event', otlp: 'eventName', trail: 'kind' },
  },
  requestId: {
    type: 'id',
    meaning: 'The same in all records, and for the client.',
    in: {
      log: 'request_id',
      otlp: 'portcullis.request_id',
      trace: 'portcullis.request_id',
      trail: 'request_id',
      problem: 'instance',
    },
  },
  traceId: {
    type: 'id',
    meaning: 'W3C trace id, which the upstream knows too.',
    in: { log: 'trace_id', otlp: 'traceId', trace: 'traceId', trail: 'trace_id' },
  },
  spanId: { type: 'id', meaning: 'Span of the gateway.', in: { otlp: 'spanId', trace: 'spanId' } },
  traceFlags: {
    type: 'number',
    meaning: 'Whether the trace is sampled.',
    in: { otlp: 'flags', trace: 'flags' },
  },
  parentSpanId: { type: 'id', meaning: 'Span of a trusted proxy.', in: { trace: 'parentSpanId' } },
  traceState: { type: 'text', meaning: '`tracestate` of a trusted proxy.', in: { trace: 'traceState' } },
  method: {
    type: 'text',
    meaning: 'Method; `_OTHER` for an unknown one, but in log and trail.',
    in: {
      log: 'http.request.method',
      otlp: 'http.request.method',
      metric: 'http_request_method',
      trace: 'http.request.method',
      trail: 'method',
    },
  },
  methodOriginal: {
    type: 'text',
    meaning: 'What an unknown one was.',
    in: { otlp: 'http.request.method_original' },
  },
  status: {
    type: 'number',
    meaning: 'Status of the answer; null when the client went away before.',
    in: {
      log: 'http.response.status_code',
      otlp: 'http.response.status_code',
      metric: 'http_response_status_code',
      trace: 'http.response.status_code',
      trail: 'status',
      problem: 'status',
    },
  },
  address: {
    type: 'text',
    meaning: 'Address of the client, after the walk over trusted proxies.',
    in: { log: 'client.address', otlp: 'client.address', trace: 'client.address', trail: 'address' },
  },
  scheme: { type: 'word', meaning: '`http` or `https`.', in: { trace: 'url.scheme' } },
  operation: {
    type: 'name',
    meaning: 'Operation of the contract; absent when none fits.',
    in: {
      log: 'operation',
      otlp: 'portcullis.operation',
      metric: 'operation',
      trace: 'portcullis.operation',
      trail: 'operation',
    },
  },
  route: {
    type: 'name',
    meaning: 'Path template of the operation.',
    in: { log: 'http.route', otlp: 'http.route', metric: 'http_route', trace: 'http.route' },
  },
  object: {
    type: 'text',
    meaning: 'Path parameters by name, hashed where the contract says so.',
    in: { trail: 'object' },
  },
  userAgent: {
    type: 'text',
    meaning: '`User-Agent`.',
    in: { log: 'user_agent.original', otlp: 'user_agent.original' },
  },
  subject: {
    type: 'text',
    meaning: 'Who calls, as the credential that holds says.',
    in: { log: 'enduser.id', otlp: 'enduser.id', trail: 'subject' },
  },
  client: {
    type: 'text',
    meaning: 'OAuth client.',
    in: { log: 'client_id', otlp: 'portcullis.client_id', trail: 'client' },
  },
  issuer: {
    type: 'name',
    meaning: 'Issuer of the credential, one of the configuration.',
    in: { log: 'issuer', otlp: 'portcullis.issuer', trail: 'issuer' },
  },
  schemes: {
    type: 'name',
    meaning: 'Security schemes that hold.',
    in: { log: 'schemes', otlp: 'portcullis.schemes', trail: 'schemes' },
  },
  keyId: {
    type: 'text',
    meaning: '`kid` of a token, or id of an API key.',
    in: { log: 'key_id', otlp: 'portcullis.key_id', trail: 'key_id' },
  },
  tokenFingerprint: {
    type: 'id',
    meaning: 'Keyed hash of the access token, see below.',
    in: { log: 'token_fingerprint', otlp: 'portcullis.token_fingerprint' },
  },
  identities: {
    type: 'list',
    meaning: 'Who each scheme of a combination says it is: scheme, `enduser.id`, `issuer`, `key_id`.',
    in: { log: 'identities', otlp: 'portcullis.identities' },
  },
  stage: {
    type: 'word',
    meaning: 'Stage that denied.',
    in: {
      log: 'stage',
      otlp: 'portcullis.stage',
      metric: 'stage',
      trace: 'portcullis.stage',
      trail: 'stage',
    },
  },
  reason: {
    type: 'word',
    meaning: 'Why, a row of [reasons.md](reasons.md).',
    in: {
      log: 'reason',
      otlp: 'portcullis.reason',
      metric: 'reason',
      trace: 'portcullis.reason',
      trail: 'reason',
      problem: 'type',
    },
  },
  detail: {
    type: 'text',
    meaning: 'What was wrong, for the operator; never what stood there.',
    in: { log: 'detail', otlp: 'portcullis.detail' },
  },
  rule: {
    type: 'name',
    meaning: '`file:line` of the rule of the contract that did not hold.',
    in: { log: 'rule', otlp: 'portcullis.rule', trail: 'rule' },
  },
  limits: {
    type: 'name',
    meaning: 'Limits that were spent.',
    in: { log: 'limits', otlp: 'portcullis.limits', metric: 'limit', problem: 'violated-policies' },
  },
  title: { type: 'word', meaning: 'Title of the reason.', in: { problem: 'title' } },
  explanation: {
    type: 'word',
    meaning: 'Words of the gateway, where title and reason are not enough.',
    in: { problem: 'detail' },
  },
  faults: {
    type: 'list',
    meaning: "Faults of the client's own input: where, and what was expected.",
    in: { problem: 'errors' },
  },
  errorType: {
    type: 'word',
    meaning: 'The reason, the status, or `client_gone`.',
    in: { trace: 'error.type' },
  },
  reported: {
    type: 'word',
    meaning: 'Reasons for which it would have been denied (`validate: report`).',
    in: { log: 'reported', otlp: 'portcullis.reported' },
  },
  reportedDetail: {
    type: 'text',
    meaning: 'Details of them.',
    in: { log: 'reported_detail', otlp: 'portcullis.reported_detail' },
  },
  limitFallback: {
    type: 'text',
    meaning: 'Why the caller was counted by its address.',
    in: { log: 'limit_fallback', otlp: 'portcullis.limit_fallback' },
  },
  answerUnseen: {
    type: 'word',
    meaning: "Why the answer's content was not looked at.",
    in: { log: 'answer_unseen', otlp: 'portcullis.answer_unseen' },
  },
  answerStripped: {
    type: 'number',
    meaning: 'Members that were cut out of the answer.',
    in: { log: 'answer_stripped', otlp: 'portcullis.answer_stripped' },
  },
  sampleRate: {
    type: 'number',
    meaning:
      'Share of such lines that are written, where not all are: this one stands for 1/`sample_rate` of them.',
    in: { log: 'sample_rate', otlp: 'portcullis.sample_rate' },
  },
  responseBytes: {
    type: 'number',
    meaning: "Octets of the answer's body.",
    in: { log: 'http.response.body.size', otlp: 'http.response.body.size' },
  },
  durationMs: {
    type: 'number',
    meaning: 'Milliseconds.',
    in: { log: 'duration_ms', otlp: 'portcullis.duration_ms' },
  },
  programDigest: { type: 'id', meaning: 'Digest of the program.', in: { trail: 'program' } },
} as const satisfies { readonly [field: string]: RecordField }

type Fields = typeof recordFields

/** The facts that a sink may have. */
export type FieldOf<S extends Sink> = {
  [F in keyof Fields]: Fields[F]['in'] extends { readonly [N in S]: string } ? F : never
}[keyof Fields]

/** What a sink calls each fact it may have; there is no way to another. */
export function namesIn<S extends Sink>(sink: S): { readonly [F in FieldOf<S>]: string } {
  const rows: readonly [string, RecordField][] = Object.entries(recordFields)
  const named = rows.flatMap(([field, { in: names }]) => {
    const name = names[sink]
    return name === undefined ? [] : [[field, name]]
  })
  return Object.fromEntries(named) as { readonly [F in FieldOf<S>]: string }
}
