import type { OperationPlan, Program } from '../../program/program.ts'
import type { SchemePlan } from '../../program/schemes.ts'
import { metadataUrlOf } from '../resource-metadata.ts'
import { linkAccessToken, type TokenSetting } from './access-token.ts'
import { linkApiKey } from './api-key.ts'
import type { LinkedSecurity } from './authenticate.ts'
import { linkBasic } from './basic.ts'
import { linkClientCertificate } from './client-certificate.ts'
import type { LinkedScheme } from './scheme.ts'
import { linkSession } from './session.ts'

export function linkSecurity(program: Program, operation: OperationPlan): LinkedSecurity {
  const { alternatives } = operation.security
  const { origin } = program.admission
  const setting: TokenSetting = {
    constraints: operation.senderConstraints,
    origin,
    metadataUrl: origin === null ? null : metadataUrlOf(origin, program, operation),
  }
  const names = new Set(alternatives.flatMap((requirement) => requirement.map(({ scheme }) => scheme)))
  const schemes = [...names].map((name) => {
    const plan = Object.hasOwn(program.schemes, name) ? program.schemes[name] : undefined
    // INVARIANT: A23, a scheme without a verifier never gets past the compiler.
    if (!plan) throw new Error(`the program names a scheme it does not hold: ${name}`)
    return linkScheme(name, plan, setting)
  })
  return { alternatives, schemes }
}

/** Every kind of scheme and how it is judged. */
function linkScheme(name: string, plan: SchemePlan, setting: TokenSetting): LinkedScheme {
  switch (plan.kind) {
    case 'jwt':
    case 'introspection':
      return linkAccessToken(name, plan, setting)
    case 'mutualTLS':
      return linkClientCertificate(name, plan)
    case 'apiKey':
      return linkApiKey(name, plan)
    case 'basic':
      return linkBasic(name, plan)
    case 'session':
      return linkSession(name, plan, setting.origin)
  }
}
