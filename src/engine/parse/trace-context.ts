/** What a caller that is believed says about the trace a request belongs to. */
export interface TraceContext {
  readonly traceId: string
  /** Span of the caller. */
  readonly parentId: string
  /** The caller may have recorded it (W3C Trace Context 3.2.2.5.1). */
  readonly sampled: boolean
  /** Other systems' positions in the trace, as they came; null when there are none. */
  readonly state: string | null
}

// W3C Trace Context 3.2.2: all-zero ids and version ff are invalid. 4.3: what follows in a later version is not read.
const traceparent =
  /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?$/
const lengthOfVersion00 = 55

/**
 * Reads `traceparent` and `tracestate`.
 * @param tracestate its lines, joined by commas
 * @returns null when `traceparent` is absent or not well-formed; the state counts for nothing then (4.3)
 */
export function readTraceContext(parent: string | null, state: string | null): TraceContext | null {
  const [, version, traceId, parentId, flags] = (parent !== null && traceparent.exec(parent)) || []
  if (parent === null || traceId === undefined || parentId === undefined || flags === undefined) return null
  if (version === '00' && parent.length !== lengthOfVersion00) return null
  const sampled = (Number.parseInt(flags, 16) & 1) === 1
  return { traceId, parentId, sampled, state: readTraceState(state) }
}

const maxStateLength = 512
const maxStateMembers = 32
// W3C Trace Context 3.3.1.3: a key, or a tenant's key at a system; values without comma and equals sign.
const stateMember =
  /^(?:[a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/

/** The list as it goes on: whole, or not at all (3.3.1.1: empty members count for nothing; a key stands once). */
function readTraceState(written: string | null): string | null {
  if (written === null) return null
  const members = written
    .split(',')
    .map((member) => member.replace(/^[ \t]+|[ \t]+$/g, ''))
    .filter((member) => member !== '')
  if (members.length === 0 || members.length > maxStateMembers) return null
  if (!members.every((member) => stateMember.test(member))) return null
  const keys = new Set(members.map((member) => member.slice(0, member.indexOf('='))))
  const state = members.join(',')
  return keys.size === members.length && state.length <= maxStateLength ? state : null
}
