import type { Json } from '../base/json.ts'
import { isJsonObject } from '../base/json.ts'
import { nearest } from '../base/nearest.ts'
import { pointerTo } from '../base/pointer.ts'
import type { RequirementPlan, SecurityPlan, SourcePosition } from '../program/program.ts'
import type { SchemePlan } from '../program/schemes.ts'
import { bindScheme, type DefinedScheme, readDefinedScheme, verifiersOf } from './bind-scheme.ts'
import type { Configuration, ContractEntry, IdentityEntry } from './configuration/configuration.ts'
import type { Documents } from './documents.ts'
import { type OpenApiVersion, openApiKeys } from './openapi-keys.ts'
import type { Section } from './section.ts'

/** RFC 6749 3.3 */
const scopeSyntax = /^[\x21\x23-\x5b\x5d-\x7e]+$/

/** A scheme that operations demand, bound to its verifier. */
export interface BoundScheme {
  readonly plan: SchemePlan
  readonly secrets: IdentityEntry['secrets']
}

/** Decides the security of operations of one contract. */
export class SecurityReader {
  readonly #root: Section
  readonly #configuration: Configuration
  readonly #entry: ContractEntry
  readonly #version: OpenApiVersion
  readonly #schemes = new Map<string, DefinedScheme>()
  /** Schemes that some operation demands, by the name the program uses. */
  readonly #bound: Map<string, BoundScheme>

  constructor(
    root: Section,
    documents: Documents,
    configuration: Configuration,
    entry: ContractEntry,
    version: OpenApiVersion,
    bound: Map<string, BoundScheme>,
  ) {
    this.#root = root
    this.#configuration = configuration
    this.#entry = entry
    this.#version = version
    this.#bound = bound
    const components = root.child('components')
    const schemes = components?.child('securitySchemes')
    for (const name of Object.keys(schemes?.value ?? {})) {
      const at = { file: root.source.file, pointer: pointerTo('/components/securitySchemes', name) }
      const section = documents.section({ value: schemes?.value[name] as Json, at })
      const scheme = section && readDefinedScheme(section.expect(openApiKeys.securityScheme, 'extensions'))
      if (scheme) this.#schemes.set(name, scheme)
      if (scheme?.kind !== 'mutualTLS' || version !== '3.0') continue
      const message = 'OpenAPI 3.0 knows no mutualTLS; it is read as OpenAPI 3.1 has it'
      section?.report.warn('openapi-version', section.position('type'), message, 'write OpenAPI 3.1')
    }
  }

  /** Lower-case names of the fields in which keys of the document's schemes come. */
  get keyFields(): ReadonlySet<string> {
    const places = [...this.#schemes.values()].map(({ place }) => place)
    return new Set(places.flatMap((place) => (place?.in === 'header' ? [place.name.toLowerCase()] : [])))
  }

  /** The operation's own `security`, else the document's, else the configuration's; undecided is an error. */
  decide(operation: Section, id: string): SecurityPlan | undefined {
    if (operation.has('security')) return this.#read(operation, 'operation')
    if (this.#root.has('security')) return this.#read(this.#root, 'document')
    const { security, securityPosition } = this.#configuration
    if (security && securityPosition) {
      const alternatives = security.map((alternative) =>
        Object.entries(alternative).map(([scheme, scopes]) => {
          const defined = this.#schemes.get(scheme) ?? null
          this.#checkSyntax(defined?.kind ?? 'oauth2', scopes, securityPosition)
          return { scheme: this.#bind(scheme, defined, securityPosition), scopes }
        }),
      )
      return { alternatives, decidedBy: 'configuration', source: securityPosition }
    }
    operation.report.error(
      'security-undecided',
      operation.position(undefined, 'key'),
      `nothing says who may call ${id}`,
      'write security on the operation or the document ([] for public), or a default in portcullis.yaml',
    )
    return undefined
  }

  #read(section: Section, decidedBy: 'operation' | 'document'): SecurityPlan | undefined {
    const value = section.get('security')
    if (!Array.isArray(value)) return section.wrong('security', 'a list of requirements, [] for public')
    const alternatives = value.map((alternative: Json, index) =>
      this.#readAlternative(section, alternative, index),
    )
    if (alternatives.some((alternative) => alternative === undefined)) return undefined
    const source = section.position('security', 'key')
    if (alternatives.some((alternative) => alternative?.length === 0)) {
      section.report.warn(
        'authentication-optional',
        source,
        'an empty requirement lets anonymous callers in',
        'remove {} unless that is meant',
      )
    }
    return { alternatives: alternatives as RequirementPlan[], decidedBy, source }
  }

  #readAlternative(section: Section, alternative: Json, index: number): RequirementPlan | undefined {
    if (!isJsonObject(alternative))
      return section.wrong('security', 'a list of mappings from schemes to scopes')
    const requirement: { scheme: string; scopes: readonly string[] }[] = []
    for (const [name, scopes] of Object.entries(alternative)) {
      const at = section.source.position(
        `${pointerTo(pointerTo(section.pointer, 'security'), index)}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`,
        'key',
      )
      const scheme = this.#schemes.get(name)
      if (!scheme) {
        const meant = nearest(name, this.#schemes.keys())
        section.report.error(
          'security-scheme-unknown',
          at,
          `the contract defines no security scheme ${name}`,
          meant ? `did you mean ${meant}?` : 'define it in components.securitySchemes',
        )
        continue
      }
      if (!Array.isArray(scopes) || !scopes.every((scope) => typeof scope === 'string')) {
        section.report.error(
          'value-invalid',
          at,
          `the scopes of ${name} must be a list of texts`,
          'write [] for none',
        )
        continue
      }
      this.#checkScopes(section, name, scheme, scopes as readonly string[], at)
      requirement.push({ scheme: this.#bind(name, scheme, at), scopes: scopes as readonly string[] })
    }
    return requirement.length === Object.keys(alternative).length ? requirement : undefined
  }

  #checkScopes(
    section: Section,
    name: string,
    { kind, scopes: known }: DefinedScheme,
    scopes: readonly string[],
    at: SourcePosition,
  ): void {
    if (kind === 'http bearer' && this.#version === '3.0' && scopes.length > 0) {
      section.report.error(
        'scope-unknown',
        at,
        `OpenAPI 3.0 knows no scopes for ${name}, which is http bearer`,
        'make it an oauth2 scheme, or write []',
      )
    }
    this.#checkSyntax(kind, scopes, at)
    for (const scope of known ? scopes.filter((one) => !known.has(one)) : []) {
      const meant = nearest(scope, known ?? [])
      section.report.error(
        'scope-unknown',
        at,
        `${name} lists no scope ${scope}`,
        meant ? `did you mean ${meant}?` : 'list it in a flow of the scheme',
      )
    }
  }

  /** What kinds without tokens have in their place are roles (OpenAPI 3.1.1 4.8.30.1), which no challenge names. */
  #checkSyntax(kind: string, scopes: readonly string[], at: SourcePosition): void {
    const isOfTokens = verifiersOf(kind).includes('jwt')
    for (const scope of isOfTokens ? scopes.filter((one) => !scopeSyntax.test(one)) : [])
      this.#root.report.error(
        'value-invalid',
        at,
        `${JSON.stringify(scope)} is no scope, and no challenge could name it`,
        'write one word of printable ASCII, without quotes and backslashes (RFC 6749 3.3)',
      )
  }

  /** INVARIANT: a scheme that an operation demands has a verifier, or the gate does not open (attack A23). */
  #bind(name: string, defined: DefinedScheme | null, at: SourcePosition): string {
    const [proposed] = defined ? verifiersOf(defined.kind) : verifiersOf('oauth2')
    if (proposed === undefined) {
      this.#unverified(
        at,
        `${name} is ${defined?.kind}, which this version cannot verify`,
        'use http bearer, oauth2 or openIdConnect',
      )
      return name
    }
    const { identity } = this.#configuration
    const key = [`${this.#entry.name}.${name}`, name].find((one) => Object.hasOwn(identity, one))
    const entry = key === undefined ? undefined : identity[key]
    if (key === undefined || !entry) {
      const meant = nearest(name, Object.keys(identity))
      this.#unverified(
        at,
        `nothing verifies ${name}`,
        meant
          ? `did you mean ${meant} in identity?`
          : `write identity.${name}: { type: ${proposed}, … } in portcullis.yaml`,
      )
      return name
    }
    const plan = bindScheme(defined, entry)
    if (typeof plan === 'string')
      this.#unverified(entry.position, `${name}: ${plan}`, `write type: ${proposed}`)
    else this.#keep(key, plan, entry, at)
    return key
  }

  /** Two contracts may share an entry only where both mean the same by it. */
  #keep(key: string, plan: SchemePlan, { secrets }: IdentityEntry, at: SourcePosition): void {
    const earlier = this.#bound.get(key)
    if (earlier && JSON.stringify(earlier.plan) !== JSON.stringify(plan)) {
      this.#unverified(
        at,
        `another contract defines ${key} differently`,
        `write identity.${this.#entry.name}.${key}, an entry for this contract alone`,
      )
      return
    }
    this.#bound.set(key, { plan, secrets })
  }

  #unverified(at: SourcePosition, message: string, fix: string): void {
    this.#root.report.error('scheme-without-verifier', at, message, fix)
  }
}
