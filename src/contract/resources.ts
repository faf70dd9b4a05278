import type { OperationPlan, ResourcePlan } from '../program/program.ts'
import type { AccessTokenPlan, SchemePlan } from '../program/schemes.ts'
import type { CompiledDocument } from './compile-document.ts'
import type { ContractEntry } from './configuration/configuration.ts'
import type { Report } from './report.ts'
import type { BoundScheme } from './security.ts'

/** Gathers what clients may discover of each contract whose operations take access tokens (RFC 9728 2). */
export function gatherResources(
  entries: readonly ContractEntry[],
  documents: readonly CompiledDocument[],
  operations: readonly OperationPlan[],
  schemes: ReadonlyMap<string, BoundScheme>,
): readonly ResourcePlan[] {
  return entries.flatMap(({ name: contract }, index): readonly ResourcePlan[] => {
    const about = documents[index]?.about
    const demands = operations
      .filter((operation) => operation.contract === contract)
      .flatMap(({ security }) => security.alternatives.flat())
      .filter(({ scheme }) => tokenPlan(schemes.get(scheme)?.plan))
    if (!about || demands.length === 0) return []
    return [
      {
        contract,
        path: about.basePath,
        documentation: about.documentation,
        schemes: [...new Set(demands.map(({ scheme }) => scheme))],
        scopes: [...new Set(demands.flatMap(({ scopes }) => scopes))].sort(),
      },
    ]
  })
}

/** Reports what needs the gateway's own origin, or stands where the gateway answers itself. */
export function checkOwnOrigin(
  origin: string | null,
  operations: readonly OperationPlan[],
  schemes: ReadonlyMap<string, BoundScheme>,
  report: Report,
): void {
  for (const { route, security, senderConstraints, source } of operations) {
    if (route.startsWith('/.well-known/oauth-protected-resource')) {
      report.error(
        'path-reserved',
        source,
        `${route} is where the gateway serves its own metadata (RFC 9728)`,
        'leave this path to the gateway',
      )
    }
    const own = security.alternatives
      .flat()
      .flatMap(({ scheme }) => tokenPlan(schemes.get(scheme)?.plan)?.senderConstraint ?? [])
    if (origin === null && [...own, ...senderConstraints.flat()].includes('dpop')) {
      report.error(
        'origin-unknown',
        security.source,
        'a DPoP proof names the address it is for, and nothing says by which origin clients reach this gateway',
        'write publicUrl: "https://api.example.com"',
      )
    }
  }
}

function tokenPlan(plan: SchemePlan | undefined): AccessTokenPlan | null {
  return plan && 'issuers' in plan ? plan : null
}
