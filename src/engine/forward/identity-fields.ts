import { compileExpression, type Expression } from '../../expression/compile-expression.ts'
import { identityScope } from '../../expression/scopes.ts'
import type { UpstreamPlan } from '../../program/program.ts'
import type { Principal } from '../principal.ts'
import type { IdentityField } from './compose-forwarding.ts'

// ATTACK: B10, CR or LF from a claim; and no blanks at the ends, which a parser would trim.
const plainValue = /^[\x21-\x7e](?:[\x20-\x7e]{0,4094}[\x21-\x7e])?$/

/** Fields that tell the backend who is calling. A claim that is absent or not plain text leaves its field out. */
export function identityFields(upstream: UpstreamPlan): readonly IdentityField[] {
  return Object.entries(upstream.identityHeaders).map(([name, source]) => {
    const compiled = compileExpression(source, identityScope, 'value')
    if (!compiled.ok) throw new Error(`identity header ${name} does not compile: ${compiled.error.message}`)
    return { name: name.toLowerCase(), valueFor: (principal) => valueFor(compiled.value, principal) }
  })
}

function valueFor(expression: Expression, principal: Principal): string | null {
  const { claims, client, subject, issuer } = principal
  const result = expression.evaluate({ token: claims, client, subject, issuer })
  if (!result.ok) return null
  const { value } = result
  const text =
    typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean' ? `${value}` : value
  return typeof text === 'string' && plainValue.test(text) ? text : null
}
