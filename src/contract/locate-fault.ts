import type { Json } from '../base/json.ts'
import { isJsonObject } from '../base/json.ts'
import { pointerSteps, pointerTo } from '../base/pointer.ts'
import type { OperationPlan, SourcePosition } from '../program/program.ts'
import { Documents, type Located } from './documents.ts'
import { Report } from './report.ts'

/** What is wrong with a request, as far as the place in the contract needs it. */
export interface FaultPlace {
  readonly in: 'path' | 'query' | 'header' | 'cookie' | 'body'
  readonly pointer: string
}

const branches = ['allOf', 'anyOf', 'oneOf'] as const

/** Finds where the contract says what a part of a request must be; the nearest place around it when it says nothing. */
export class FaultLocator {
  readonly #documents = new Documents(new Report())

  /** @param contentType of the request; '' without */
  locate({ source }: Pick<OperationPlan, 'source'>, fault: FaultPlace, contentType: string): SourcePosition {
    const found = this.#operationAt(source)
    if (!found) return source
    const { operation, item } = found
    const steps = pointerSteps(fault.pointer)
    if (fault.in !== 'body') {
      const name = steps[0] ?? ''
      return this.#parameter(operation, fault.in, name) ?? this.#parameter(item, fault.in, name) ?? source
    }
    const content = this.#down(this.#down(operation, 'requestBody'), 'content')
    const mediaType = (contentType.split(';')[0] as string).trim().toLowerCase()
    const key = Object.keys(isJsonObject(content?.value ?? null) ? (content?.value as object) : {}).find(
      (name) => (name.split(';')[0] as string).trim().toLowerCase() === mediaType,
    )
    let place = key === undefined ? undefined : this.#down(this.#down(content, key), 'schema')
    for (const step of steps) {
      const next = place && this.#member(place, step, 0)
      if (!next) break
      place = next
    }
    return place ? this.#documents.position(place.at) : source
  }

  #operationAt(source: SourcePosition): { readonly operation: Located; readonly item: Located } | undefined {
    const file = this.#documents.open(source.file, source)
    const paths = file && isJsonObject(file.value) ? file.value.paths : undefined
    if (!file || !isJsonObject(paths ?? null)) return undefined
    for (const [template, item] of Object.entries(paths as { readonly [template: string]: Json })) {
      const itemPointer = pointerTo(pointerTo('', 'paths'), template)
      for (const [key, value] of Object.entries(isJsonObject(item) ? item : {})) {
        const pointer = pointerTo(itemPointer, key)
        const { line, column } = file.position(pointer, 'key')
        if (line !== source.line || column !== source.column) continue
        return {
          operation: { value, at: { file: file.file, pointer } },
          item: { value: item, at: { file: file.file, pointer: itemPointer } },
        }
      }
    }
    return undefined
  }

  #parameter(owner: Located, place: string, name: string): SourcePosition | undefined {
    const list = this.#down(owner, 'parameters')
    const length = Array.isArray(list?.value) ? list.value.length : 0
    for (let index = 0; index < length; index++) {
      const parameter = this.#down(list, index)
      const value = parameter?.value
      if (
        parameter &&
        isJsonObject(value ?? null) &&
        (value as { in?: Json }).in === place &&
        (value as { name?: Json }).name === name
      )
        return this.#documents.position(parameter.at)
    }
    return undefined
  }

  #member(schema: Located, step: string, depth: number): Located | undefined {
    const named = this.#down(this.#down(schema, 'properties'), step)
    const item = /^\d+$/.test(step) ? this.#down(schema, 'items') : undefined
    if (named ?? item) return named ?? item
    for (const keyword of depth < 16 ? branches : []) {
      const parts = this.#down(schema, keyword)
      for (let index = 0; Array.isArray(parts?.value) && index < parts.value.length; index++) {
        const part = this.#down(parts, index)
        const found = part && this.#member(part, step, depth + 1)
        if (found) return found
      }
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
