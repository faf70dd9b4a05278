/** Where telemetry goes: an OpenTelemetry collector, or whatever speaks its protocol. */
export interface OtlpTarget {
  /** Base URL without a slash at its end. */
  readonly endpoint: string
  /** Secrets, as a rule. */
  readonly headers: { readonly [name: string]: string }
}

export type Sent =
  /** `rejected`: items the collector did not take, though it took the rest. */
  | { readonly kind: 'taken'; readonly rejected: number; readonly detail: string }
  /** Worth another try, after so long when the collector said so. */
  | { readonly kind: 'later'; readonly afterMs: number | null; readonly detail: string }
  | { readonly kind: 'refused'; readonly detail: string }

const timeoutMs = 10_000
const maxDetail = 200
/** OTLP 1.x, OTLP/HTTP response, failures: only these are worth another try. */
const retryable: ReadonlySet<number> = new Set([429, 502, 503, 504])

/**
 * Sends one export request. Never rejects.
 * @param body `ExportTraceServiceRequest` or `ExportMetricsServiceRequest` in the protocol's JSON
 * @see OpenTelemetry Protocol 1.x, OTLP/HTTP: JSON Protobuf encoding, responses, retries
 */
export async function send(target: OtlpTarget, signal: 'traces' | 'metrics', body: string): Promise<Sent> {
  try {
    const answer = await fetch(`${target.endpoint}/v1/${signal}`, {
      method: 'POST',
      headers: { 'user-agent': 'portcullis', ...target.headers, 'content-type': 'application/json' },
      body,
      // A redirect would take the headers elsewhere.
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
    })
    const text = await answer.text()
    if (answer.ok) return taken(text)
    const detail = `the collector answered ${answer.status}`
    if (!retryable.has(answer.status)) return { kind: 'refused', detail }
    return { kind: 'later', afterMs: retryAfterMs(answer.headers.get('retry-after')), detail }
  } catch (error) {
    return { kind: 'later', afterMs: null, detail: reasonOf(error) }
  }
}

/** A collector says in the answer what it did not take (partial success). */
function taken(text: string): Sent {
  try {
    const { partialSuccess } = JSON.parse(text) as { readonly partialSuccess?: PartialSuccess }
    const rejected = Number(partialSuccess?.rejectedSpans ?? partialSuccess?.rejectedDataPoints ?? 0)
    const detail = `the collector rejected ${rejected}: ${String(partialSuccess?.errorMessage ?? '').slice(0, maxDetail)}`
    return { kind: 'taken', rejected: Number.isFinite(rejected) ? rejected : 0, detail }
  } catch {
    return { kind: 'taken', rejected: 0, detail: '' }
  }
}

interface PartialSuccess {
  readonly rejectedSpans?: string | number
  readonly rejectedDataPoints?: string | number
  readonly errorMessage?: string
}

/** RFC 9110 10.2.3: seconds; a date is not looked at. */
function retryAfterMs(field: string | null): number | null {
  return field !== null && /^\d{1,6}$/.test(field) ? Number(field) * 1000 : null
}

function reasonOf(error: unknown): string {
  const { message, cause } = error as Error
  const code = (cause as NodeJS.ErrnoException | undefined)?.code
  return `the collector cannot be reached: ${code ?? message}`.slice(0, maxDetail)
}
