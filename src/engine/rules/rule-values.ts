import type { ExpressionScope } from '../../expression/compile-expression.ts'
import { carry, type ValueType } from '../../expression/value-type.ts'
import { keyMembers } from '../principal.ts'
import type { RuleInput } from './rules.ts'

/**
 * The variables of an operation's rules. Each is made when a rule first asks for it, so that a body that no rule
 * looks at costs nothing.
 * INVARIANT: what was not validated is undefined, which is an error to the rule that needs it, never an absence.
 */
export class RuleValues {
  readonly #scope: ExpressionScope
  readonly #input: RuleInput
  readonly #made = new Map<string, unknown>()

  constructor(scope: ExpressionScope, input: RuleInput) {
    this.#scope = scope
    this.#input = input
  }

  get token(): unknown {
    return this.#input.principal.claims
  }

  get key(): unknown {
    return keyMembers(this.#input.principal.key)
  }

  get client(): unknown {
    return this.#input.principal.client
  }

  get path(): unknown {
    return this.#once('path', (type) => membersOf(type, this.#input.parameters?.path))
  }

  get query(): unknown {
    return this.#once('query', (type) => membersOf(type, this.#input.parameters?.query))
  }

  get headers(): unknown {
    return this.#once('headers', (type) => membersOf(type, lowerCased(this.#input.parameters?.header)))
  }

  get body(): unknown {
    return this.#once('body', (type) => {
      const { body } = this.#input
      return body === null ? absentBody(type) : carry(type, body)
    })
  }

  #once(name: string, make: (type: ValueType) => unknown): unknown {
    const type = this.#scope[name]
    if (type === undefined) return undefined
    if (!this.#made.has(name)) this.#made.set(name, make(type))
    return this.#made.get(name)
  }
}

/** A body that may be left out, and was: an object without members; null where the type says nothing. */
function absentBody(type: ValueType): unknown {
  if (type === 'dyn') return null
  return typeof type === 'object' && type.kind !== 'list' ? Object.create(null) : undefined
}

function membersOf(type: ValueType, values: ReadonlyMap<string, unknown> | undefined): unknown {
  if (!values) return undefined
  const members: Record<string, unknown> = Object.create(null)
  for (const [name, value] of values) members[name] = value
  return carry(type, members)
}

function lowerCased(values: ReadonlyMap<string, unknown> | undefined): Map<string, unknown> | undefined {
  return values && new Map([...values].map(([name, value]) => [name.toLowerCase(), value]))
}
