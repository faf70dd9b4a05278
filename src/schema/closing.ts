import { isJsonObject, type Json, type JsonObject, type JsonSchema } from '../base/json.ts'
import { type Definitions, definitionOf } from './parts.ts'
import { compilePattern } from './pattern.ts'

/** What the closing asks of its caller. */
export interface ClosingPorts {
  readonly definitions: Definitions
  /** Whether a schema holds for an instance, which is a part of the one being closed. */
  holds(schema: JsonSchema, instance: unknown, pointer: string): boolean
  /** Takes note of a member that nothing declares. @returns whether to look for more */
  refuse(pointer: string): boolean
  /** The pointer to a member. */
  step(pointer: string, name: string): string
}

/** A schema that applies to an instance, and how many conditions (`if`) it stands in. */
interface Applied {
  readonly schema: JsonSchema
  readonly conditions: number
}

type Speakers = ReadonlyMap<JsonObject, number>

/**
 * Closes an instance at every depth against all that applies to it: a member is declared where any schema applies to it,
 * through whichever parts and branches, as `unevaluatedProperties` would have it for the outermost object alone. What
 * holds for the instance is known before; a branch that does not hold declares nothing. A condition declares members, and
 * closes nothing that other schemas speak of.
 *
 * Each object and array is visited once, with all the schemas that speak of it: the work grows with the instance alone.
 */
export class Closing {
  readonly #ports: ClosingPorts

  constructor(ports: ClosingPorts) {
    this.#ports = ports
  }

  /** @param schema that holds for the instance */
  close(schema: JsonSchema, instance: unknown, pointer: string): void {
    this.#visit([{ schema, conditions: 0 }], instance, pointer)
  }

  /** @returns false when no more need be looked for */
  #visit(applied: readonly Applied[], instance: unknown, pointer: string): boolean {
    if (typeof instance !== 'object' || instance === null) return true
    const speakers = this.#speakers(applied, instance, pointer)
    // A value that is listed is declared as a whole.
    if ([...speakers.keys()].some((schema) => 'enum' in schema || 'const' in schema)) return true
    if (Array.isArray(instance)) {
      return instance.every((item, index) => {
        const found = this.#toItem(speakers, instance, index, pointer)
        return found.length === 0 || this.#visit(found, item, `${pointer}/${index}`)
      })
    }
    const closed = [...speakers.values()].includes(0)
    return Object.entries(instance).every(([name, member]) => {
      const found = this.#toMember(speakers, instance, name, pointer)
      const at = this.#ports.step(pointer, name)
      if (found.length === 0) return !closed || this.#ports.refuse(at)
      return this.#visit(closed ? settled(found) : found, member, at)
    })
  }

  /** All schemas that apply to an instance, and the fewest conditions that each stands in. */
  #speakers(applied: readonly Applied[], instance: object, pointer: string): Speakers {
    const found = new Map<JsonObject, number>()
    const { definitions } = this.#ports
    const holds = (part: JsonSchema) => this.#ports.holds(part, instance, pointer)
    const gather = (schema: JsonSchema, conditions: number): void => {
      if (!isJsonObject(schema)) return
      if ((found.get(schema) ?? Number.POSITIVE_INFINITY) <= conditions) return
      // A reference that stands alone says no more than what it leads to.
      if (typeof schema.$ref !== 'string' || Object.keys(schema).length > 1) found.set(schema, conditions)
      if (typeof schema.$ref === 'string') gather(definitionOf(schema.$ref, definitions), conditions)
      for (const part of schemasIn(schema.allOf)) gather(part, conditions)
      for (const branch of [...schemasIn(schema.anyOf), ...schemasIn(schema.oneOf)])
        if (holds(branch)) gather(branch, conditions)
      if (schema.if !== undefined) {
        const met = holds(schema.if as JsonSchema)
        if (met) gather(schema.if as JsonSchema, conditions + 1)
        gather(((met ? schema.then : schema.else) ?? true) as JsonSchema, conditions)
      }
      for (const [name, part] of Object.entries((schema.dependentSchemas ?? {}) as JsonObject))
        if (Object.hasOwn(instance, name)) gather(part as JsonSchema, conditions)
    }
    for (const { schema, conditions } of applied) gather(schema, conditions)
    return found
  }

  #toMember(speakers: Speakers, instance: object, name: string, pointer: string): readonly Applied[] {
    const found: Applied[] = []
    for (const [schema, conditions] of speakers) {
      const add = (part: Json | undefined) => found.push({ schema: part as JsonSchema, conditions })
      const before = found.length
      const { properties, patternProperties, additionalProperties, unevaluatedProperties } = schema
      if (isJsonObject(properties) && Object.hasOwn(properties, name)) add(properties[name])
      for (const [pattern, part] of Object.entries((patternProperties ?? {}) as JsonObject))
        if (nameMatches(pattern, name)) add(part)
      if (found.length === before && additionalProperties !== undefined) add(additionalProperties)
      if (found.length > before || unevaluatedProperties === undefined) continue
      const inner = this.#within(schema, instance, pointer)
      if (this.#toMember(inner, instance, name, pointer).length === 0) add(unevaluatedProperties)
    }
    return found
  }

  #toItem(
    speakers: Speakers,
    instance: readonly unknown[],
    index: number,
    pointer: string,
  ): readonly Applied[] {
    const found: Applied[] = []
    for (const [schema, conditions] of speakers) {
      const add = (part: Json) => found.push({ schema: part as JsonSchema, conditions })
      const { unevaluatedItems } = schema
      const own = schemasIn(schema.prefixItems)[index] ?? (schema.items as JsonSchema | undefined)
      if (own !== undefined) add(own)
      else if (unevaluatedItems !== undefined) {
        const inner = this.#within(schema, instance, pointer)
        const isContained = [...inner.keys()].some(
          ({ contains }) =>
            contains !== undefined &&
            this.#ports.holds(contains as JsonSchema, instance[index], `${pointer}/${index}`),
        )
        if (!isContained && this.#toItem(inner, instance, index, pointer).length === 0) add(unevaluatedItems)
      }
    }
    return found
  }

  /** What `unevaluatedProperties` and `unevaluatedItems` of a schema see: the schema without them, and its parts. */
  #within(schema: JsonObject, instance: object, pointer: string): Speakers {
    const { unevaluatedProperties: _, unevaluatedItems: __, ...others } = schema
    return this.#speakers([{ schema: others, conditions: 0 }], instance, pointer)
  }
}

/** A member that conditions alone declare is what they say. */
function settled(applied: readonly Applied[]): readonly Applied[] {
  const least = Math.min(...applied.map(({ conditions }) => conditions))
  if (least === 0) return applied
  return applied.map(({ schema, conditions }) => ({ schema, conditions: conditions - least }))
}

function schemasIn(list: Json | undefined): readonly JsonSchema[] {
  return (list ?? []) as readonly JsonSchema[]
}

function nameMatches(pattern: string, name: string): boolean {
  const matcher = compilePattern(pattern)
  return matcher.ok && matcher.value.test(name)
}
