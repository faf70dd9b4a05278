import type { AccessTokenPlan, MutualTlsPlan, SchemePlan } from '../program/schemes.ts'
import { plural } from './terminal.ts'

/** How a scheme is verified, in one line for people. */
export function describeScheme(scheme: SchemePlan): string {
  switch (scheme.kind) {
    case 'jwt':
      return `JWT of ${scheme.issuers.join(' or ')} for ${scheme.audiences.join(' or ')}, ${scheme.algorithms.join(' or ')}${demands(scheme)}`
    case 'session':
      return `browser session after a login at ${scheme.issuer} as ${scheme.clientId}, for ${scheme.lifetimeSeconds} s, ${scheme.idleSeconds} s without use`
    case 'mutualTLS':
      return `client certificate ${describeClients(scheme)}`
    case 'apiKey':
      return `API key in ${scheme.in} ${scheme.name}, of the ledger of keys`
    case 'basic':
      return `name and password of ${plural(Object.keys(scheme.users).length, 'user')} (RFC 7617)`
    case 'introspection':
      return `token that ${scheme.issuers.join(' or ')} calls active for ${scheme.audiences.join(' or ')}, asked again after ${scheme.cacheSeconds} s${demands(scheme)}`
  }
}

function describeClients({ rules, anyTrusted }: MutualTlsPlan): string {
  const named = rules.map(
    ({ kind, value, scopes }) => `${kind} ${value}${scopes.length > 0 ? ` (${scopes.join(' ')})` : ''}`,
  )
  return [
    ...(named.length > 0 ? [`with ${named.join(' or ')}`] : []),
    ...(anyTrusted ? ['of any name'] : []),
  ].join(', or ')
}

function demands({ maxTokenAgeSeconds, senderConstraint, requiredClaims }: AccessTokenPlan): string {
  const age = maxTokenAgeSeconds === null ? '' : `, at most ${maxTokenAgeSeconds} s old`
  const bound = senderConstraint.length === 0 ? '' : `, bound by ${senderConstraint.join(' or ')}`
  const claims = Object.entries(requiredClaims).map(([name, values]) =>
    values === null ? `, with ${name}` : `, with ${name} ${values.join(' or ')}`,
  )
  return age + bound + claims.join('')
}
