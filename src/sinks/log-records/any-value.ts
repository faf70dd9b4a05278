import { boundedText, maxText } from '../bounded-text.ts'

/** Attributes of an event: a name that OpenTelemetry has is its own, all others are ours. */
export function eventAttributes(fields: { readonly [name: string]: unknown }): string {
  return keyValues(fields, (name) => (name.includes('.') ? name : `portcullis.${name}`))
}

/** A `kvlistValue` of texts; what is null is not in it. */
export function textMap(members: { readonly [name: string]: string | null }): string {
  return `{"kvlistValue":{"values":[${keyValues(members, (name) => name, maxText)}]}}`
}

function keyValues(
  members: { readonly [name: string]: unknown },
  nameOf: (name: string) => string,
  max = maxText * 4,
): string {
  const pairs = Object.entries(members).flatMap(([name, value]) => {
    const written = anyValue(value, max)
    return written === null ? [] : [`{"key":${boundedText(nameOf(name))},"value":${written}}`]
  })
  return pairs.join()
}

/**
 * `AnyValue` in the protocol's JSON; null for nothing.
 * @see OpenTelemetry Protocol, `AnyValue`; JSON Protobuf encoding: 64-bit integers are texts
 */
function anyValue(value: unknown, max: number): string | null {
  switch (typeof value) {
    case 'string':
      return `{"stringValue":${boundedText(value, max)}}`
    case 'boolean':
      return `{"boolValue":${value}}`
    case 'number':
      return Number.isSafeInteger(value) ? `{"intValue":"${value}"}` : `{"doubleValue":${value}}`
    case 'object': {
      if (value === null) return null
      if (!Array.isArray(value)) return `{"kvlistValue":{"values":[${keyValues({ ...value }, String, max)}]}}`
      const values = value.flatMap((one) => anyValue(one, max) ?? [])
      return `{"arrayValue":{"values":[${values.join()}]}}`
    }
    default:
      return null
  }
}
