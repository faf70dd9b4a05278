// W3C Trace Context 3.2.2: version 00; all-zero ids are invalid.
const traceparent = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/

/** The trace id of a `traceparent`; null when it is absent or not well-formed. */
export function traceIdOf(value: string | null): string | null {
  return value === null ? null : (traceparent.exec(value)?.[1] ?? null)
}
