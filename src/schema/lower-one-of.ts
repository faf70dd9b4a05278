import type { Json, JsonSchema } from '../base/json.ts'
import type { LoweringContext, SchemaLocation } from './lower.ts'

/** A branch of `oneOf` as it is written, where it stands, and lowered. */
export interface Branch {
  readonly schema: Json
  readonly at: SchemaLocation
  readonly lowered: JsonSchema
}

/**
 * `oneOf` whose branches demand different members that cannot be sent in this direction (`oneOf: [{ required: [id] }, { required:
 * [name] }]` with a readOnly `id`). Which of them are there is decided elsewhere, so that a branch counts unless another one
 * holds with no more of them than it demands itself: then two would hold.
 *
 * @param source the schema with the `oneOf`
 * @returns null where all demand the same of them, so that `oneOf` means what it says
 * @see OpenAPI 3.0.4 and 3.1.1 4.8.24, `readOnly`: if in the `required` list, it takes effect on the answer only
 */
export function lowerOneOf(
  branches: readonly Branch[],
  source: Json,
  at: SchemaLocation,
  { members, hidden }: LoweringContext,
): readonly JsonSchema[] | null {
  const common = members.demandedBy(source, at)
  const demands = branches.map(({ schema, at: place }) => {
    const hiddenHere = new Set([...hidden(), ...members.namesIn(schema, place)])
    const names = [...members.demandedBy(schema, place)]
    return new Set(names.filter((name) => hiddenHere.has(name) && !common.has(name)))
  })
  if (new Set(demands.map((names) => [...names].sort().join('\n'))).size <= 1) return null
  return branches.map(({ lowered }, index) => {
    const own = demands[index] as ReadonlySet<string>
    const rivals = branches.filter(
      (_, other) => other !== index && [...(demands[other] ?? [])].every((name) => own.has(name)),
    )
    if (rivals.length === 0) return lowered
    return { allOf: [lowered], not: { anyOf: rivals.map((rival) => rival.lowered) } }
  })
}
