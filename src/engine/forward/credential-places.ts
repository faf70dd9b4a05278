import type { OperationPlan, Program } from '../../program/program.ts'
import type { Target } from '../normalize/target.ts'

/** Where credentials may stand that are meant for the gateway alone. */
export interface CredentialPlaces {
  /** Lower case. */
  readonly header: ReadonlySet<string>
  readonly cookie: ReadonlySet<string>
  /** Parameters that the operation's own schemes read. */
  readonly query: ReadonlySet<string>
  /** These, and those of other schemes that are no parameter of the operation: cut out, however they got here. */
  readonly withheldQuery: ReadonlySet<string>
  /** Schemes whose credential in `Authorization` may be forwarded: access tokens, which the backend validates again. */
  readonly tokens: ReadonlySet<string>
}

/** API keys of any scheme of the program never reach a backend, even where an operation declares their name. */
export function credentialPlaces(
  { schemes }: Program,
  { security, parameters }: OperationPlan,
): CredentialPlaces {
  const keys = Object.values(schemes).flatMap((plan) => (plan.kind === 'apiKey' ? [plan] : []))
  const named = (place: string) => new Set(keys.filter((plan) => plan.in === place).map(({ name }) => name))
  const own = new Set(security.alternatives.flatMap((one) => one.map(({ scheme }) => scheme)))
  const query = Object.entries(schemes).flatMap(([name, plan]) =>
    plan.kind === 'apiKey' && plan.in === 'query' && own.has(name) ? [plan.name] : [],
  )
  const declared = new Set(parameters.flatMap(({ in: place, name }) => (place === 'query' ? [name] : [])))
  const others = [...named('query')].filter((name) => !declared.has(name))
  const tokens = Object.entries(schemes).flatMap(([name, plan]) =>
    plan.kind === 'jwt' || plan.kind === 'introspection' ? [name] : [],
  )
  return {
    header: named('header'),
    cookie: named('cookie'),
    query: new Set(query),
    withheldQuery: new Set([...query, ...others]),
    tokens: new Set(tokens),
  }
}

/** The query without the pairs of these names; all others stand as they were received. */
export function searchWithout({ search, query }: Target, names: ReadonlySet<string>): string {
  if (names.size === 0 || !query.some(({ name }) => names.has(name))) return search
  let index = 0
  const kept = search
    .slice(1)
    .split('&')
    .filter((pair) => pair === '' || !names.has(query[index++]?.name ?? ''))
  return kept.length === 0 ? '' : `?${kept.join('&')}`
}
