import type { ASTNode } from '@marcbachmann/cel-js'
import { childrenOf } from './bounds.ts'
import type { ExpressionScope } from './compile-expression.ts'
import { declareScope } from './declare-scope.ts'
import type { ValueType } from './value-type.ts'

/** What an expression may yield: neither, where every evaluation is an error; both, where nothing is known. */
interface Outcomes {
  readonly true: boolean
  readonly false: boolean
}

const unknown: Outcomes = { true: true, false: true }
const onlyTrue: Outcomes = { true: true, false: false }
const onlyFalse: Outcomes = { true: false, false: true }
const error: Outcomes = { true: false, false: false }

/** What is absent: a variable with members has none, another is null. */
interface Setting {
  readonly scope: ExpressionScope
  readonly absent: ReadonlySet<string>
}

/**
 * Finds the variables without which a condition that `compileExpression` accepted never holds, whatever the others are.
 *
 * INVARIANT: a condition for which any is found never holds. The converse is not promised: `size(token) > 3` is not seen
 * through.
 * @param absent variables that have no value
 * @returns those that it takes, or any of which might do; empty where it may hold without them, or with them neither
 */
export function findUnmet(
  source: string,
  scope: ExpressionScope,
  absent: readonly string[],
): readonly string[] {
  const { ast } = declareScope(scope, source).environment.parse(source)
  const named = namesIn(ast)
  const missed = absent.filter((variable) => named.has(variable))
  const mayHold = (without: readonly string[]) => outcomesOf(ast, { scope, absent: new Set(without) }).true
  if (missed.length === 0 || mayHold(missed) || !mayHold([])) return []
  const decisive = missed.filter((variable) => !mayHold([variable]))
  return decisive.length > 0 ? decisive : missed
}

function namesIn(node: ASTNode): ReadonlySet<string> {
  const below = childrenOf(node.args).flatMap((child) => [...namesIn(child)])
  return new Set(node.op === 'id' ? [node.args] : below)
}

/** Logical operators absorb the error of one side; all other operators and functions pass it on. */
function outcomesOf(node: ASTNode, setting: Setting): Outcomes {
  const of = (operand: ASTNode) => outcomesOf(operand, setting)
  switch (node.op) {
    case 'value':
      return typeof node.args === 'boolean' ? (node.args ? onlyTrue : onlyFalse) : unknown
    case '!_':
      return negate(of(node.args))
    case '||': {
      const [left, right] = [of(node.args[0]), of(node.args[1])]
      return { true: left.true || right.true, false: left.false && right.false }
    }
    case '&&': {
      const [left, right] = [of(node.args[0]), of(node.args[1])]
      return { true: left.true && right.true, false: left.false || right.false }
    }
    case '?:': {
      const [asked, then, otherwise] = [of(node.args[0]), of(node.args[1]), of(node.args[2])]
      return {
        true: (asked.true && then.true) || (asked.false && otherwise.true),
        false: (asked.true && then.false) || (asked.false && otherwise.false),
      }
    }
    case '.':
    case '[]':
      return isAbsent(node.args[0], setting) ? error : unlessError(childrenOf(node.args), setting)
    case '==':
      return unlessError(node.args, setting, areUnlike(node.args, setting) ? onlyFalse : unknown)
    case '!=':
      return unlessError(node.args, setting, areUnlike(node.args, setting) ? onlyTrue : unknown)
    case 'in':
      return unlessError(node.args, setting, isOutside(node.args, setting) ? onlyFalse : unknown)
    case 'call':
      return outcomesOfCall(node.args[0], node.args[1], setting)
    case 'rcall':
      return outcomesOfMethod(node.args[1], node.args[0], node.args[2], setting)
    default:
      return unlessError(childrenOf(node.args), setting)
  }
}

function unlessError(operands: readonly ASTNode[], setting: Setting, otherwise = unknown): Outcomes {
  const fails = operands.map((operand) => outcomesOf(operand, setting)).some((one) => !one.true && !one.false)
  return fails ? error : otherwise
}

function negate({ true: holds, false: fails }: Outcomes): Outcomes {
  return { true: fails, false: holds }
}

function outcomesOfCall(name: string, args: readonly ASTNode[], setting: Setting): Outcomes {
  const [asked] = args
  if (name !== 'has' || asked?.op !== '.') return unlessError(args, setting)
  const [owner] = asked.args
  return unlessError([owner], setting, isAbsent(owner, setting) ? onlyFalse : unknown)
}

const macros: ReadonlySet<string> = new Set(['all', 'exists', 'exists_one', 'map', 'filter'])

/** A macro looks at each item, of which there may be none; its variable hides another of its name. */
function outcomesOfMethod(
  receiver: ASTNode,
  name: string,
  args: readonly ASTNode[],
  setting: Setting,
): Outcomes {
  if (isNull(receiver, setting)) return error
  if (!macros.has(name)) return unlessError([receiver, ...args], setting)
  const [variable, condition] = args
  if (variable?.op !== 'id' || !condition || name === 'map' || name === 'filter')
    return unlessError([receiver], setting)
  const absent = new Set([...setting.absent].filter((one) => one !== variable.args))
  const each = outcomesOf(condition, { scope: { ...setting.scope, [variable.args]: 'dyn' }, absent })
  const some = !isAbsent(receiver, setting)
  const all = { true: true, false: each.false && some }
  return unlessError([receiver], setting, name === 'all' ? all : { true: each.true && some, false: true })
}

function isAbsent(node: ASTNode, { absent }: Setting): boolean {
  return node.op === 'id' && absent.has(node.args)
}

function isNull(node: ASTNode, setting: Setting): boolean {
  return isAbsent(node, setting) && setting.scope[node.args as string] === 'dyn'
}

/** One is null, and the other cannot be. */
function areUnlike([left, right]: readonly [ASTNode, ASTNode], setting: Setting): boolean {
  return (
    (isNull(left, setting) && !mayBeNull(right, setting)) ||
    (isNull(right, setting) && !mayBeNull(left, setting))
  )
}

/** Nothing is in what has no members, and null is in no list of what cannot be null. */
function isOutside([item, list]: readonly [ASTNode, ASTNode], setting: Setting): boolean {
  if (isAbsent(list, setting)) return true
  if (!isNull(item, setting)) return false
  if (list.op === 'list') return list.args.every((one) => !mayBeNull(one, setting))
  const type = typeOf(list, setting.scope)
  return typeof type === 'object' && type.kind === 'list' && type.items !== 'dyn'
}

function mayBeNull(node: ASTNode, { scope }: Setting): boolean {
  return node.op === 'value' ? node.args === null : typeOf(node, scope) === 'dyn'
}

/** The type of what a chain of member names leads to; `dyn` for anything else. */
function typeOf(node: ASTNode, scope: ExpressionScope): ValueType {
  if (node.op === 'id') return scope[node.args] ?? 'dyn'
  if (node.op !== '.' && node.op !== '[]') return 'dyn'
  const [owner, member] = node.args
  const type = typeOf(owner, scope)
  if (typeof type === 'string') return 'dyn'
  if (type.kind === 'list') return type.items
  if (type.kind === 'map') return type.values
  const name = typeof member === 'object' && member.op === 'value' ? member.args : member
  return (typeof name === 'string' ? type.fields.get(name) : undefined) ?? 'dyn'
}
