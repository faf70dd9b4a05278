import type { OperationPlan, Program } from '../../program/program.ts'
import type { Denial, Fault, Stage } from '../decision.ts'
import type { Principal } from '../principal.ts'
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

/**
 * What a record of a denial is made from, without the request: many are kept for a while, and few become records. What it
 * points at lives as long as the program does.
 */
export interface DenialFacts {
  readonly timeMs: number
  readonly requestId: string
  readonly traceId: string
  readonly method: string
  readonly address: string
  readonly operation: OperationPlan | null
  readonly definitions: Program['definitions'] | null
  readonly principal: Principal | null
  readonly status: number | null
  readonly denial: Denial
}

/** @param timeMs epoch milliseconds */
export function denialFacts({ journal, status }: Ending, denial: Denial, timeMs: number): DenialFacts {
  const { requestId, traceId, method, clientAddress: address, operation, program, principal } = journal
  const definitions = program?.definitions ?? null
  return { timeMs, requestId, traceId, method, address, operation, definitions, principal, status, denial }
}

export function denialRecord(facts: DenialFacts): DenialRecord {
  const { operation, definitions, principal, denial } = facts
  const { stage, reason, detail, rule, client } = denial
  const faults = client !== null && 'faults' in client ? client.faults : []
  return {
    time: new Date(facts.timeMs).toISOString(),
    request_id: facts.requestId,
    trace_id: facts.traceId,
    operation: operation?.id ?? null,
    method: facts.method,
    status: facts.status,
    stage,
    reason,
    detail,
    rule: rule ? `${rule.file}:${rule.line}` : null,
    faults: faults.map((fault) => ({
      ...fault,
      pointer: operation && definitions ? declaredPointer(fault, operation, definitions) : '',
    })),
    subject: principal?.subject ?? null,
    issuer: principal?.issuer ?? null,
    client: principal?.client ?? null,
    key_id: principal?.keyId ?? null,
    address: facts.address,
  }
}
