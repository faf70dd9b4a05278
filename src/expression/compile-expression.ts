import { type ASTNode, Environment } from '@marcbachmann/cel-js'
import { err, ok, type Result } from '../base/result.ts'

/**
 * The variables an expression may name. `dyn`: any value; `map`: an object whose members are not known before
 * run time; a list of names: an object with these members and no others, so that a misspelt one is found early.
 */
export interface ExpressionScope {
  readonly [variable: string]: 'dyn' | 'map' | readonly string[]
}

/** A compiled expression of the Common Expression Language. */
export interface Expression {
  /** Evaluates over values of the scope's variables. An error is a value; nothing is thrown. */
  evaluate(values: { readonly [variable: string]: unknown }): Result<unknown, string>
}

export interface ExpressionProblem {
  readonly message: string
  /** Offset into the expression's text, in UTF-16 units. */
  readonly offset: number
}

const maxLength = 2048
const limits = { maxAstNodes: 256, maxDepth: 32, maxListElements: 64, maxMapEntries: 64, maxCallArguments: 8 }
/** ATTACK: H7. Its implementation backtracks, so a crafted input could hold the thread. */
const refusedFunctions: ReadonlySet<string> = new Set(['matches'])
/** Comprehensions walk a list of the client's making; one inside another would multiply its length. */
const comprehensions: ReadonlySet<string> = new Set(['all', 'exists', 'exists_one', 'map', 'filter'])

/**
 * Parses and type-checks one expression.
 *
 * Evaluation is bounded: the expression is small, recursion does not exist in CEL, comprehensions do not nest.
 * @param wanted `condition`: the expression must yield a boolean; `value`: anything
 * @see https://github.com/google/cel-spec
 */
export function compileExpression(
  source: string,
  scope: ExpressionScope,
  wanted: 'condition' | 'value',
): Result<Expression, ExpressionProblem> {
  if (source.length > maxLength)
    return err({ message: `is longer than ${maxLength} characters`, offset: maxLength })
  try {
    const program = environmentFor(scope).parse(source)
    const unbounded = findUnbounded(program.ast, false)
    if (unbounded) return err(unbounded)
    const checked = program.check()
    if (!checked.valid) return err(problemOf(checked.error))
    if (wanted === 'condition' && checked.type !== 'bool' && checked.type !== 'dyn') {
      return err({ message: `yields ${checked.type}, and must yield a boolean`, offset: 0 })
    }
    return ok({ evaluate: (values) => evaluate(program, values) })
  } catch (error) {
    return err(problemOf(error))
  }
}

type CelProgram = ReturnType<Environment['parse']>

function evaluate(
  program: CelProgram,
  values: { readonly [variable: string]: unknown },
): Result<unknown, string> {
  try {
    return ok(program(values))
  } catch (error) {
    return err(problemOf(error).message)
  }
}

function environmentFor(scope: ExpressionScope): Environment {
  const environment = new Environment({ homogeneousAggregateLiterals: false, limits })
  for (const [name, type] of Object.entries(scope)) {
    if (typeof type === 'string') environment.registerVariable(name, type)
    else
      environment.registerVariable({
        name,
        schema: Object.fromEntries(type.map((member) => [member, 'dyn'])),
      })
  }
  return environment
}

function findUnbounded(node: ASTNode, inComprehension: boolean): ExpressionProblem | null {
  const called = calledFunction(node)
  if (called !== null && refusedFunctions.has(called)) {
    return {
      message: `${called}() is not available; compare with ==, startsWith(), endsWith() or in`,
      offset: node.start,
    }
  }
  const comprehension = called !== null && comprehensions.has(called)
  if (comprehension && inComprehension)
    return { message: 'a list macro inside another is not available', offset: node.start }
  for (const child of childrenOf(node.args)) {
    const found = findUnbounded(child, inComprehension || comprehension)
    if (found) return found
  }
  return null
}

function calledFunction(node: ASTNode): string | null {
  return node.op === 'call' || node.op === 'rcall' ? node.args[0] : null
}

function childrenOf(args: unknown): readonly ASTNode[] {
  if (Array.isArray(args)) return args.flatMap(childrenOf)
  const isNode = typeof args === 'object' && args !== null && 'op' in args && 'args' in args
  return isNode ? [args as ASTNode] : []
}

function problemOf(error: unknown): ExpressionProblem {
  if (!(error instanceof Error)) return { message: 'cannot be evaluated', offset: 0 }
  const { range } = error as { range?: { start?: number } }
  // The library appends a drawing of the place after the first line.
  return { message: error.message.split('\n')[0] as string, offset: range?.start ?? 0 }
}
