import { allow, type Decision, deny, denyWith } from '../decision.ts'
import type { Target } from '../normalize/target.ts'
import { matchRoute, type Routable, type RouteNode } from './route-table.ts'

export interface Routed<Operation> {
  readonly operation: Operation
  /** Raw (canonical, still encoded) text of each template segment, in order. */
  readonly captured: readonly string[]
}

/**
 * Finds the operation of the contract for a method and a canonical target.
 *
 * `HEAD` follows `GET` unless declared. Encoded delimiters pass only inside a parameter that allows them.
 * @see OpenAPI 3.1.1, Path Templating Matching; RFC 9110 9.3.2, 15.5.6
 */
export function route<Operation extends Routable>(
  routes: RouteNode<Operation>,
  method: string,
  target: Target,
): Decision<Routed<Operation>> {
  const match = matchRoute(routes, target.segments, method)
  if (match.kind === 'none') {
    if (target.encodedDelimiters.length > 0) return ambiguous()
    return deny('route', 'route_unknown', 'no template of the contract matches the path')
  }
  if (match.kind === 'method') {
    return denyWith('route', 'method_not_allowed', 'the path has no such method', {
      allow: allowedMethods(match.methods),
    })
  }
  const { operation } = match
  for (const { segment, octet } of target.encodedDelimiters) {
    if (!delimiterAllowed(operation, match.starts, segment, octet)) return ambiguous()
  }
  return allow({ operation, captured: capture(match.starts, target.segments) })
}

function allowedMethods(templates: readonly ReadonlyMap<string, unknown>[]): readonly string[] {
  const names = new Set(templates.flatMap((methods) => [...methods.keys()]))
  if (names.has('GET')) names.add('HEAD')
  return [...names].sort()
}

function delimiterAllowed(
  operation: Routable,
  starts: readonly number[],
  segment: number,
  octet: string,
): boolean {
  const index = starts.findLastIndex((start) => start <= segment)
  const plan = operation.plan.segments[index]
  return plan?.kind === 'parameter' && plan.allow.includes(octet)
}

function capture(starts: readonly number[], segments: readonly string[]): readonly string[] {
  if (starts.length === segments.length) return segments
  return starts.map((start, index) => segments.slice(start, starts[index + 1] ?? segments.length).join('/'))
}

function ambiguous() {
  return deny('normalize', 'path_ambiguous', 'encoded delimiter in the path')
}
