import { pointerSteps } from './pointer.ts'

/** What kind of thing a value is, which tells nothing of the value. */
export type ValueKind = 'null' | 'boolean' | 'integer' | 'number' | 'text' | 'list' | 'object' | 'nothing'

/** The kind of what stands at a JSON Pointer (RFC 6901) in a value. */
export function kindAt(value: unknown, pointer: string): ValueKind {
  let found = value
  for (const step of pointerSteps(pointer)) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, step)) return 'nothing'
    found = (found as { readonly [step: string]: unknown })[step]
  }
  return kindOf(found)
}

function kindOf(value: unknown): ValueKind {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'list'
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number'
  if (typeof value === 'string') return 'text'
  if (typeof value === 'boolean') return 'boolean'
  return typeof value === 'object' ? 'object' : 'nothing'
}
