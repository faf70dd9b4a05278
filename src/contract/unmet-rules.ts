import type { ExpressionScope } from '../expression/compile-expression.ts'
import { findUnmet } from '../expression/find-unmet.ts'
import type { RequirementPlan, RulePlan } from '../program/program.ts'
import type { SchemePlan } from '../program/schemes.ts'
import type { Report } from './report.ts'

type Kind = SchemePlan['kind']

const tokens: readonly Kind[] = ['jwt', 'introspection', 'session']

/** Variables of a rule that are about the caller, and the kinds of scheme that give them. */
const givenBy: { readonly [variable: string]: readonly Kind[] } = {
  token: tokens,
  key: ['apiKey'],
  client: tokens,
}

/** An operation, and how it knows its callers. */
export interface GuardedOperation {
  readonly id: string
  /** Empty: it is public. */
  readonly alternatives: readonly RequirementPlan[]
  /** Undefined where nothing verifies the scheme, which is a problem of its own. */
  readonly kindOf: (scheme: string) => Kind | undefined
}

/**
 * Tells of a rule that needs what no caller of an operation has, so that it denies them all (a problem), or what callers
 * by one of several alternatives have not (a warning). One that asks, and has another way to hold, is sound.
 */
export function reportUnmetRule(
  { expression, source }: RulePlan,
  scope: ExpressionScope,
  { id, alternatives, kindOf }: GuardedOperation,
  report: Report,
): void {
  const isPublic = alternatives.length === 0
  const shut: { readonly requirement: RequirementPlan; readonly unmet: readonly string[] }[] = []
  const judged = isPublic ? [[]] : alternatives
  for (const requirement of judged) {
    const kinds = requirement.map(({ scheme }) => kindOf(scheme))
    if (kinds.includes(undefined)) return
    const lacking = Object.keys(givenBy).filter(
      (variable) => !kinds.some((kind) => kind && givenBy[variable]?.includes(kind)),
    )
    const unmet = findUnmet(expression, scope, lacking)
    if (unmet.length > 0) shut.push({ requirement, unmet })
  }
  if (shut.length === judged.length) {
    const unmet = [...new Set(shut.flatMap((one) => one.unmet))]
    const kinds = [...new Set(unmet.flatMap((variable) => givenBy[variable] ?? []))]
    const reads = `it reads ${unmet.join(' and ')}`
    report.error(
      'rule-unmet',
      source,
      isPublic
        ? `authorize: the rule denies every caller of ${id}, which is public: ${reads}`
        : `authorize: the rule denies every caller of ${id}: ${reads}, which no alternative of its security gives`,
      `demand a scheme of ${listOf(kinds)} there, or write the rule only where one is demanded`,
    )
    return
  }
  for (const { requirement, unmet } of shut) {
    const names = requirement.map(({ scheme }) => scheme).join(' and ')
    const who = names === '' ? `anonymous caller of ${id}` : `caller of ${id} by ${names}`
    report.warn(
      'rule-unmet',
      source,
      `authorize: the rule denies every ${who}: it reads ${unmet.join(' and ')}`,
      'take that alternative out of its security, or let the rule say when it holds for them',
    )
  }
}

function listOf(kinds: readonly string[]): string {
  return kinds.join(', ').replace(/, ([^,]+)$/, ' or $1')
}
