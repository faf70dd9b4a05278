import type { OperationPlan } from '../program/program.ts'
import { overlap, shapeOf } from './paths.ts'
import type { Report } from './report.ts'

/** Gives every operation its own id and its own paths, or reports why that is impossible. */
export function settleOperations(
  byContract: readonly (readonly OperationPlan[])[],
  report: Report,
): readonly OperationPlan[] {
  const named = nameOperations(byContract, report)
  reportOverlaps(named, report)
  return settleTies(named.flat(), report)
}

/** Ids that collide between contracts get their contract's name before them; within one contract that is an error. */
function nameOperations(
  byContract: readonly (readonly OperationPlan[])[],
  report: Report,
): readonly (readonly OperationPlan[])[] {
  const owners = new Map<string, Set<string>>()
  for (const { id, contract } of byContract.flat())
    owners.set(id, (owners.get(id) ?? new Set()).add(contract))
  const seen = new Map<string, OperationPlan>()
  return byContract.map((operations) =>
    operations.map((operation) => {
      const id =
        (owners.get(operation.id)?.size ?? 0) > 1 ? `${operation.contract}.${operation.id}` : operation.id
      const earlier = seen.get(id)
      if (earlier) {
        const { line } = earlier.source
        report.error(
          'operation-id-duplicate',
          operation.source,
          `the operationId ${id} stands already in line ${line}`,
          'give every operation its own id',
        )
      }
      seen.set(id, operation)
      return { ...operation, id }
    }),
  )
}

/** Between contracts no order decides, so no path may be matched by two of them. */
function reportOverlaps(byContract: readonly (readonly OperationPlan[])[], report: Report): void {
  for (const [index, operations] of byContract.entries()) {
    for (const other of byContract.slice(index + 1).flat()) {
      const clash = operations.find(
        ({ method, segments }) => method === other.method && overlap(segments, other.segments),
      )
      if (!clash) continue
      const message = `${other.method} ${other.route} overlaps ${clash.route} of the contract ${clash.contract}`
      report.error('path-overlap', other.source, message, 'give the contracts different base paths')
    }
  }
}

/** Templates of one shape: the earlier declared answers, unless the two demand different things of the caller. */
function settleTies(operations: readonly OperationPlan[], report: Report): readonly OperationPlan[] {
  const byShape = new Map<string, OperationPlan>()
  return operations.filter((operation) => {
    const key = `${operation.method} ${shapeOf(operation.segments)}`
    const earlier = byShape.get(key)
    if (!earlier) {
      byShape.set(key, operation)
      return true
    }
    const message = `${operation.method} ${operation.route} matches the same paths as ${earlier.route} in line ${earlier.source.line}`
    const differ = demandsOf(operation) !== demandsOf(earlier)
    const detail = differ
      ? `${message}, and they demand different things of the caller`
      : `${message}, which answers`
    report.add({
      severity: differ ? 'error' : 'warning',
      rule: 'path-duplicate',
      position: operation.source,
      message: detail,
      fix: 'remove one of them, or make their paths differ',
    })
    return false
  })
}

function demandsOf({ security, limits, cost, rules }: OperationPlan): string {
  return JSON.stringify([security.alternatives, limits, cost, rules.map(({ expression }) => expression)])
}
