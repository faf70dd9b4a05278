import type { Ending } from '../../engine/record/ending.ts'
import type { OperationPlan } from '../../program/program.ts'
import { knownMethods } from '../known-methods.ts'
import { attribute, nanosText } from '../otlp/encode.ts'
import type { StageTimes } from './stage-times.ts'

const serverSpan = 2
const statusError = 2
/** `SpanFlags`: whether the parent is remote is known; it is. */
const parentIsRemote = 0x300
const parentIsKnown = 0x100

/**
 * One request as a span of the server, with the stages as events. Built from typed fields alone: no header, query, path
 * or body of a client or an upstream is in it, and neither is the caller's name.
 * @see OpenTelemetry semantic conventions for HTTP spans; OpenTelemetry Protocol, `Span`
 */
export function spanText(
  { journal, denial, status, durationMs }: Ending,
  times: StageTimes | null,
  endedMs: number,
): string {
  const { operation, parentSpanId, traceState, traceSampled } = journal
  const startedMs = times ? times.startedMs : endedMs - durationMs
  const method = knownMethods.has(journal.method) ? journal.method : '_OTHER'
  const flags = (parentSpanId === null ? parentIsKnown : parentIsRemote) | Number(traceSampled)
  let text = `{"traceId":"${journal.traceId}","spanId":"${journal.spanId}"`
  if (parentSpanId !== null) text += `,"parentSpanId":"${parentSpanId}"`
  if (traceState !== null) text += `,"traceState":${JSON.stringify(traceState)}`
  text += `,"flags":${flags},"kind":${serverSpan},"startTimeUnixNano":${nanosText(startedMs)},"endTimeUnixNano":${nanosText(startedMs + durationMs)}`
  text += operation
    ? operationText(operation, method)
    : `,"name":"${spanName(method)}","attributes":[${attribute('http.request.method', method)}`
  if (status !== null) text += `,{"key":"http.response.status_code","value":{"intValue":"${status}"}}`
  if (times) text += `,{"key":"url.scheme","value":{"stringValue":"${times.encrypted ? 'https' : 'http'}"}}`
  text += `,${attribute('client.address', journal.clientAddress)},${attribute('portcullis.request_id', journal.requestId)}`
  if (denial)
    text += `,{"key":"portcullis.stage","value":{"stringValue":"${denial.stage}"}},{"key":"portcullis.reason","value":{"stringValue":"${denial.reason}"}}`
  const failed = status === null || status >= 500
  if (failed)
    text += `,{"key":"error.type","value":{"stringValue":"${denial?.reason ?? status ?? 'client_gone'}"}}`
  text += ']'
  if (times && traceSampled) text += `,"events":[${times.eventsText()}]`
  return failed ? `${text},"status":{"code":${statusError}}}` : `${text}}`
}

const operationTexts = new WeakMap<OperationPlan, Map<string, string>>()

/** Name and first attributes: the same for every request of an operation, so they are written once. */
function operationText(operation: OperationPlan, method: string): string {
  let byMethod = operationTexts.get(operation)
  if (!byMethod) {
    byMethod = new Map()
    operationTexts.set(operation, byMethod)
  }
  const known = byMethod.get(method)
  if (known !== undefined) return known
  const name = JSON.stringify(`${spanName(method)} ${operation.route}`)
  const written = `,"name":${name},"attributes":[${attribute('http.request.method', method)},${attribute('http.route', operation.route)},${attribute('portcullis.operation', operation.id)}`
  byMethod.set(method, written)
  return written
}

/** Semantic conventions for HTTP spans, Name: an unknown method is not in it. */
function spanName(method: string): string {
  return method === '_OTHER' ? 'HTTP' : method
}
