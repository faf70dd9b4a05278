import type { Json } from '../base/json.ts'
import { acceptsNull } from './accepts-null.ts'
import { keywords } from './keywords.ts'
import { below } from './location.ts'
import type { LoweringContext, SchemaLocation } from './lower.ts'

/** The keywords of the Schema Object. @see OpenAPI 3.0.4 4.7.24 */
const keywords30: ReadonlySet<string> = new Set([
  ...[
    'title',
    'description',
    'default',
    'deprecated',
    'example',
    'externalDocs',
    'xml',
    'discriminator',
    '$ref',
  ],
  ...['type', 'format', 'enum', 'nullable', 'readOnly', 'writeOnly', 'not', 'allOf', 'oneOf', 'anyOf'],
  ...[
    'multipleOf',
    'maximum',
    'exclusiveMaximum',
    'minimum',
    'exclusiveMinimum',
    'maxLength',
    'minLength',
    'pattern',
  ],
  ...['items', 'maxItems', 'minItems', 'uniqueItems'],
  ...['properties', 'additionalProperties', 'required', 'maxProperties', 'minProperties'],
])
const flags = ['nullable', 'readOnly', 'writeOnly', 'deprecated'] as const

/** Reports what a schema says in words of another version of OpenAPI than its document's. */
export function checkVersionKeywords(
  source: { readonly [keyword: string]: Json },
  at: SchemaLocation,
  { options, report }: LoweringContext,
): void {
  for (const flag of flags) {
    const value = source[flag]
    if (value === undefined || typeof value === 'boolean') continue
    report.error('schema-invalid', below(at, flag), `${flag} must be true or false`, 'write true or false')
  }
  if (options.dialect !== '3.0') {
    if (source.nullable !== true) return
    const message = 'nullable means nothing since OpenAPI 3.1, so null is refused'
    report.warn('schema-dialect', below(at, 'nullable'), message, "add 'null' to the types")
    return
  }
  const said = Object.keys(source).filter((keyword) => !keyword.startsWith('x-'))
  if (source.$ref !== undefined) {
    const ignored = said.filter(
      (keyword) => !['$ref', 'discriminator'].includes(keyword) && !saysNothing(keyword),
    )
    if (ignored.length === 0) return
    const message = `OpenAPI 3.0 ignores what stands beside $ref: ${ignored.join(', ')}`
    report.warn('ref-siblings-ignored', at, message, 'put the reference into allOf, or write OpenAPI 3.1')
    return
  }
  for (const keyword of said) {
    if (keywords30.has(keyword) || !Object.hasOwn(keywords, keyword)) continue
    const message = `${keyword} is no keyword of OpenAPI 3.0; it is enforced as OpenAPI 3.1 has it`
    report.warnOnce(
      'schema-dialect',
      keyword,
      below(at, keyword),
      message,
      'write the document in OpenAPI 3.1',
    )
  }
  if (source.nullable === true && source.type === undefined && !acceptsNull(source, at, options.resolver)) {
    const message = 'nullable without type means nothing in OpenAPI 3.0, so null is refused'
    const fix =
      'write type beside it, or nullable: true beside the type of one of the schemas that it is put together from'
    report.warn('schema-dialect', below(at, 'nullable'), message, fix)
  }
  if (Array.isArray(source.type) || source.type === 'null') {
    const message =
      'OpenAPI 3.0 knows one type for each schema, and not null; it is enforced as OpenAPI 3.1 has it'
    report.warnOnce('schema-dialect', 'type', below(at, 'type'), message, 'write nullable: true')
  }
}

function saysNothing(keyword: string): boolean {
  return Object.hasOwn(keywords, keyword) && keywords[keyword as keyof typeof keywords] === 'annotation'
}
