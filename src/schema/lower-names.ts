import type { Json } from '../base/json.ts'
import { below } from './location.ts'
import type { LoweringContext, SchemaLocation } from './lower.ts'

/** What a name must be. @see JSON Schema 2020-12 Core 8.2.1 and 8.2.2 */
const names = {
  $id: [/^[^#]+#?$/, 'a URI reference without a fragment'],
  $anchor: [/^[A-Za-z_][-\w.]*$/, 'a name of letters, digits, -, _ and .'],
  $dynamicAnchor: [/^[A-Za-z_][-\w.]*$/, 'a name of letters, digits, -, _ and .'],
} as const

/**
 * Holds the names that a schema gives itself against what references will find: a name that they pass over would make
 * them lead elsewhere than the schema says.
 */
export function checkNames(
  source: { readonly [keyword: string]: Json },
  at: SchemaLocation,
  { options, report }: LoweringContext,
): void {
  for (const keyword of options.dialect === '3.0' ? [...Object.keys(names), '$dynamicRef'] : []) {
    if (source[keyword] === undefined) continue
    const fix = 'write the document in OpenAPI 3.1'
    const message = `${keyword} is no keyword of OpenAPI 3.0`
    report.error('schema-keyword-unsupported', below(at, keyword), message, fix)
  }
  for (const [keyword, [form, wanted]] of options.dialect === '3.0' ? [] : Object.entries(names)) {
    const name = source[keyword]
    if (name === undefined) continue
    const place = below(at, keyword)
    if (typeof name !== 'string' || !form.test(name)) {
      report.error('schema-invalid', place, `${keyword} must be ${wanted}`, `write ${wanted}`)
    } else if (!isFound(keyword, name, at, options.resolver.resourceAround(at))) {
      const message = `${keyword} ${name} names nothing here: it stands twice, or where references do not look for schemas`
      report.error(
        'schema-name-unsupported',
        place,
        message,
        'name each schema once, under components/schemas or $defs',
      )
    }
  }
}

type Resource = ReturnType<LoweringContext['options']['resolver']['resourceAround']>

function isFound(keyword: string, name: string, at: SchemaLocation, resource: Resource): boolean {
  if (keyword === '$id') return resource.isNamed && resource.pointer === at.pointer
  return resource.anchors.get(name)?.pointer === at.pointer
}
