import type { SchemePlan } from '../program/schemes.ts'

/** How a scheme is verified, in one line for people. */
export function describeScheme(scheme: SchemePlan): string {
  switch (scheme.kind) {
    case 'jwt': {
      const age = scheme.maxTokenAgeSeconds === null ? '' : `, at most ${scheme.maxTokenAgeSeconds} s old`
      return `JWT of ${scheme.issuers.join(' or ')} for ${scheme.audiences.join(' or ')}, ${scheme.algorithms.join(' or ')}${age}`
    }
  }
}
