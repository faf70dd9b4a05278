import type { OperationPlan } from '../../program/program.ts'
import type { FieldTable } from '../parse/head.ts'

interface AllowedFields {
  readonly forwardable: ReadonlySet<string>
  readonly credentials: { readonly header: ReadonlySet<string> }
}

const maxAgeSeconds = 600

/**
 * The gateway's own answer to a CORS preflight of an operation; the origin's fields are added with all others.
 * Only fields that would reach the upstream, and the credential, are allowed.
 * @see Fetch 4.8, 3.3.3
 */
export function preflightFields(
  operation: Pick<OperationPlan, 'method'>,
  { forwardable, credentials }: AllowedFields,
  fields: FieldTable,
): readonly string[] {
  const asked = (fields.get('access-control-request-headers') ?? '')
    .split(',')
    .map((name) => name.trim().toLowerCase())
  const allowed = asked.filter(
    (name) => name === 'authorization' || credentials.header.has(name) || forwardable.has(name),
  )
  const answer = [
    'access-control-allow-methods',
    operation.method,
    'access-control-max-age',
    String(maxAgeSeconds),
  ]
  if (allowed.length > 0) answer.push('access-control-allow-headers', allowed.join(', '))
  return answer
}
