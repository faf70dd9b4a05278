import type { OperationPlan, Program, ResourcePlan } from '../program/program.ts'
import type { AccessTokenPlan, SchemePlan } from '../program/schemes.ts'

export const wellKnown = '/.well-known/oauth-protected-resource'

/** Where the metadata of an operation's API stands: the base path follows the well-known one (RFC 9728 3.1). */
export function metadataPath({ path }: ResourcePlan): string {
  return wellKnown + path
}

/** Null where the contract needs no token, and so has no metadata. */
export function metadataUrlOf(
  origin: string,
  { resources }: Program,
  { contract }: OperationPlan,
): string | null {
  const resource = resources.find((one) => one.contract === contract)
  return resource ? origin + metadataPath(resource) : null
}

/**
 * What clients may know of one API before they have a token: whom to ask for one, and for which scopes. All of it stands
 * in the contract or in tokens anyway.
 * @see RFC 9728 2
 */
export function resourceMetadata(origin: string, program: Program, resource: ResourcePlan): string {
  const schemes = resource.schemes.flatMap((name) => tokenPlan(program.schemes[name]) ?? [])
  const constraints = schemes.map(({ senderConstraint }) => senderConstraint)
  return JSON.stringify({
    resource: origin + resource.path,
    authorization_servers: [...new Set(schemes.flatMap(({ issuers }) => issuers))],
    scopes_supported: resource.scopes,
    bearer_methods_supported: ['header'],
    dpop_signing_alg_values_supported: ['ES256', 'PS256', 'RS256', 'EdDSA'],
    tls_client_certificate_bound_access_tokens: constraints.some((ways) => ways.includes('mutualTLS')),
    dpop_bound_access_tokens_required:
      constraints.length > 0 && constraints.every((ways) => ways.length === 1 && ways[0] === 'dpop'),
    ...(resource.documentation !== null && { resource_documentation: resource.documentation }),
  })
}

function tokenPlan(plan: SchemePlan | undefined): AccessTokenPlan | null {
  return plan && 'issuers' in plan ? plan : null
}
