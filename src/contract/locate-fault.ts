import type { Json } from '../base/json.ts'
import { isJsonObject } from '../base/json.ts'
import { pointerSteps, pointerTo } from '../base/pointer.ts'
import type { OperationPlan, SourcePosition } from '../program/program.ts'
import { unknownField } from '../schema/faults.ts'
import { compilePattern } from '../schema/pattern.ts'
import { Documents, type Located } from './documents.ts'
import { entryFor } from './media-type.ts'
import { Report } from './report.ts'
import type { SourceFile } from './source.ts'

/** What is wrong with a request, as far as the place in the contract needs it. */
export interface FaultPlace {
  readonly in: 'path' | 'query' | 'header' | 'cookie' | 'body'
  readonly pointer: string
  readonly message?: string
}

const alternatives = ['anyOf', 'oneOf'] as const
const conditionals = ['then', 'else'] as const
const others = ['additionalProperties', 'unevaluatedProperties'] as const
const maxDepth = 16

/**
 * Finds where the contract says what a part of a request must be; the nearest place around it when it says nothing, or
 * when branches of `anyOf` and `oneOf` say it at several places, of which only the value knows the one that is meant.
 */
export class FaultLocator {
  readonly #documents = new Documents(new Report())

  /** @param contentType of the request; '' without */
  locate(
    plan: Pick<OperationPlan, 'source' | 'method'>,
    fault: FaultPlace,
    contentType: string,
  ): SourcePosition {
    const found = this.#operation(plan)
    if (!found) return plan.source
    const steps = pointerSteps(fault.pointer)
    if (fault.in === 'body') {
      const schema = this.#body(found, contentType)
      return schema ? this.#documents.position(this.#inside(schema, steps, fault).at) : plan.source
    }
    const [name = '', ...inner] = steps
    const parameter = this.#parameter(found, fault.in, name)
    if (!parameter) return plan.source
    const schema = inner.length > 0 ? this.#schemaOf(parameter) : undefined
    return this.#documents.position((schema ? this.#inside(schema, inner, fault) : parameter).at)
  }

  /** The operation and what stands around it, wherever references led to. */
  #operation({
    source,
    method,
  }: Pick<OperationPlan, 'source' | 'method'>): readonly [Located, Located] | undefined {
    const file = this.#documents.open(source.file, source)
    const at = file && findKey(file, file.value, '', method.toLowerCase(), source)
    if (!file || !at) return undefined
    const located = ({ value, pointer }: Found) => ({ value, at: { file: file.file, pointer } })
    return [located(at.own), located(at.around)]
  }

  #body([operation]: readonly [Located, Located], contentType: string): Located | undefined {
    const content = this.#down(this.#down(operation, 'requestBody'), 'content')
    const names = isJsonObject(content?.value ?? null) ? Object.keys(content?.value as object) : []
    const key = entryFor(contentType, names)
    return key === undefined ? undefined : this.#down(this.#down(content, key), 'schema')
  }

  #parameter(owners: readonly Located[], place: string, name: string): Located | undefined {
    for (const owner of owners) {
      const list = this.#down(owner, 'parameters')
      const length = Array.isArray(list?.value) ? list.value.length : 0
      for (let index = 0; index < length; index++) {
        const parameter = this.#down(list, index)
        const value = parameter?.value ?? null
        if (isJsonObject(value) && value.in === place && value.name === name) return parameter
      }
    }
    return undefined
  }

  #schemaOf(parameter: Located): Located | undefined {
    const content = this.#down(parameter, 'content')
    const [mediaType] = isJsonObject(content?.value ?? null) ? Object.keys(content?.value as object) : []
    return this.#down(mediaType === undefined ? parameter : this.#down(content, mediaType), 'schema')
  }

  #inside(schema: Located, steps: readonly string[], { message }: FaultPlace): Located {
    let certain = schema
    let places: readonly Located[] = [schema]
    for (const [index, step] of steps.entries()) {
      // What the branch that is meant does not know, another may declare.
      const unknown = message === unknownField && index === steps.length - 1
      places = distinct(places.flatMap((place) => this.#members(place, step, unknown, 0)))
      if (places.length === 0) break
      if (places.length === 1) certain = places[0] as Located
    }
    return certain
  }

  #members(schema: Located, step: string, unknown: boolean, depth: number): readonly Located[] {
    const own = this.#ownMember(schema, step)
    if (own) return [own]
    if (depth < maxDepth) {
      const within = (part: Located) => this.#members(part, step, unknown, depth + 1)
      const together = [
        ...this.#parts(schema, 'allOf'),
        ...conditionals.flatMap((keyword) => this.#down(schema, keyword) ?? []),
      ]
      for (const part of together) {
        const found = within(part)
        if (found.length > 0) return found
      }
      const branches = unknown ? [] : alternatives.flatMap((keyword) => this.#parts(schema, keyword))
      const found = branches.flatMap(within)
      if (found.length > 0) return found
    }
    const other = this.#otherMember(schema, step)
    return other ? [other] : []
  }

  #ownMember(schema: Located, step: string): Located | undefined {
    const named = this.#down(this.#down(schema, 'properties'), step)
    if (named || !/^\d+$/.test(step)) return named
    return this.#down(this.#down(schema, 'prefixItems'), step) ?? this.#down(schema, 'items')
  }

  #parts(schema: Located, keyword: string): readonly Located[] {
    const parts = this.#down(schema, keyword)
    return Array.isArray(parts?.value)
      ? parts.value.flatMap((_, index) => this.#down(parts, index) ?? [])
      : []
  }

  /** A member whose name no schema spells out. */
  #otherMember(schema: Located, step: string): Located | undefined {
    const patterns = this.#down(schema, 'patternProperties')
    for (const pattern of isJsonObject(patterns?.value ?? null)
      ? Object.keys(patterns?.value as object)
      : []) {
      const compiled = compilePattern(pattern)
      if (compiled.ok && compiled.value.test(step)) return this.#down(patterns, pattern)
    }
    for (const keyword of others) {
      const member = this.#down(schema, keyword)
      if (member && isJsonObject(member.value)) return member
    }
    return undefined
  }

  #down(parent: Located | undefined, step: string | number): Located | undefined {
    const value = parent?.value as { readonly [key: string]: Json } | readonly Json[] | null | undefined
    if (!parent || typeof value !== 'object' || value === null || !Object.hasOwn(value, step))
      return undefined
    const child = (value as { readonly [key: string]: Json })[step] as Json
    return this.#documents.follow({
      value: child,
      at: { file: parent.at.file, pointer: pointerTo(parent.at.pointer, step) },
    })
  }
}

function distinct(places: readonly Located[]): readonly Located[] {
  return [...new Map(places.map((place) => [`${place.at.file}#${place.at.pointer}`, place])).values()]
}

interface Found {
  readonly value: Json
  readonly pointer: string
}

/** The value under a key of this name that stands at this place, and the mapping that holds it. */
function findKey(
  file: SourceFile,
  value: Json,
  pointer: string,
  name: string,
  place: SourcePosition,
): { readonly own: Found; readonly around: Found } | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  for (const [key, child] of Object.entries(value)) {
    const below = pointerTo(pointer, key)
    if (key === name) {
      const { line, column } = file.position(below, 'key')
      if (line === place.line && column === place.column)
        return { own: { value: child, pointer: below }, around: { value, pointer } }
    }
    const found = findKey(file, child, below, name, place)
    if (found) return found
  }
  return undefined
}
