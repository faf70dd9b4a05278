import { Agent as HttpAgent, request as httpRequest } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { codeOfError, OwnError } from '../../base/code-of-error.ts'

/** Where telemetry goes: an OpenTelemetry collector, or whatever speaks its protocol. */
export interface OtlpTarget {
  /** Base URL without a slash at its end. */
  readonly endpoint: string
  /** Secrets, as a rule. */
  readonly headers: { readonly [name: string]: string }
}

export type Signal = 'traces' | 'metrics' | 'logs'

export type Sent =
  /** `rejected`: items the collector did not take, though it took the rest. */
  | { readonly kind: 'taken'; readonly rejected: number; readonly detail: string }
  /** Worth another try, after so long when the collector said so. */
  | { readonly kind: 'later'; readonly afterMs: number | null; readonly detail: string }
  | { readonly kind: 'refused'; readonly detail: string }

const timeoutMs = 10_000
const maxAnswer = 65_536
/** OTLP 1.x, OTLP/HTTP response, failures: only these are worth another try. */
const retryable: ReadonlySet<number> = new Set([429, 502, 503, 504])

/** One for each signal, so that none waits for another. */
const maxSockets = 3
const agents = {
  http: new HttpAgent({ keepAlive: true, maxSockets }),
  https: new HttpsAgent({ keepAlive: true, maxSockets }),
}

/**
 * Sends one export request, and follows no redirect: that would take the headers elsewhere. Never rejects.
 * @param body `ExportTraceServiceRequest`, `ExportMetricsServiceRequest` or `ExportLogsServiceRequest` in the protocol's JSON
 * @see OpenTelemetry Protocol 1.x, OTLP/HTTP: JSON Protobuf encoding, responses, retries
 */
export async function send(
  target: OtlpTarget,
  signal: Signal,
  body: string | Buffer,
  withinMs = timeoutMs,
): Promise<Sent> {
  try {
    const { status, retryAfter, text } = await post(target, signal, Buffer.from(body), withinMs)
    if (status >= 200 && status < 300) return taken(text)
    const detail = `the collector answered ${status}`
    if (!retryable.has(status)) return { kind: 'refused', detail }
    return { kind: 'later', afterMs: retryAfterMs(retryAfter), detail }
  } catch (error) {
    return { kind: 'later', afterMs: null, detail: `no answer of the collector: ${codeOfError(error)}` }
  }
}

/** Resolves after it, or after so long. */
export async function settledWithin(ms: number, sending: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  await Promise.race([
    sending,
    new Promise((resolve) => {
      timer = setTimeout(resolve, ms)
    }),
  ])
  clearTimeout(timer)
}

const outOfTime = Object.assign(new Error('no answer in time'), { code: 'ABORT_ERR' })

interface CollectorAnswer {
  readonly status: number
  readonly retryAfter: string | null
  readonly text: string
}

/** Not `fetch`, which takes several times the CPU for a body of this size. */
function post(target: OtlpTarget, signal: Signal, body: Buffer, withinMs: number): Promise<CollectorAnswer> {
  const secure = target.endpoint.startsWith('https:')
  const outOfPatience = AbortSignal.timeout(Math.min(withinMs, timeoutMs))
  return new Promise((resolve, reject) => {
    // A request that waits for a socket does not hear of it before it has one.
    outOfPatience.addEventListener('abort', () => reject(outOfTime))
    const request = (secure ? httpsRequest : httpRequest)(`${target.endpoint}/v1/${signal}`, {
      method: 'POST',
      agent: secure ? agents.https : agents.http,
      signal: outOfPatience,
      headers: {
        'user-agent': 'portcullis',
        ...target.headers,
        'content-type': 'application/json',
        'content-length': body.length,
      },
    })
    request.on('error', reject).on('response', (response) => {
      let text = ''
      response
        .setEncoding('utf8')
        .on('data', (piece: string) => {
          text += piece
          if (text.length > maxAnswer) response.destroy(new OwnError('the answer is too long'))
        })
        .on('error', reject)
        .on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            retryAfter: response.headers['retry-after'] ?? null,
            text,
          }),
        )
    })
    request.end(body)
  })
}

/** A collector says in the answer what it did not take (partial success). */
function taken(text: string): Sent {
  try {
    const { partialSuccess } = JSON.parse(text) as { readonly partialSuccess?: PartialSuccess }
    const { rejectedSpans, rejectedDataPoints, rejectedLogRecords } = partialSuccess ?? {}
    const rejected = Number(rejectedSpans ?? rejectedDataPoints ?? rejectedLogRecords ?? 0)
    // Why is the collector's to log: its words may repeat what it was sent.
    const detail = `the collector rejected ${rejected}`
    return { kind: 'taken', rejected: Number.isSafeInteger(rejected) ? Math.max(0, rejected) : 0, detail }
  } catch {
    return { kind: 'taken', rejected: 0, detail: '' }
  }
}

interface PartialSuccess {
  readonly rejectedSpans?: string | number
  readonly rejectedDataPoints?: string | number
  readonly rejectedLogRecords?: string | number
}

/** RFC 9110 10.2.3: seconds; a date is not looked at. */
function retryAfterMs(field: string | null): number | null {
  return field !== null && /^\d{1,6}$/.test(field) ? Number(field) * 1000 : null
}
