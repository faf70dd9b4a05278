import { nearest } from '../base/nearest.ts'
import { link } from '../engine/link.ts'
import { normalizeTarget } from '../engine/normalize/normalize-target.ts'
import { route } from '../engine/route/route.ts'
import type { OperationPlan, Program } from '../program/program.ts'

export type FoundOperation =
  | { readonly found: true; readonly operation: OperationPlan }
  | { readonly found: false; readonly meant: string | null }

/**
 * Finds an operation by its id, by `METHOD /template`, or by `METHOD /path` as a request would be routed.
 * @param name as a person writes it
 */
export function findOperation(program: Program, name: string): FoundOperation {
  const { operations } = program
  const [method = '', path = ''] = name.split(/\s+/, 2)
  const named =
    operations.find(({ id }) => id === name) ??
    operations.find((one) => one.method === method.toUpperCase() && one.route === path)
  if (named) return { found: true, operation: named }
  if (path.startsWith('/')) {
    const target = normalizeTarget(path)
    const routed = target.allow ? route(link(program).routes, method.toUpperCase(), target.value) : target
    if (routed.allow) return { found: true, operation: routed.value.operation.plan }
  }
  const known = operations.flatMap((one) => [one.id, `${one.method} ${one.route}`])
  return { found: false, meant: nearest(name, known) }
}
