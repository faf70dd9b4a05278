import type { Json } from '../base/json.ts'
import { isJsonObject } from '../base/json.ts'
import { pointerTo } from '../base/pointer.ts'

/** A schema with an `$id`, or a whole file. @see JSON Schema 2020-12 Core 4.3.5 and 9.1.2 */
export interface SchemaResource {
  /** Absolute, without a fragment. A name: nothing is ever fetched from it. */
  readonly uri: string
  /** Where in the file the resource begins. */
  readonly pointer: string
  /** Whether an `$id` gave it its name, and not the file that it is. */
  readonly isNamed: boolean
  /** By name; null where two schemas of the resource have the same. */
  readonly anchors: ReadonlyMap<string, Anchor | null>
}

interface Anchor {
  readonly pointer: string
  readonly dynamic: boolean
}

/** Where a reference leads, as far as one file can tell. */
export type Place =
  | {
      readonly kind: 'here'
      readonly pointer: string
      /** The name, where the reference found a `$dynamicAnchor` by it. */
      readonly dynamicAnchor: string | null
    }
  /** `uri` is null where the reference is relative to a base that has no hierarchy. */
  | {
      readonly kind: 'elsewhere'
      readonly uri: string | null
      readonly path: string
      readonly fragment: string
    }
  | { readonly kind: 'nowhere'; readonly why: string }

/** Under these names of a schema, or of an OpenAPI document, members are data and not schemas. */
const data: ReadonlySet<string> = new Set([
  'enum',
  'const',
  'default',
  'example',
  'examples',
  'value',
  'mapping',
])
/** The members of these are schemas, or parts of a document, by names that are free to be those of keywords. */
const maps: ReadonlySet<string> = new Set([
  ...['properties', 'patternProperties', 'dependentSchemas', '$defs', 'definitions'],
  ...[
    'schemas',
    'responses',
    'parameters',
    'requestBodies',
    'headers',
    'callbacks',
    'pathItems',
    'mediaTypes',
  ],
  ...['paths', 'webhooks', 'content', 'encoding'],
])
const maxDepth = 200

/** The schema resources of one file, and what is named in them. @see JSON Schema 2020-12 Core 8.2, RFC 3986 5 */
export class SchemaResources {
  readonly #byPointer = new Map<string, SchemaResource>()
  /** Null where two resources have the same name. */
  readonly #byUri = new Map<string, SchemaResource | null>()

  /** @param uri of the file itself */
  constructor(value: Json, uri: string) {
    const { $id, $self } = isJsonObject(value) ? value : {}
    const own = $id ?? $self
    const name = typeof own === 'string' ? resolveUri(own, uri) : null
    const root = this.#add('', name ?? uri, name !== null && $id !== undefined)
    if (root.uri !== uri) this.#byUri.set(uri, root)
    this.#scan(value, root, '', false, 0)
  }

  /** The innermost resource around a place. */
  around(pointer: string): SchemaResource {
    let outer = pointer
    for (;;) {
      const found = this.#byPointer.get(outer)
      if (found) return found
      outer = outer.slice(0, outer.lastIndexOf('/'))
    }
  }

  locate(ref: string, from: string): Place {
    const base = this.around(from)
    const hash = ref.indexOf('#')
    const path = hash < 0 ? ref : ref.slice(0, hash)
    const fragment = decode(hash < 0 ? '' : ref.slice(hash + 1))
    if (fragment === null) return { kind: 'nowhere', why: 'its fragment is not percent-encoded' }
    if (path === '') return locateIn(base, fragment)
    const uri = resolveUri(path, base.uri)
    const named = uri === null ? undefined : this.#byUri.get(uri)
    if (named === null) return { kind: 'nowhere', why: `two schemas have the $id ${uri}` }
    return named ? locateIn(named, fragment) : { kind: 'elsewhere', uri, path, fragment }
  }

  #scan(value: Json, resource: SchemaResource, pointer: string, isMap: boolean, depth: number): void {
    if (typeof value !== 'object' || value === null || depth > maxDepth) return
    if (Array.isArray(value)) {
      for (const [index, item] of value.entries())
        this.#scan(item as Json, resource, pointerTo(pointer, index), false, depth + 1)
      return
    }
    const object = value as { readonly [key: string]: Json }
    const inner = isMap ? resource : this.#enter(object, resource, pointer)
    for (const [key, member] of Object.entries(object)) {
      if (!isMap && (data.has(key) || key.startsWith('x-'))) continue
      this.#scan(member, inner, pointerTo(pointer, key), !isMap && maps.has(key), depth + 1)
    }
  }

  #enter(schema: { readonly [key: string]: Json }, outer: SchemaResource, pointer: string): SchemaResource {
    const { $id, $anchor, $dynamicAnchor } = schema
    const uri = typeof $id === 'string' && pointer !== '' ? resolveUri($id, outer.uri) : null
    const resource = uri === null ? outer : this.#add(pointer, uri, true)
    for (const [name, dynamic] of [
      [$anchor, false],
      [$dynamicAnchor, true],
    ] as const) {
      if (typeof name !== 'string') continue
      const anchors = resource.anchors as Map<string, Anchor | null>
      anchors.set(name, anchors.has(name) ? null : { pointer, dynamic })
    }
    return resource
  }

  #add(pointer: string, uri: string, isNamed: boolean): SchemaResource {
    const resource: SchemaResource = { uri, pointer, isNamed, anchors: new Map() }
    this.#byPointer.set(pointer, resource)
    this.#byUri.set(uri, this.#byUri.has(uri) ? null : resource)
    return resource
  }
}

/** The place in a resource that a fragment names: a JSON Pointer (RFC 6901 6) or an anchor. */
export function locateIn(resource: SchemaResource, fragment: string): Place {
  if (fragment === '' || fragment.startsWith('/'))
    return { kind: 'here', pointer: resource.pointer + fragment, dynamicAnchor: null }
  const anchor = resource.anchors.get(fragment)
  if (anchor === undefined) return { kind: 'nowhere', why: `no schema there has the anchor ${fragment}` }
  if (anchor === null) return { kind: 'nowhere', why: `two schemas there have the anchor ${fragment}` }
  return { kind: 'here', pointer: anchor.pointer, dynamicAnchor: anchor.dynamic ? fragment : null }
}

/** Absolute and without a fragment; null where the base has no hierarchy, or the text is no reference. */
function resolveUri(ref: string, base: string): string | null {
  const bare = ref.replace(/#.*$/s, '')
  if (bare === '') return base
  return URL.canParse(bare, base) ? new URL(bare, base).href : null
}

function decode(text: string): string | null {
  try {
    return decodeURIComponent(text)
  } catch {
    return null
  }
}
