import type { CorsPlan } from '../../program/program.ts'
import type { FieldTable } from '../parse/head.ts'

/** A browser's cross-origin request from an origin the contract lets in. */
export interface CrossOrigin {
  readonly origin: string
  readonly plan: CorsPlan
}

/** Nothing is allowed by default; an origin is compared as text, never by suffix or pattern. @see Fetch 3.3 */
export function crossOrigin(plan: CorsPlan | null, fields: FieldTable): CrossOrigin | null {
  const origin = fields.get('origin')
  if (plan === null || origin === null) return null
  return plan.origins.includes(origin) ? { origin, plan } : null
}

/** The method a preflight asks for; null when the request is none. @see Fetch 4.8 */
export function preflightMethod(method: string, fields: FieldTable): string | null {
  if (method !== 'OPTIONS' || fields.get('origin') === null) return null
  return fields.get('access-control-request-method')
}
