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

/** Nanoseconds since the epoch, which no double holds. */
export function nanosText(epochMs: number): string {
  const whole = Math.floor(epochMs)
  const nanos = Math.floor((epochMs - whole) * 1e6)
  return `"${whole}${String(nanos).padStart(6, '0')}"`
}
