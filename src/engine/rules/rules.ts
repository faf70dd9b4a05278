import type { Expression } from '../../expression/compile-expression.ts'
import type { RulePlan } from '../../program/program.ts'
import { allow, type Decision, deny } from '../decision.ts'
import type { Principal } from '../principal.ts'
import type { ParameterValues } from '../validate/validate-parameters.ts'

export interface LinkedRule {
  readonly plan: RulePlan
  readonly expression: Expression
}

/** What a rule may look at: who calls, and the validated input. */
export interface RuleInput {
  readonly principal: Principal
  readonly parameters: ParameterValues
  /** The validated JSON body; null when there is none or its content is unseen. */
  readonly body: unknown
}

/**
 * Decides by the contract's object-level rules; all must hold.
 * INVARIANT: only `true` allows. An error, an absent claim or any other value is a denial.
 * @see OWASP API Security Top 10, API1:2023
 */
export function judgeRules(rules: readonly LinkedRule[], input: RuleInput): Decision<null> {
  if (rules.length === 0) return allow(null)
  const values = {
    token: input.principal.claims,
    client: input.principal.client,
    path: Object.fromEntries(input.parameters.path),
    query: Object.fromEntries(input.parameters.query),
    headers: lowerCased(input.parameters.header),
    body: input.body,
  }
  for (const { plan, expression } of rules) {
    const result = expression.evaluate(values)
    if (!result.ok || result.value !== true) {
      const { file, line } = plan.source
      const why = result.ok ? 'does not hold' : `cannot be evaluated: ${result.error}`
      return deny('rules', 'not_authorized', `the rule at ${file}:${line} ${why}`)
    }
  }
  return allow(null)
}

function lowerCased(values: ReadonlyMap<string, unknown>): { readonly [name: string]: unknown } {
  return Object.fromEntries([...values].map(([name, value]) => [name.toLowerCase(), value]))
}
