import { splitSegment } from '../../base/segment.ts'
import type { Denial, Stage } from '../decision.ts'
import type { Journal } from '../outcome.ts'
import { anonymous, type Principal } from '../principal.ts'
import type { Reason } from '../reasons.ts'
import type { Ending } from './ending.ts'

/**
 * What the audit trail holds of a request. These fields and no others: no token, body, query, header or user agent has a
 * place here, so none can get in.
 */
export type TrailEntry = IntentEntry | OutcomeEntry | DenialEntry

/** A request that is let through, before it is forwarded. */
export interface IntentEntry extends Circumstances {
  readonly kind: 'intent'
}

/** What became of an intent. */
export interface OutcomeEntry {
  readonly kind: 'outcome'
  readonly requestId: string
  /** Null when the client went away before an answer. */
  readonly status: number | null
  /** Why the answer was not that of the upstream; null when it was. */
  readonly denial: TrailedDenial | null
  /** The intent could not be written, and the request passed all the same. */
  readonly intentMissing: boolean
}

/** A request that was denied. */
export interface DenialEntry extends Circumstances {
  readonly kind: 'denial'
  readonly status: number | null
  readonly denial: TrailedDenial
}

export interface TrailedDenial {
  readonly stage: Stage
  readonly reason: Reason
  /** The rule that did not hold, `file:line`; null where it was none. */
  readonly rule: string | null
}

/** Who did what to which object, from where, under which program. */
export interface Circumstances {
  readonly requestId: string
  readonly traceId: string
  /** Null when it was not routed. */
  readonly operation: string | null
  readonly method: string
  readonly object: readonly ObjectPart[]
  readonly caller: Caller
  readonly address: string
  readonly programDigest: string
}

/** What of a principal stands on the trail, and how it is spelled there. */
export type Caller = Pick<Principal, 'subject' | 'issuer' | 'client' | 'keyId' | 'schemes' | 'trailText'>

/** A path parameter, spelled as it is forwarded. */
export interface ObjectPart {
  readonly name: string
  readonly value: string
  /** To be recorded as a keyed hash. */
  readonly hashed: boolean
}

export function intentOf(journal: Journal): IntentEntry {
  return circumstancesOf('intent', journal)
}

/** The entry that an ending leaves; null where it leaves none. */
export function entryOf({ journal, denial, status }: Ending): OutcomeEntry | DenialEntry | null {
  if (journal.intended)
    return {
      kind: 'outcome',
      requestId: journal.requestId,
      status,
      denial: denial && trailed(denial),
      intentMissing: journal.trailFault !== null,
    }
  if (denial === null || journal.operation?.trail.records === 'nothing') return null
  return { ...circumstancesOf('denial', journal), status, denial: trailed(denial) }
}

/** Somebody whose credentials hold. */
export function isKnown({ principal }: Pick<Journal, 'principal'>): boolean {
  return principal !== null && principal.schemes.length > 0
}

/** One literal: members spread after another one would each be defined by a call of the runtime. */
function circumstancesOf<K extends string>(kind: K, journal: Journal): Circumstances & { readonly kind: K } {
  const { principal, operation } = journal
  return {
    kind,
    requestId: journal.requestId,
    traceId: journal.traceId,
    operation: operation?.id ?? null,
    method: journal.method,
    object: objectOf(journal),
    caller: principal ?? anonymous,
    address: journal.clientAddress,
    programDigest: journal.program?.digest ?? '',
  }
}
const none: readonly never[] = []

function objectOf({ operation, captured }: Journal): readonly ObjectPart[] {
  if (operation === null || captured === null) return none
  const parts: ObjectPart[] = []
  for (const [index, segment] of operation.segments.entries()) {
    if (segment.kind !== 'parameter') continue
    const values = splitSegment(captured[index] ?? '', segment.texts)
    for (const [place, name] of segment.names.entries())
      parts.push({ name, value: values?.[place] ?? '', hashed: operation.trail.hash.includes(name) })
  }
  return parts
}

function trailed({ stage, reason, rule }: Denial): TrailedDenial {
  return { stage, reason, rule: rule ? `${rule.file}:${rule.line}` : null }
}
