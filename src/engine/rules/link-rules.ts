import { compileExpression } from '../../expression/compile-expression.ts'
import { ruleScope } from '../../expression/scopes.ts'
import type { OperationPlan } from '../../program/program.ts'
import type { LinkedRule } from './rules.ts'

export function linkRules(plan: Pick<OperationPlan, 'id' | 'rules' | 'parameters'>): readonly LinkedRule[] {
  return plan.rules.map((rule) => {
    const compiled = compileExpression(rule.expression, ruleScope(plan.parameters), 'condition')
    if (!compiled.ok) throw new Error(`a rule of ${plan.id} does not compile: ${compiled.error.message}`)
    return { plan: rule, expression: compiled.value }
  })
}
