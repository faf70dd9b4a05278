import { compileExpression, type ExpressionScope } from '../expression/compile-expression.ts'
import { isSeen } from '../expression/scopes.ts'
import type { BodyPlan, RulePlan } from '../program/program.ts'
import type { Report } from './report.ts'

/** Tells of rules that read a body which may also come in content that they do not see: such requests are denied. */
export function reportUnseenBodies(
  body: BodyPlan | null,
  { expression, source }: RulePlan,
  { body: seen, ...without }: ExpressionScope,
  report: Report,
): void {
  const unseen = (body?.content ?? []).filter((content) => !isSeen(content))
  if (unseen.length === 0 || seen === undefined) return
  if (compileExpression(expression, without, 'condition').ok) return
  report.warn(
    'rule-body-unseen',
    source,
    `authorize: the rule reads the body, and is not shown one of ${unseen.map(({ mediaType }) => mediaType).join(' or ')}: every such request is denied`,
    'take what streams out of the contents of the operation, or let the rule look at something else',
  )
}
