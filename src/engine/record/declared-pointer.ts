import { isJsonObject, type Json, type JsonSchema } from '../../base/json.ts'
import { pointerSteps, pointerTo } from '../../base/pointer.ts'
import type { OperationPlan, Program } from '../../program/program.ts'
import type { Fault } from '../decision.ts'

const maxSteps = 32
const branches = ['allOf', 'anyOf', 'oneOf'] as const
/** Stands for a name that the contract does not have: a client made it up, and may have put anything there. */
const undeclared = '…'

/**
 * The pointer of a fault with the names that the contract declares, up to the first it does not.
 * INVARIANT: nothing of it was written by the client but the indices of items.
 */
export function declaredPointer(
  fault: Pick<Fault, 'in' | 'pointer'>,
  { parameters, body }: Pick<OperationPlan, 'parameters' | 'body'>,
  definitions: Program['definitions'],
): string {
  const steps = pointerSteps(fault.pointer).slice(0, maxSteps)
  const tries =
    fault.in === 'body'
      ? (body?.content ?? []).map(({ schema }) => walk(schema, steps, definitions))
      : parameters
          .filter((one) => one.in === fault.in && one.name === steps[0])
          .map(({ name, schema }) => [name, ...walk(schema, steps.slice(1), definitions)])
  const longest = tries.reduce<readonly string[]>((best, one) => (one.length > best.length ? one : best), [])
  const said = longest.length < steps.length ? [...longest, undeclared] : longest
  return said.reduce((pointer, step) => pointerTo(pointer, step), '')
}

/** The steps that lead somewhere. */
function walk(
  schema: JsonSchema,
  steps: readonly string[],
  definitions: Program['definitions'],
): readonly string[] {
  let places: readonly JsonSchema[] = [schema]
  for (const [index, step] of steps.entries()) {
    const next = places.flatMap((place) => below(place, step, definitions, 0))
    if (next.length === 0) return steps.slice(0, index)
    places = next
  }
  return steps
}

function below(
  schema: Json,
  step: string,
  definitions: Program['definitions'],
  depth: number,
): readonly JsonSchema[] {
  if (!isJsonObject(schema) || depth > 8) return []
  const found: JsonSchema[] = []
  const { properties, items, $ref } = schema
  if (isJsonObject(properties ?? null) && Object.hasOwn(properties as object, step))
    found.push((properties as { readonly [name: string]: JsonSchema })[step] as JsonSchema)
  if (/^\d{1,6}$/.test(step) && items !== undefined) found.push(items as JsonSchema)
  const [, named] = /^#\/\$defs\/(.+)$/.exec(typeof $ref === 'string' ? $ref : '') ?? []
  const target =
    named === undefined ? undefined : definitions[named.replaceAll('~1', '/').replaceAll('~0', '~')]
  if (target !== undefined) found.push(...below(target, step, definitions, depth + 1))
  for (const keyword of branches) {
    const parts = schema[keyword]
    if (Array.isArray(parts))
      for (const part of parts) found.push(...below(part, step, definitions, depth + 1))
  }
  return found
}
