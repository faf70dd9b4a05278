import type {
  AddressLists,
  CapPlan,
  CorsPlan,
  LimitPlan,
  Priority,
  SourcePosition,
  UpstreamPlan,
} from '../../program/program.ts'
import type { SchemePlan } from '../../program/schemes.ts'
import type { Settings } from '../../program/settings.ts'
import type { TrailDefault } from './trail.ts'
import type { Validation } from './validation.ts'

/** `portcullis.yaml`, read, checked and with every default filled in. Paths are absolute. */
export interface Configuration {
  readonly file: string
  readonly contracts: readonly ContractEntry[]
  readonly settings: Settings
  readonly upstreams: { readonly [name: string]: UpstreamPlan & { readonly timeoutMs: number } }
  /** By scheme name, or `contract.scheme` where names collide between contracts. */
  readonly identity: { readonly [scheme: string]: IdentityEntry }
  readonly limits: readonly (LimitPlan | CapPlan)[]
  readonly failedAuthentications: LimitPlan
  /** Most fields in a head. */
  readonly maxFields: number
  /** Of operations that say nothing. */
  readonly priority: Priority
  /** Default for operations that decide nothing; null when not written. */
  readonly security: readonly SecurityDefault[] | null
  readonly securityPosition: SourcePosition | null
  readonly validate: Validation
  /** `validate.undeclaredCookies` is written. */
  readonly decidesCookies: boolean
  readonly allowWeakening: boolean
  readonly trustedProxies: readonly string[]
  readonly addresses: AddressLists
  readonly hosts: readonly string[]
  readonly publicUrl: string | null
  readonly cors: CorsPlan | null
  readonly trail: TrailDefault
}

export interface ContractEntry {
  /** Label in operation ids and identities when there are several; `default` for `contract: FILE`. */
  readonly name: string
  readonly file: string
  /** From the configuration; null means: the path of the first entry of the document's `servers`. */
  readonly basePath: string | null
  readonly stripBasePath: boolean
  readonly upstream: string
  readonly cors: CorsPlan | null
  readonly addresses: AddressLists | null
  readonly position: SourcePosition
}

/** One alternative of the default, e.g. `{ bearerAuth: ['orders:read'] }`. */
export type SecurityDefault = { readonly [scheme: string]: readonly string[] }

/** One entry of `identity`: how credentials of a scheme are verified. */
export interface IdentityEntry {
  readonly plan: SchemePlan
  /** What the verifier needs and the program must not hold, by key, e.g. `clientSecret`. */
  readonly secrets: { readonly [key: string]: string }
  readonly position: SourcePosition
}
