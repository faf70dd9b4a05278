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
  const own = origin === null ? [] : [origin]
  const pages = operation.cors?.credentials ? [...own, ...operation.cors.origins] : own
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
    return linkScheme(name, plan, setting, pages)
  })
  return { alternatives, schemes }
}

/**
 * Every kind of scheme and how it is judged.
 * @param pages origins whose pages may cause a request with a credential that the browser adds by itself
 */
function linkScheme(
  name: string,
  plan: SchemePlan,
  setting: TokenSetting,
  pages: readonly string[],
): LinkedScheme {
  switch (plan.kind) {
    case 'jwt':
    case 'introspection':
      return linkAccessToken(name, plan, setting)
    case 'mutualTLS':
      return linkClientCertificate(name, plan, pages)
    case 'apiKey':
      return linkApiKey(name, plan, pages)
    case 'basic':
      return linkBasic(name, plan, pages)
    case 'session':
      return linkSession(name, plan, setting.origin)
  }
}
