import { Environment, EvaluationError } from '@marcbachmann/cel-js'
import { err, ok, type Result } from '../base/result.ts'
import { findBounds, findPresenceTests, type WalkedRange } from './bounds.ts'
import { declareScope, presence } from './declare-scope.ts'
import { describeFailure, describeProblem, type ExpressionProblem } from './expression-problem.ts'
import { limits, maxLength, maxWalked } from './limits.ts'
import type { ValueType } from './value-type.ts'

/** The variables an expression may name, and their types. */
export interface ExpressionScope {
  readonly [variable: string]: ValueType
}

/** A compiled expression of the Common Expression Language. */
export interface Expression {
  /**
   * Evaluates over values of the scope's variables, integers as bigint (see `carry`). A variable that is undefined is
   * an error to the expression that needs it. An error is a value; nothing is thrown.
   */
  evaluate(values: object): Result<unknown, string>
}

type Wanted = 'condition' | 'scalar' | 'value'

const yields: {
  readonly [W in Wanted]: { readonly types: ReadonlySet<string> | null; readonly name: string }
} = {
  condition: { types: new Set(['bool', 'dyn']), name: 'a boolean' },
  scalar: {
    types: new Set(['string', 'int', 'uint', 'double', 'bool', 'dyn']),
    name: 'a text, a number or a boolean',
  },
  value: { types: null, name: 'anything' },
}

const walked = 'walked'

/**
 * Parses and type-checks one expression.
 *
 * Evaluation is bounded: the expression is small, recursion does not exist in CEL, list macros do not nest and walk
 * short lists only, and what takes time in the product of two lengths is refused.
 * @param wanted `condition`: the expression must yield a boolean; `scalar`: a text, a number or a boolean; `value`:
 * anything
 * @see https://github.com/google/cel-spec
 */
export function compileExpression(
  source: string,
  scope: ExpressionScope,
  wanted: Wanted,
): Result<Expression, ExpressionProblem> {
  if (source.length > maxLength)
    return err({ message: `is longer than ${maxLength} characters`, fix: 'split it', offset: maxLength })
  const { environment, members } = declareScope(scope, source)
  const variables = Object.keys(scope)
  try {
    const { ast } = environment.parse(source)
    const ranges = findBounds(ast)
    if ('message' in ranges)
      return err({ ...ranges, fix: 'write the rule without it, or let a schema say it' })
    const checked = environment.check(replaceAll(source, findPresenceTests(ast), 'has', presence))
    if (!checked.valid) return err(describeProblem(checked.error, { source, variables, members }))
    const { types, name } = yields[wanted]
    if (types !== null && !types.has(String(checked.type)))
      return err({ message: `yields ${checked.type}, and must yield ${name}`, fix: null, offset: 0 })
    return ok(prepare(source, variables))
  } catch (error) {
    return err(describeProblem(error, { source, variables, members }))
  }
}

/**
 * Makes an expression that `compileExpression` accepted executable, without checking its types again.
 * @throws Error when it was not accepted
 */
export function linkExpression(source: string, scope: ExpressionScope): Expression {
  return prepare(source, Object.keys(scope))
}

/** Types were checked; at run time each value brings its own, and a value of another type is an error. */
function prepare(source: string, variables: readonly string[]): Expression {
  const environment = evaluator(variables)
  const ranges = findBounds(environment.parse(source).ast)
  if ('message' in ranges) throw new Error(ranges.message)
  const program = environment.parse(holdShort(source, ranges))
  const checked = program.check()
  if (!checked.valid) throw checked.error
  return {
    evaluate(values) {
      try {
        return ok(program(values as Parameters<typeof program>[0]))
      } catch (error) {
        return err(describeFailure(error))
      }
    },
  }
}

const evaluators = new Map<string, Environment>()

function evaluator(variables: readonly string[]): Environment {
  const key = variables.join(' ')
  const known = evaluators.get(key)
  if (known) return known
  const environment = new Environment({
    homogeneousAggregateLiterals: false,
    // Holding a walk short adds a call around what it walks.
    limits: { ...limits, maxAstNodes: 2 * limits.maxAstNodes, maxDepth: limits.maxDepth + 1 },
  })
  for (const name of variables) environment.registerVariable(name, 'dyn')
  environment.registerFunction(`${walked}(dyn): dyn`, shortEnough)
  evaluators.set(key, environment)
  return environment
}

/** ATTACK: H7, a body that is one long list, at a rule that looks at each of its items. */
function shortEnough(value: unknown): unknown {
  const count = Array.isArray(value) ? value.length : Object.keys(Object(value)).length
  if (count > maxWalked)
    throw new EvaluationError({
      code: 'too_many_items',
      message: `a list macro walks at most ${maxWalked} items`,
    })
  return value
}

function holdShort(source: string, ranges: readonly WalkedRange[]): string {
  return ranges.reduceRight(
    (text, { start, end }) => `${text.slice(0, start)}${walked}(${text.slice(start, end)})${text.slice(end)}`,
    source,
  )
}

function replaceAll(source: string, places: readonly number[], from: string, to: string): string {
  return places.reduce(
    (text, place) =>
      text.startsWith(from, place) ? text.slice(0, place) + to + text.slice(place + from.length) : text,
    source,
  )
}
