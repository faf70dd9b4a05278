import type { ASTNode } from '@marcbachmann/cel-js'

/** Why an expression's evaluation could take long, and where. */
export interface Unbounded {
  readonly message: string
  readonly offset: number
}

/** What a list macro walks, as a part of the text. */
export interface WalkedRange {
  readonly start: number
  readonly end: number
}

const refused: { readonly [name: string]: string } = {
  // ATTACK: H7. Its implementation backtracks, so a crafted input could hold the thread.
  matches: 'matches() is not available; compare with ==, startsWith(), endsWith() or in',
  // Bindings inside bindings would double a value again and again.
  bind: 'bind() is not available',
}
/**
 * ATTACK: H7. A search for a text of the client's making in another takes time in the product of their lengths, and
 * the pattern that reads durations takes time in the square of what it is given.
 */
const spelledOut: ReadonlySet<string> = new Set(['contains', 'indexOf', 'lastIndexOf', 'split', 'duration'])
const macros: ReadonlySet<string> = new Set(['all', 'exists', 'exists_one', 'map', 'filter'])
const namedRange = /^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*|\[(?:"[^"\\]*"|'[^'\\]*'|\d+)\])*$/

/**
 * Finds what would make an evaluation take more than one walk over what the client sent.
 * @returns otherwise what the list macros walk, in the order of the text, so that each walk can be held short
 */
export function findBounds(root: ASTNode): readonly WalkedRange[] | Unbounded {
  const ranges: WalkedRange[] = []
  const found = visit(root, false, ranges)
  return found ?? ranges.sort((a, b) => a.start - b.start)
}

function visit(node: ASTNode, inMacro: boolean, ranges: WalkedRange[]): Unbounded | null {
  const wrong = (message: string): Unbounded => ({ message, offset: node.start })
  if (inMacro && node.op === 'id' && node.args === 'body') {
    return wrong('inside a list macro the body is not available, only the variable that runs over its list')
  }
  if (node.op !== 'call' && node.op !== 'rcall') return visitAll(childrenOf(node.args), inMacro, ranges)
  const [name] = node.args
  const [receiver, args] = node.op === 'rcall' ? [node.args[1], node.args[2]] : [null, node.args[1]]
  if (Object.hasOwn(refused, name)) return wrong(refused[name] as string)
  if (spelledOut.has(name) && !isLiteral(args[0])) {
    return wrong(`${name}() takes only a text that the rule spells out`)
  }
  if (!receiver || !macros.has(name)) {
    return visitAll(receiver ? [receiver, ...args] : args, inMacro, ranges)
  }
  if (inMacro) return wrong('a list macro inside another is not available')
  if (receiver.op !== 'list') {
    if (!namedRange.test(receiver.input.slice(receiver.start, receiver.end)))
      return wrong(`${name}() walks only a list that has a name, such as body.items`)
    ranges.push({ start: receiver.start, end: receiver.end })
  }
  return visitAll([receiver], false, ranges) ?? visitAll(args, true, ranges)
}

function visitAll(nodes: readonly ASTNode[], inMacro: boolean, ranges: WalkedRange[]): Unbounded | null {
  for (const node of nodes) {
    const found = visit(node, inMacro, ranges)
    if (found) return found
  }
  return null
}

function isLiteral(node: ASTNode | undefined): boolean {
  return node?.op === 'value' && typeof node.args === 'string'
}

/** Nodes that the operands of a node are, or hold. */
export function childrenOf(args: unknown): readonly ASTNode[] {
  if (Array.isArray(args)) return args.flatMap(childrenOf)
  const isNode = typeof args === 'object' && args !== null && 'op' in args && 'args' in args
  return isNode ? [args as ASTNode] : []
}

/** Calls of `has()`, in the order of the text. */
export function findPresenceTests(node: ASTNode): readonly number[] {
  const own = node.op === 'call' && node.args[0] === 'has' ? [node.start] : []
  return [...own, ...childrenOf(node.args).flatMap(findPresenceTests)].sort((a, b) => a - b)
}
