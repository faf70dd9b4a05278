import { Environment } from '@marcbachmann/cel-js'
import type { ExpressionScope } from './compile-expression.ts'
import { limits } from './limits.ts'
import type { ObjectType, ValueType } from './value-type.ts'

/** Where expressions over a scope are type-checked; nothing is evaluated in it. */
export interface CheckedScope {
  readonly environment: Environment
  /** Members of an object type, by the name that the checker uses for it. */
  readonly members: ReadonlyMap<string, readonly string[]>
}

/**
 * Stands for `has` in a text that is checked, letter for letter, so that places stay what they are. The library's own
 * looks only at the first name, and a misspelt member would always be absent.
 */
export const presence = 'haS'

const declared = new WeakMap<ExpressionScope, Map<string, CheckedScope>>()

/**
 * Declares the variables of a scope, those that the text may name with their types; once for each scope and choice of
 * variables, since a large schema has hundreds of types.
 */
export function declareScope(scope: ExpressionScope, source: string): CheckedScope {
  const byChoice = declared.get(scope) ?? new Map<string, CheckedScope>()
  declared.set(scope, byChoice)
  const named = Object.keys(scope).filter((name) => source.includes(name))
  const key = named.join(' ')
  const checked = byChoice.get(key) ?? declareVariables(scope, new Set(named))
  byChoice.set(key, checked)
  return checked
}

function declareVariables(scope: ExpressionScope, named: ReadonlySet<string>): CheckedScope {
  const environment = base.clone()
  const types = new TypeNames()
  const variables = Object.entries(scope).map(
    ([name, type]) => [name, named.has(name) ? types.nameOf(type, capital(name)) : 'dyn'] as const,
  )
  const members = new Map<string, readonly string[]>()
  for (const [object, name] of types.objects) {
    const fields = [...object.fields].map(([field, type]) => [field, types.nameOf(type, name)] as const)
    members.set(
      name,
      fields.map(([field]) => field),
    )
    environment.registerType(name, { ctor: class {}, fields: Object.fromEntries(fields) })
  }
  for (const [name, type] of variables) environment.registerVariable(name, type)
  return { environment, members }
}

/** Gives every object type a name; an object found while others are named is named as well. */
class TypeNames {
  readonly objects = new Map<ObjectType, string>()
  readonly #taken = new Set<string>()

  nameOf(type: ValueType, suggestion: string, depth = 0): string {
    if (typeof type === 'string') return type
    // A list that contains itself has no name.
    if (depth > 4) return 'dyn'
    if (type.kind === 'list') return `list<${this.nameOf(type.items, suggestion, depth + 1)}>`
    if (type.kind === 'map') return `map<string, ${this.nameOf(type.values, suggestion, depth + 1)}>`
    return this.#objectName(type, suggestion)
  }

  #objectName(type: ObjectType, suggestion: string): string {
    const known = this.objects.get(type)
    if (known !== undefined) return known
    let name = suggestion
    for (let count = 2; this.#taken.has(name); count++) name = `${suggestion}${count}`
    this.#taken.add(name)
    this.objects.set(type, name)
    for (const [field, fieldType] of type.fields)
      this.nameOf(fieldType, `${name}.${field.replace(/\W/g, '_')}`)
    return name
  }
}

interface Checker {
  check(node: unknown, context: unknown): unknown
  getType(name: string): unknown
}

function presenceTest({ args }: { readonly args: readonly unknown[] }) {
  return {
    typeCheck(checker: Checker, _macro: unknown, context: unknown): unknown {
      checker.check(args[0], context)
      return checker.getType('bool')
    },
    evaluate: never,
  }
}

function never(): boolean {
  throw new Error('an expression is evaluated where it is only checked')
}

function capital(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1)
}

const base = new Environment({ homogeneousAggregateLiterals: false, limits })
// CEL compares numbers of both kinds (language definition, "Equality"); the checker knows it only at run time.
base.registerOperator('int == double', never)
base.registerFunction(`${presence}(ast): bool`, presenceTest)
