import { pointerStep } from '../base/fault-pointer.ts'
import { isJsonObject, type JsonObject, type JsonSchema } from '../base/json.ts'
import type { SchemaFault } from './fault-run.ts'
import { notFixed, notListed } from './judge-value.ts'
import { type Definitions, definitionOf } from './parts.ts'

/** A branch of `anyOf` or `oneOf` that did not match, and what was wrong. */
export interface Miss {
  readonly branch: JsonSchema
  readonly faults: readonly SchemaFault[]
}

/**
 * The branch that an instance at `pointer` was meant to match: the only one whose faults lie deeper than the instance,
 * or of several the only one that lists the value of a member whose value others do not list.
 */
export function meantBranch(
  missed: readonly Miss[],
  pointer: string,
  definitions: Definitions,
): Miss | undefined {
  const near = missed.filter(({ faults }) => faults.every((fault) => fault.pointer !== pointer))
  if (near.length === 1) return near[0]
  const told = near.map((miss) => ({
    miss,
    missing: miss.faults.flatMap((fault) => tellingStep(fault, pointer)),
  }))
  const telling = new Set(told.flatMap(({ missing }) => missing))
  const agreeing = told.filter(({ miss, missing }) =>
    listedSteps(miss.branch, definitions).some((step) => telling.has(step) && !missing.includes(step)),
  )
  return agreeing.length === 1 ? agreeing[0]?.miss : undefined
}

/** The step to a member of the instance, if its value is none of those that a branch lists. */
function tellingStep({ pointer: at, message }: SchemaFault, pointer: string): readonly string[] {
  const isListFault = message === notListed || message === notFixed
  return isListFault && at.lastIndexOf('/') === pointer.length ? [at.slice(pointer.length + 1)] : []
}

/** The steps to the members whose values a schema lists for the instance itself. */
function listedSteps(schema: JsonSchema, definitions: Definitions): readonly string[] {
  return sameParts(schema, definitions).flatMap(({ properties }) =>
    Object.entries((properties ?? {}) as { readonly [name: string]: JsonSchema }).flatMap(([name, member]) =>
      sameParts(member, definitions).some(isList) ? [pointerStep(name)] : [],
    ),
  )
}

const isList = (schema: JsonObject): boolean => 'const' in schema || 'enum' in schema

/** A schema and all that it refers to or joins with `allOf`. */
function sameParts(
  schema: JsonSchema,
  definitions: Definitions,
  seen: Set<JsonSchema> = new Set(),
): readonly JsonObject[] {
  if (!isJsonObject(schema) || seen.has(schema)) return []
  seen.add(schema)
  const { $ref, allOf = [] } = schema
  const parts = [
    ...(allOf as readonly JsonSchema[]),
    ...(typeof $ref === 'string' ? [definitionOf($ref, definitions)] : []),
  ]
  return [schema, ...parts.flatMap((part) => sameParts(part, definitions, seen))]
}
