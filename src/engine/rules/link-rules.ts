import { linkExpression } from '../../expression/compile-expression.ts'
import { ruleScope } from '../../expression/scopes.ts'
import type { OperationPlan, Program } from '../../program/program.ts'
import type { LinkedRules } from './rules.ts'

export function linkRules(
  plan: Pick<OperationPlan, 'id' | 'rules' | 'parameters' | 'body'>,
  definitions: Program['definitions'],
): LinkedRules | null {
  if (plan.rules.length === 0) return null
  const scope = ruleScope(plan, definitions)
  const rules = plan.rules.map((rule) => ({
    plan: rule,
    expression: linkExpression(rule.expression, scope),
  }))
  return { scope, rules }
}
