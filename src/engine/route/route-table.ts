import { splitSegment } from '../../base/segment.ts'
import type { OperationPlan, SegmentPlan } from '../../program/program.ts'

/**
 * The templates of all operations as a tree of segments. At every node the order of trial is OpenAPI's:
 * concrete text, text around a parameter, a parameter of one segment, a parameter of several segments.
 */
export interface RouteNode<Operation> {
  readonly literals: Map<string, RouteNode<Operation>>
  readonly affixed: AffixedBranch<Operation>[]
  parameter: RouteNode<Operation> | null
  spanning: RouteNode<Operation> | null
  /** Operations of the template that ends here, by method. */
  readonly methods: Map<string, Operation>
}

interface AffixedBranch<Operation> {
  /** Text around and between the parameters of the segment. */
  readonly texts: readonly string[]
  readonly node: RouteNode<Operation>
}

/** What the table needs to know of an operation. */
export interface Routable {
  readonly plan: Pick<OperationPlan, 'method' | 'segments'>
}

/** Where a path and a method lead. */
export type RouteMatch<Operation> =
  | {
      readonly kind: 'operation'
      readonly operation: Operation
      /** Index of the request segment at which each template segment starts. */
      readonly starts: readonly number[]
    }
  /** A template matches the path and has no such method. */
  | { readonly kind: 'method'; readonly methods: readonly ReadonlyMap<string, Operation>[] }
  | { readonly kind: 'none' }

export function buildRoutes<Operation extends Routable>(
  operations: readonly Operation[],
): RouteNode<Operation> {
  const root = newNode<Operation>()
  for (const operation of operations) {
    let node = root
    for (const segment of operation.plan.segments) node = descend(node, segment)
    // The contract settled ties: the earlier declared operation stands.
    if (!node.methods.has(operation.plan.method)) node.methods.set(operation.plan.method, operation)
  }
  return root
}

/** Bound on the work for one request; only contracts with nested spanning parameters come near it. */
const maxSteps = 4096

/**
 * Finds the operation for a path and a method. The more concrete template decides alone: where it lacks the method,
 * no less concrete one steps in. A parameter of one segment and one of several are equally templated.
 */
export function matchRoute<Operation>(
  root: RouteNode<Operation>,
  segments: readonly string[],
  method: string,
): RouteMatch<Operation> {
  const search: Search<Operation> = { segments, method, starts: [], lacking: [], steps: 0 }
  const operation = descendMatching(root, 0, 0, search)
  if (operation) return { kind: 'operation', operation, starts: search.starts }
  return search.lacking.length > 0 ? { kind: 'method', methods: search.lacking } : { kind: 'none' }
}

/** The operation that answers a method on a matched path; null when none does. RFC 9110 9.3.2: HEAD follows GET. */
function operationFor<Operation>(methods: ReadonlyMap<string, Operation>, method: string): Operation | null {
  return methods.get(method) ?? (method === 'HEAD' ? (methods.get('GET') ?? null) : null)
}

interface Search<Operation> {
  readonly segments: readonly string[]
  readonly method: string
  readonly starts: number[]
  /** Methods of templates that match the path and lack the method. */
  readonly lacking: ReadonlyMap<string, Operation>[]
  steps: number
}

function descendMatching<Operation>(
  node: RouteNode<Operation>,
  depth: number,
  at: number,
  search: Search<Operation>,
): Operation | null {
  if (++search.steps > maxSteps) return null
  if (at === search.segments.length) {
    search.starts.length = depth
    if (node.methods.size === 0) return null
    const operation = operationFor(node.methods, search.method)
    if (operation === null) search.lacking.push(node.methods)
    return operation
  }
  search.starts[depth] = at
  const segment = search.segments[at] as string
  const matched = search.lacking.length
  const literal = node.literals.get(segment)
  if (literal) {
    const found = descendMatching(literal, depth + 1, at + 1, search)
    if (found !== null || search.lacking.length > matched) return found
  }
  // RFC 6570 and OpenAPI: a path parameter is never empty, so a trailing slash stays significant.
  if (segment === '') return null
  for (const branch of node.affixed) {
    if (!splitSegment(segment, branch.texts)) continue
    search.starts[depth] = at
    const found = descendMatching(branch.node, depth + 1, at + 1, search)
    if (found !== null || search.lacking.length > matched) return found
  }
  if (node.parameter) {
    search.starts[depth] = at
    const found = descendMatching(node.parameter, depth + 1, at + 1, search)
    if (found !== null) return found
  }
  return node.spanning && matchSpanning(node.spanning, depth, at, search)
}

function matchSpanning<Operation>(
  node: RouteNode<Operation>,
  depth: number,
  at: number,
  search: Search<Operation>,
): Operation | null {
  for (let end = at + 1; end <= search.segments.length; end++) {
    if (search.segments[end - 1] === '') return null
    search.starts[depth] = at
    const found = descendMatching(node, depth + 1, end, search)
    if (found !== null) return found
  }
  return null
}

function descend<Operation>(node: RouteNode<Operation>, segment: SegmentPlan): RouteNode<Operation> {
  if (segment.kind === 'literal') {
    const existing = node.literals.get(segment.text)
    if (existing) return existing
    const created = newNode<Operation>()
    node.literals.set(segment.text, created)
    return created
  }
  if (segment.texts.length > 2 || segment.texts.join('') !== '') return descendAffixed(node, segment.texts)
  if (segment.spans) {
    node.spanning ??= newNode<Operation>()
    return node.spanning
  }
  node.parameter ??= newNode<Operation>()
  return node.parameter
}

function descendAffixed<Operation>(
  node: RouteNode<Operation>,
  texts: readonly string[],
): RouteNode<Operation> {
  const existing = node.affixed.find((branch) => branch.texts.join('{}') === texts.join('{}'))
  if (existing) return existing.node
  const created = { texts, node: newNode<Operation>() }
  node.affixed.push(created)
  // More literal text is more concrete; among equals the earlier declared comes first.
  node.affixed.sort((a, b) => b.texts.join('').length - a.texts.join('').length)
  return created.node
}

function newNode<Operation>(): RouteNode<Operation> {
  return { literals: new Map(), affixed: [], parameter: null, spanning: null, methods: new Map() }
}
