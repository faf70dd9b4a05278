import type { Expression, ExpressionScope } from '../../expression/compile-expression.ts'
import type { RulePlan } from '../../program/program.ts'
import { allow, type Decision, deny } from '../decision.ts'
import type { Principal } from '../principal.ts'
import type { ParameterValues } from '../validate/validate-parameters.ts'
import { RuleValues } from './rule-values.ts'

export interface LinkedRule {
  readonly plan: RulePlan
  readonly expression: Expression
}

/** The rules of one operation, and the types of what they look at. */
export interface LinkedRules {
  readonly scope: ExpressionScope
  readonly rules: readonly LinkedRule[]
}

/** What a rule may look at: who calls, and the validated input. */
export interface RuleInput {
  readonly principal: Principal
  /** Null where they are not valid and pass all the same (`validate: report`). */
  readonly parameters: ParameterValues | null
  /** The validated body; null when there is none; undefined when its content is unseen or not valid. */
  readonly body: unknown
}

/**
 * Decides by the contract's object-level rules; all must hold.
 * INVARIANT: only `true` allows. An error, an absent claim or any other value is a denial.
 * @see OWASP API Security Top 10, API1:2023
 */
export function judgeRules(linked: LinkedRules | null, input: RuleInput): Decision<null> {
  if (!linked) return allow(null)
  const values = new RuleValues(linked.scope, input)
  for (const { plan, expression } of linked.rules) {
    const result = expression.evaluate(values)
    if (!result.ok || result.value !== true) {
      const { file, line } = plan.source
      const why = result.ok ? 'does not hold' : `cannot be evaluated: ${result.error}`
      return {
        ...deny('rules', 'not_authorized', `the rule at ${file}:${line} ${why}`),
        rule: plan.source,
      }
    }
  }
  return allow(null)
}
