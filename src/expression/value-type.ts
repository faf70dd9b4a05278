/** Types of the Common Expression Language, as far as values of requests have them. `dyn`: known only at run time. */
export type ValueType = ScalarType | ListType | MapType | ObjectType

export type ScalarType = 'dyn' | 'string' | 'int' | 'double' | 'bool'

export interface ListType {
  readonly kind: 'list'
  readonly items: ValueType
}

/** Members whose names are known only at run time. */
export interface MapType {
  readonly kind: 'map'
  readonly values: ValueType
}

/** These members and no others. May contain itself. */
export interface ObjectType {
  readonly kind: 'object'
  readonly fields: ReadonlyMap<string, ValueType>
}

export const openMap: MapType = { kind: 'map', values: 'dyn' }

/**
 * A value of a request as the language wants it: where the type says `int`, a JavaScript number becomes a bigint,
 * since a number is a `double` to the evaluator. What holds no integer is returned as it is.
 */
export function carry(type: ValueType, value: unknown): unknown {
  if (typeof type === 'string') {
    return type === 'int' && Number.isInteger(value) ? BigInt(value as number) : value
  }
  if (typeof value !== 'object' || value === null || !holdsInteger(type)) return value
  if (Array.isArray(value)) {
    return type.kind === 'list' ? value.map((item) => carry(type.items, item)) : value
  }
  if (type.kind === 'list') return value
  const carried: Record<string, unknown> = Object.create(null)
  for (const [name, member] of Object.entries(value)) {
    const memberType = type.kind === 'map' ? type.values : type.fields.get(name)
    carried[name] = memberType === undefined ? member : carry(memberType, member)
  }
  return carried
}

const known = new WeakMap<object, boolean>()

function holdsInteger(type: Exclude<ValueType, string>): boolean {
  const answer = known.get(type) ?? reachesInteger(type, new Set())
  known.set(type, answer)
  return answer
}

function reachesInteger(type: ValueType, seen: Set<ValueType>): boolean {
  if (typeof type === 'string') return type === 'int'
  if (seen.has(type)) return false
  seen.add(type)
  if (type.kind === 'list') return reachesInteger(type.items, seen)
  if (type.kind === 'map') return reachesInteger(type.values, seen)
  return [...type.fields.values()].some((field) => reachesInteger(field, seen))
}
