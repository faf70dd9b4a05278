import type { SchemaLocation } from './lower.ts'
import type { SchemaResource } from './resources.ts'

/**
 * What a dynamic reference depends on: for each name the outermost of the resources that were entered on the way to it
 * and have a dynamic anchor so named. There are finitely many of them, so that dynamic references can be followed
 * before any instance is seen. @see JSON Schema 2020-12 Core 7.1 and 8.2.3.2
 */
export interface DynamicScope {
  readonly resources: ReadonlyMap<string, SchemaLocation>
  /** The same for scopes that mean the same. */
  readonly key: string
}

export const emptyScope: DynamicScope = { resources: new Map(), key: '' }

/** The scope inside a resource that is entered. */
export function enter(scope: DynamicScope, resource: SchemaResource, file: string): DynamicScope {
  const resources = new Map(scope.resources)
  for (const [name, anchor] of resource.anchors) {
    // A name that stands twice is bound too, so that a reference to it is refused.
    if (anchor?.dynamic === false || resources.has(name)) continue
    resources.set(name, { file, pointer: resource.pointer })
  }
  if (resources.size === scope.resources.size) return scope
  const bound = [...resources].map(([name, at]) => `${name}=${at.file}#${at.pointer}`)
  return { resources, key: bound.sort().join(' ') }
}
