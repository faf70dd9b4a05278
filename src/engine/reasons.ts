/**
 * Every reason a request can be denied for: one row, one meaning, for ever. The client sees `status`, `title`
 * and the problem type, `urn:portcullis:problem:<reason>` where no registered one says the same; `docs/reasons.md` is generated from this table and a test holds both
 * together. A retired reason is never used again.
 *
 * @see RFC 9457 (problem documents), RFC 9110 15 (status codes)
 */
export const reasons = {
  malformed_request: {
    status: 400,
    title: 'Malformed request',
    meaning: 'The message is not valid HTTP, or repeats a header field that may stand only once.',
  },
  path_ambiguous: {
    status: 400,
    title: 'Ambiguous path',
    meaning: 'The path could be read in two ways: dot or empty segments, encoded delimiters, a backslash.',
  },
  route_unknown: { status: 404, title: 'Not found', meaning: 'No operation of the contract has this path.' },
  method_not_allowed: {
    status: 405,
    title: 'Method not allowed',
    meaning: 'The contract has this path, but not with this method.',
  },
  credential_missing: {
    status: 401,
    title: 'Authentication required',
    meaning: 'The operation demands a credential and none came.',
  },
  credential_invalid: {
    status: 401,
    title: 'Invalid credential',
    meaning: 'A credential came and did not pass; which part was wrong is not told.',
  },
  proof_required: {
    status: 401,
    title: 'Proof required',
    meaning:
      'The token is, or must be, bound to a key, and its sender has not shown to hold that key; or a DPoP nonce is wanted.',
  },
  step_up_required: {
    status: 401,
    title: 'Step-up required',
    meaning: 'The operation demands that the user authenticates better, or again (RFC 9470).',
  },
  credential_ambiguous: {
    status: 400,
    title: 'Ambiguous credentials',
    meaning: 'More than one credential of one scheme came.',
  },
  scope_missing: {
    status: 403,
    title: 'Insufficient scope',
    meaning: 'The credential is good, but lacks a scope the operation demands.',
  },
  not_authorized: {
    status: 403,
    title: 'Not authorized',
    meaning: 'An object-level rule of the contract does not hold for this caller.',
  },
  cross_site: {
    status: 403,
    title: 'Cross-site request',
    meaning:
      "A browser session, password, certificate or key in a cookie came with a request that another site's page may have caused (Fetch Metadata, Origin).",
  },
  quota_exceeded: {
    status: 429,
    type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
    title: 'Quota exceeded',
    meaning: 'A limit has no token left for this request, or as many as may be of its key are in flight.',
  },
  parameter_invalid: {
    status: 400,
    title: 'Invalid parameters',
    meaning: 'A path, query, header or cookie parameter breaks the contract or is unknown to it.',
  },
  body_invalid: {
    status: 400,
    title: 'Invalid body',
    meaning: 'The body breaks its schema, or is not sound JSON.',
  },
  body_unexpected: {
    status: 400,
    title: 'Unexpected body',
    meaning: 'A body came with an operation that declares none.',
  },
  media_type_unsupported: {
    status: 415,
    title: 'Unsupported media type',
    meaning: 'The contract does not declare this media type or content coding for the body.',
  },
  body_too_large: {
    status: 413,
    title: 'Body too large',
    meaning: 'The body exceeds the limit of the operation.',
  },
  header_too_large: {
    status: 431,
    title: 'Header fields too large',
    meaning: 'The head of the request exceeds the limit of the gateway.',
  },
  uri_too_long: {
    status: 414,
    title: 'URI too long',
    meaning: 'The request target exceeds the limit of the gateway.',
  },
  request_timeout: { status: 408, title: 'Request timeout', meaning: 'Head or body did not arrive in time.' },
  misdirected_request: {
    status: 421,
    title: 'Misdirected request',
    meaning: 'The Host is not one this gateway answers for.',
  },
  overloaded: {
    status: 503,
    title: 'Overloaded',
    meaning:
      'There is more to do than can be done in time, or than there is room to count, or the upstream fails and is left alone for a while; the request was not forwarded.',
  },
  verifier_unavailable: {
    status: 503,
    title: 'Temporarily unavailable',
    meaning: 'The keys needed to judge the credential could not be had; it was neither accepted nor refused.',
  },
  limiter_unavailable: {
    status: 503,
    title: 'Temporarily unavailable',
    meaning:
      'The store of a limit does not answer, and the limit says that nobody passes without it (`onStoreFault: deny`).',
  },
  trail_unavailable: {
    status: 503,
    title: 'Temporarily unavailable',
    meaning: 'The audit trail could not be written; the request was not forwarded.',
  },
  upstream_unreachable: {
    status: 502,
    title: 'Bad gateway',
    meaning: 'The upstream refused the connection or broke it before answering.',
  },
  upstream_timeout: {
    status: 504,
    title: 'Gateway timeout',
    meaning: 'The upstream did not answer in time.',
  },
  response_invalid: {
    status: 502,
    title: 'Bad gateway',
    meaning:
      'The upstream answered with something that is not valid HTTP, or that its contract does not allow.',
  },
  address_denied: {
    status: 403,
    title: 'Address not allowed',
    meaning: 'The address lists of the gateway, the contract or the operation do not let this client in.',
  },
  upgrade_refused: {
    status: 400,
    title: 'Upgrade refused',
    meaning: 'Protocol upgrades (WebSocket) are not served.',
  },
  expectation_failed: {
    status: 417,
    title: 'Expectation failed',
    meaning: 'The Expect header holds something other than 100-continue.',
  },
  internal: {
    status: 500,
    title: 'Internal error',
    meaning: 'A defect of the gateway; the request was not forwarded.',
  },
} as const satisfies { readonly [reason: string]: ReasonRow }

export interface ReasonRow {
  readonly status: number
  /** A problem type of the IANA registry that says the same; absent where there is none. */
  readonly type?: string
  /** What the client reads. */
  readonly title: string
  /** What the docs say. */
  readonly meaning: string
}

export type Reason = keyof typeof reasons
