/** What the process says of itself with everything it exports. */
export interface ResourceFacts {
  readonly version: string
  /** Unique to this process (`service.instance.id`). */
  readonly instanceId: string
  readonly hostName: string
  readonly pid: number
}

export type AttributeValue = string | number

/**
 * One `KeyValue`. Whole numbers are texts in the JSON of Protobuf.
 * @see OpenTelemetry Protocol 1.x, JSON Protobuf encoding
 */
export function attribute(key: string, value: AttributeValue): string {
  const any =
    typeof value === 'number' ? `{"intValue":"${value}"}` : `{"stringValue":${JSON.stringify(value)}}`
  return `{"key":"${key}","value":${any}}`
}

/** @see OpenTelemetry semantic conventions: service, host, process */
export function resourceText({ version, instanceId, hostName, pid }: ResourceFacts): string {
  const attributes = [
    attribute('service.name', 'portcullis'),
    attribute('service.version', version),
    attribute('service.instance.id', instanceId),
    attribute('host.name', hostName),
    attribute('process.pid', pid),
    attribute('process.runtime.name', 'nodejs'),
    attribute('process.runtime.version', process.versions.node),
  ]
  return `"resource":{"attributes":[${attributes.join()}]}`
}

export const scopeText = (version: string): string =>
  `"scope":{"name":"portcullis","version":${JSON.stringify(version)}}`

const nanosPerSecond = 1_000_000_000

/** Nanoseconds since the epoch, which no double holds; put together from two numbers that are small, which is faster. */
export function nanosText(epochMs: number): string {
  const seconds = Math.floor(epochMs / 1000)
  const nanos = Math.floor((epochMs - seconds * 1000) * 1e6)
  return `"${seconds}${String(nanosPerSecond + nanos).slice(1)}"`
}
