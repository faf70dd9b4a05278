import type { Json } from '../base/json.ts'
import { isJsonObject } from '../base/json.ts'
import { pointerTo } from '../base/pointer.ts'
import type { Documents, Located } from './documents.ts'

/** Under these, `$ref` is data and not a reference. */
const data: ReadonlySet<string> = new Set(['example', 'examples', 'default', 'enum', 'const', 'value'])
const maxDepth = 200

/** Resolves every `$ref` of a document, those the gateway does not use included, so that all broken ones are told. */
export function checkReferences(documents: Documents, root: Located): void {
  walk(documents, root.value, root.at.file, root.at.pointer, 0)
}

function walk(documents: Documents, value: Json, file: string, pointer: string, depth: number): void {
  if (typeof value !== 'object' || value === null || depth > maxDepth) return
  if (Array.isArray(value)) {
    value.forEach((item: Json, index) => {
      walk(documents, item, file, pointerTo(pointer, index), depth + 1)
    })
    return
  }
  if (!isJsonObject(value)) return
  for (const [key, member] of Object.entries(value)) {
    const namesAreFree = /\/(?:properties|schemas|examples)$/.test(pointer)
    if (!namesAreFree && (data.has(key) || key.startsWith('x-'))) continue
    if ((key === '$ref' || key === '$dynamicRef') && typeof member === 'string')
      documents.resolve(member, { file, pointer: pointerTo(pointer, key) })
    else if (typeof member === 'object' && member !== null)
      walk(documents, member, file, pointerTo(pointer, key), depth + 1)
  }
}
