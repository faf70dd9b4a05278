import assert from 'node:assert/strict'
import { createServer, type IncomingMessage } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { patienceMs } from './until.ts'

/** A message type of the protocol's official definitions, as protobufjs compiles them. */
interface MessageType {
  verify(message: object): string | null
  fromObject(message: object): object
  encode(message: object): { finish(): Uint8Array }
  decode(octets: Uint8Array): object
  toObject(message: object, options: object): object
}

const generated = new URL(
  '../packages/node_modules/@opentelemetry/otlp-transformer/build/src/generated/root.js',
  import.meta.url,
)

interface Definitions {
  readonly opentelemetry: {
    readonly proto: {
      readonly collector: {
        readonly trace: { readonly v1: { readonly ExportTraceServiceRequest: MessageType } }
        readonly metrics: { readonly v1: { readonly ExportMetricsServiceRequest: MessageType } }
        readonly logs: { readonly v1: { readonly ExportLogsServiceRequest: MessageType } }
      }
    }
  }
}

function official(signal: Signal): MessageType {
  const { opentelemetry } = createRequire(import.meta.url)(fileURLToPath(generated)) as Definitions
  const { trace, metrics, logs } = opentelemetry.proto.collector
  const types = {
    traces: trace.v1.ExportTraceServiceRequest,
    metrics: metrics.v1.ExportMetricsServiceRequest,
    logs: logs.v1.ExportLogsServiceRequest,
  }
  return types[signal]
}

export type Signal = 'traces' | 'metrics' | 'logs'

export interface Attributes {
  readonly [key: string]: string | number
}

export interface Span {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly traceState?: string
  readonly name: string
  readonly kind: number
  readonly flags: number
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly attributes: Attributes
  readonly events: readonly { readonly name: string; readonly timeUnixNano: string }[]
  readonly status?: { readonly code: number }
}

export interface LogRecord {
  readonly timeUnixNano: string
  readonly observedTimeUnixNano: string
  readonly severityNumber: number
  readonly severityText: string
  readonly eventName: string
  readonly body: string
  readonly attributes: { readonly [key: string]: unknown }
  readonly traceId?: string
  readonly spanId?: string
  readonly flags?: number
}

export interface Metric {
  readonly name: string
  readonly unit: string
  readonly [kind: string]: unknown
}

export interface Collector {
  readonly url: string
  /** Spans that came, attributes as an object. */
  readonly spans: readonly Span[]
  /** Records of logs that came, attributes as an object. */
  readonly logs: readonly LogRecord[]
  /** Metrics of the last export. */
  readonly metrics: readonly Metric[]
  readonly resource: Attributes
  readonly requests: readonly { readonly path: string; readonly headers: IncomingMessage['headers'] }[]
  /** Status and body of the answers from now on. */
  answer(status: number, body?: string, headers?: { readonly [name: string]: string }): void
  until(fits: () => boolean): Promise<void>
  stop(): Promise<void>
}

/**
 * Takes OTLP over HTTP and holds every export to the official definitions: what is not in them, or not of their type, or
 * would be lost on the way, fails the test that stops the collector.
 */
export async function startCollector(): Promise<Collector> {
  const spans: Span[] = []
  const logs: LogRecord[] = []
  let metrics: readonly Metric[] = []
  let resource: Attributes = {}
  const requests: { path: string; headers: IncomingMessage['headers'] }[] = []
  const faults: unknown[] = []
  let reply: Parameters<Collector['answer']> = [200, '{}']
  const server = createServer(async (request, response) => {
    const body = await text(request)
    requests.push({ path: request.url ?? '', headers: request.headers })
    const [status, answer = '{}', headers = {}] = reply
    try {
      const [, signal] = /^\/v1\/(traces|metrics|logs)$/.exec(request.url ?? '') ?? []
      assert.ok(signal, `nothing takes ${request.url}`)
      if (status === 200) take(signal as Signal, JSON.parse(body) as object)
    } catch (error) {
      faults.push(error)
    }
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(answer)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))

  function take(signal: Signal, document: object): void {
    assertOfficial(signal, document)
    const { resourceSpans, resourceMetrics, resourceLogs } = document as Export
    for (const { resource: from, scopeSpans } of resourceSpans ?? []) {
      resource = attributesOf(from.attributes)
      for (const { spans: some } of scopeSpans)
        spans.push(
          ...some.map((span) => ({ ...span, attributes: attributesOf<Attributes>(span.attributes) })),
        )
    }
    for (const { resource: from, scopeLogs } of resourceLogs ?? []) {
      resource = attributesOf(from.attributes)
      for (const { logRecords } of scopeLogs)
        logs.push(
          ...logRecords.map(({ body, attributes, ...record }) => ({
            ...record,
            body: String(plainValue(body)),
            attributes: attributesOf<LogRecord['attributes']>(attributes),
          })),
        )
    }
    for (const { resource: from, scopeMetrics } of resourceMetrics ?? []) {
      resource = attributesOf(from.attributes)
      metrics = scopeMetrics.flatMap(({ metrics: some }) => some)
    }
  }

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    logs,
    get metrics() {
      return metrics
    },
    get resource() {
      return resource
    },
    requests,
    answer: (...wanted) => {
      reply = wanted
    },
    async until(fits) {
      const untilMs = Date.now() + patienceMs
      while (!fits()) {
        if (Date.now() > untilMs)
          throw new Error(`the collector waited in vain; ${String(faults[0] ?? 'no fault')}`)
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
    },
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      if (faults.length > 0) throw faults[0]
    },
  }
}

interface Export {
  readonly resourceSpans?: readonly {
    readonly resource: { readonly attributes: readonly KeyValue[] }
    readonly scopeSpans: readonly {
      readonly spans: readonly (Omit<Span, 'attributes'> & { readonly attributes: readonly KeyValue[] })[]
    }[]
  }[]
  readonly resourceLogs?: readonly {
    readonly resource: { readonly attributes: readonly KeyValue[] }
    readonly scopeLogs: readonly {
      readonly logRecords: readonly (Omit<LogRecord, 'attributes' | 'body'> & {
        readonly attributes: readonly KeyValue[]
        readonly body: AnyValue
      })[]
    }[]
  }[]
  readonly resourceMetrics?: readonly {
    readonly resource: { readonly attributes: readonly KeyValue[] }
    readonly scopeMetrics: readonly { readonly metrics: readonly Metric[] }[]
  }[]
}

interface KeyValue {
  readonly key: string
  readonly value: AnyValue
}

interface AnyValue {
  readonly stringValue?: string
  readonly intValue?: string
  readonly doubleValue?: number
  readonly boolValue?: boolean
  readonly arrayValue?: { readonly values: readonly AnyValue[] }
  readonly kvlistValue?: { readonly values: readonly KeyValue[] }
}

function attributesOf<A extends { readonly [key: string]: unknown }>(list: readonly KeyValue[]): A {
  assert.equal(new Set(list.map(({ key }) => key)).size, list.length, 'an attribute stands twice')
  return Object.fromEntries(list.map(({ key, value }) => [key, plainValue(value)])) as A
}

function plainValue(value: AnyValue): unknown {
  if (value.arrayValue) return value.arrayValue.values.map(plainValue)
  if (value.kvlistValue) return attributesOf(value.kvlistValue.values)
  if (value.intValue !== undefined) return Number(value.intValue)
  return value.stringValue ?? value.doubleValue ?? value.boolValue ?? assert.fail('a value of no kind')
}

/** The JSON of Protobuf, with the protocol's own spelling of ids, goes through the binary form and comes back whole. */
export function assertOfficial(signal: Signal, document: object): void {
  const type = official(signal)
  const wanted = withBase64Ids(document) as object
  const message = type.fromObject(wanted)
  assert.equal(type.verify(message), null)
  const back = type.decode(type.encode(message).finish())
  assert.deepEqual(
    plain(type.toObject(back, { longs: String, bytes: String, enums: Number, arrays: false })),
    plain(wanted),
  )
}

/** Empty lists, and zeros that Protobuf does not write, are the same as nothing. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain)
  if (value === null || typeof value !== 'object') return value
  const members = Object.entries(value).filter(
    ([, member]) => !(Array.isArray(member) && member.length === 0),
  )
  return Object.fromEntries(members.map(([key, member]) => [key, plain(member)]))
}

/** OTLP/HTTP, JSON: trace and span ids are hexadecimal, where Protobuf's own JSON has base64. */
function withBase64Ids(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withBase64Ids)
  if (value === null || typeof value !== 'object') return value
  const entries = Object.entries(value).map(([key, member]): [string, unknown] => {
    if (!['traceId', 'spanId', 'parentSpanId'].includes(key)) return [key, withBase64Ids(member)]
    assert.match(String(member), key === 'traceId' ? /^[0-9a-f]{32}$/ : /^[0-9a-f]{16}$/)
    return [key, Buffer.from(String(member), 'hex').toString('base64')]
  })
  return Object.fromEntries(entries)
}
