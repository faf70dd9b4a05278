import type { Denial, Fault, Stage } from '../decision.ts'
import type { Reason } from '../reasons.ts'
import { declaredPointer } from './declared-pointer.ts'
import type { Ending } from './ending.ts'

/** Why a request was denied, for the operator who asks by its id. No value that the client sent. */
export interface DenialRecord {
  /** ISO 8601. */
  readonly time: string
  readonly request_id: string
  readonly trace_id: string
  readonly operation: string | null
  readonly method: string
  readonly status: number | null
  readonly stage: Stage
  readonly reason: Reason
  readonly detail: string
  /** `file:line` of the rule that did not hold. */
  readonly rule: string | null
  readonly faults: readonly Fault[]
  readonly subject: string | null
  readonly issuer: string | null
  readonly client: string | null
  readonly key_id: string | null
  readonly address: string
}

/** @param timeMs epoch milliseconds */
export function denialRecord({ journal, status }: Ending, denial: Denial, timeMs: number): DenialRecord {
  const { operation, program, principal } = journal
  const { stage, reason, detail, rule, client } = denial
  const faults = client !== null && 'faults' in client ? client.faults : []
  return {
    time: new Date(timeMs).toISOString(),
    request_id: journal.requestId,
    trace_id: journal.traceId,
    operation: operation?.id ?? null,
    method: journal.method,
    status,
    stage,
    reason,
    detail,
    rule: rule ? `${rule.file}:${rule.line}` : null,
    faults: faults.map((fault) => ({
      ...fault,
      pointer: operation && program ? declaredPointer(fault, operation, program.definitions) : '',
    })),
    subject: principal?.subject ?? null,
    issuer: principal?.issuer ?? null,
    client: principal?.client ?? null,
    key_id: principal?.keyId ?? null,
    address: journal.clientAddress,
  }
}
