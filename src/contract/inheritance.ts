import type { Json } from '../base/json.ts'
import { isJsonObject } from '../base/json.ts'
import { nearest } from '../base/nearest.ts'
import { pointerTo } from '../base/pointer.ts'
import type { Heir, ReferredSchema, SchemaLocation } from '../schema/lower.ts'
import type { Documents, Referred } from './documents.ts'
import type { Report } from './report.ts'

const schemasPointer = '/components/schemas'

/** The schemas of a document by name, and which of them extend which through `allOf`. @see OpenAPI 3.1.1 4.8.25 */
export class Inheritance {
  readonly #documents: Documents
  readonly #report: Report
  readonly #file: string
  readonly #schemas: { readonly [name: string]: Json }
  #children: ReadonlyMap<string, readonly Heir[]> | null = null

  constructor(documents: Documents, report: Report, root: Json, file: string) {
    const components = isJsonObject(root) ? root.components : undefined
    const schemas = components !== undefined && isJsonObject(components) ? components.schemas : undefined
    this.#documents = documents
    this.#report = report
    this.#file = file
    this.#schemas = schemas !== undefined && isJsonObject(schemas) ? schemas : {}
  }

  /** The schema that a discriminator's value is mapped to: a name of the document's, else a reference. */
  mapped(value: string, from: SchemaLocation): ReferredSchema | null {
    if (Object.hasOwn(this.#schemas, value)) return this.#named(value)
    if (/[/#.]/.test(value)) return this.#follow(value, from)
    const meant = nearest(value, Object.keys(this.#schemas))
    const fix = meant
      ? `did you mean ${meant}?`
      : `name a schema, or write a reference such as #${schemasPointer}/NAME`
    const message = `${value} is no schema under components/schemas`
    this.#report.error('ref-unresolved', this.#documents.position(from), message, fix)
    return null
  }

  /** The named schemas that extend another, at any distance. */
  heirs(of: SchemaLocation): readonly Heir[] {
    this.#children ??= this.#findChildren()
    const found = new Map<string, Heir>()
    const pending = [...(this.#children.get(keyOf(of)) ?? [])]
    for (let heir = pending.pop(); heir; heir = pending.pop()) {
      if (found.has(heir.name)) continue
      found.set(heir.name, heir)
      pending.push(...(this.#children.get(keyOf(heir.schema.location)) ?? []))
    }
    return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  #findChildren(): ReadonlyMap<string, readonly Heir[]> {
    const children = new Map<string, Heir[]>()
    for (const name of Object.keys(this.#schemas)) {
      const schema = this.#named(name)
      const parts = schema && isJsonObject(schema.schema) ? schema.schema.allOf : undefined
      for (const [index, part] of (Array.isArray(parts) ? (parts as readonly Json[]) : []).entries()) {
        const ref = isJsonObject(part) ? part.$ref : undefined
        if (!schema || typeof ref !== 'string') continue
        const { file, pointer } = schema.location
        const parent = this.#follow(ref, { file, pointer: `${pointer}/allOf/${index}/$ref` })
        if (!parent) continue
        const key = keyOf(parent.location)
        children.set(key, [...(children.get(key) ?? []), { name, schema }])
      }
    }
    return children
  }

  #named(name: string): ReferredSchema | null {
    const at = { file: this.#file, pointer: pointerTo(schemasPointer, name) }
    return this.#schemaAt(this.#documents.follow({ value: this.#schemas[name] as Json, at }))
  }

  #follow(ref: string, from: SchemaLocation): ReferredSchema | null {
    const found: Referred | null = this.#documents.resolve(ref, from)
    return found && this.#schemaAt(this.#documents.follow(found))
  }

  #schemaAt(found: { readonly value: Json; readonly at: SchemaLocation } | undefined): ReferredSchema | null {
    return found ? { schema: found.value, location: found.at, dynamicAnchor: null } : null
  }
}

function keyOf({ file, pointer }: SchemaLocation): string {
  return `${file}#${pointer}`
}
