import type { OperationPlan, UpstreamPlan } from '../../program/program.ts'

/**
 * Request fields that pass without being declared as parameters: content, negotiation, conditions, ranges and
 * tracing. All others must stand in the contract. In particular no field that frameworks take for a method,
 * a path, an address or an identity stands here (attacks B1, B3, B4, B9, C8).
 */
const undeclared = [
  'accept',
  'accept-charset',
  'accept-encoding',
  'accept-language',
  'cache-control',
  'content-encoding',
  'content-language',
  'content-type',
  'date',
  'from',
  'idempotency-key',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'origin',
  'pragma',
  'prefer',
  'priority',
  'range',
  'referer',
  'sec-fetch-dest',
  'sec-fetch-mode',
  'sec-fetch-site',
  'user-agent',
  'x-requested-with',
] as const

/** Fields that are never the client's to set, declared or not: the gateway writes them or they steer routing. */
const gatewayOwned: ReadonlySet<string> = new Set([
  'host',
  'content-length',
  'cookie',
  'authorization',
  'expect',
  'forwarded',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-forwarded-port',
  'x-forwarded-prefix',
  'x-forwarded-uri',
  'x-forwarded-client-cert',
  'x-real-ip',
  'x-original-url',
  'x-original-uri',
  'x-rewrite-url',
  'x-http-method-override',
  'x-http-method',
  'x-method-override',
  'client-cert',
  'client-cert-chain',
  'ssl-client-cert',
  'ssl-client-verify',
  'ssl-client-subject-dn',
  'x-request-id',
  'traceparent',
  // W3C Trace Context 3.3: it goes with its traceparent; one that is not believed takes it along.
  'tracestate',
])

/** Fields that ask for less than the whole answer, or for an encoded one. */
const partial = ['range', 'if-range', 'accept-encoding']

/** Lower-case names of the client's fields that reach the upstream of an operation. */
export function forwardableFields(
  operation: OperationPlan,
  upstream: UpstreamPlan,
  credentials: ReadonlySet<string>,
  wholeAnswers: boolean,
): ReadonlySet<string> {
  const declared = operation.parameters.filter(({ in: place }) => place === 'header')
  const names = new Set([...undeclared, ...declared.map(({ name }) => name.toLowerCase())])
  for (const name of [...gatewayOwned, ...credentials]) names.delete(name)
  // A part, or an encoded answer, could not be judged; a server may ignore what does not reach it (RFC 9110 14.2).
  if (wholeAnswers) for (const name of partial) names.delete(name)
  // ATTACK: B1, B2. Fields with an underscore are not among what is copied; other spellings are only case.
  for (const name of Object.keys(upstream.identityHeaders)) names.delete(name.toLowerCase())
  return names
}
