import type { FieldPlan, FormPlan, ParameterType, PrimitiveType } from '../program/program.ts'
import type { Documents, Located } from './documents.ts'
import { objectShape, topTypes } from './object-shape.ts'
import { openApiKeys } from './openapi-keys.ts'
import { parameterType } from './parameter-type.ts'
import { singleBesideObject } from './parameters.ts'
import type { Section } from './section.ts'

type Style = FieldPlan['style']
const styles = ['form', 'spaceDelimited', 'pipeDelimited', 'deepObject'] as const satisfies readonly Style[]

/**
 * Finds out how the fields of a urlencoded form are read: by `encoding` where it names a style, else a list is a
 * field that stands several times, and an object is JSON.
 * @returns what cannot be read, as a text, otherwise
 * @see OpenAPI 3.1.1 4.8.15.1, 4.8.15.2
 */
export function formPlan(schema: Located, mediaType: Section, documents: Documents): FormPlan | string {
  const shape = objectShape(schema, documents)
  if (!shape) return 'a form that is no object'
  const encodings = new Map(mediaType.members('encoding'))
  for (const [name, encoding] of encodings) {
    encoding.expect(openApiKeys.encoding, 'extensions')
    if (!shape.members.has(name)) warnUnknown(encoding, name)
  }
  const fields: FieldPlan[] = []
  for (const [name, schemas] of shape.members) {
    let field: FieldPlan | null = null
    for (const one of schemas) {
      const next = fieldPlan(name, one, encodings.get(name), documents)
      if (typeof next === 'string') return `${next} as field ${name}`
      field = field ? joined(field, next) : next
      if (!field) return `a field ${name} of several shapes`
    }
    if (field) fields.push(field)
  }
  const others = new Set<PrimitiveType>()
  for (const one of shape.others) {
    const type = parameterType(one, documents)
    if (typeof type === 'string' || type.kind !== 'primitive')
      return 'a form that is open to lists or objects'
    for (const primitive of type.primitives) others.add(primitive)
  }
  return { fields, others: others.size > 0 ? [...others] : ['string'] }
}

function fieldPlan(
  name: string,
  schema: Located,
  encoding: Section | undefined,
  documents: Documents,
): FieldPlan | string {
  const styled = encoding && ['style', 'explode', 'allowReserved'].some((key) => encoding.has(key))
  return styled
    ? styledField(name, schema, encoding, documents)
    : plainField(name, schema, encoding?.text('contentType'), documents)
}

function styledField(
  name: string,
  schema: Located,
  encoding: Section,
  documents: Documents,
): FieldPlan | string {
  const style = encoding.choice('style', styles) ?? 'form'
  const type = parameterType(schema, documents)
  if (typeof type === 'string') return type
  const explode = encoding.flag('explode') ?? style === 'form'
  if (type.kind === 'array' && type.single && !explode)
    return 'a schema that allows both a single value and a list'
  if (type.kind === 'object' && type.single && style !== 'deepObject') return singleBesideObject
  if (style === 'deepObject' && type.kind !== 'object') return 'style deepObject for what is no object'
  if (style.endsWith('Delimited') && (type.kind !== 'array' || explode))
    return `style ${style} with this schema`
  return { name, style, explode, allowEmptyValue: false, type, json: false, jsonItems: false }
}

const text: ParameterType = { kind: 'primitive', primitives: ['string'] }

function plainField(
  name: string,
  schema: Located,
  contentType: string | undefined,
  documents: Documents,
): FieldPlan | string {
  const types = topTypes(schema, documents)
  const list = types.join() === 'array'
  const json = contentType !== undefined && /^application\/(?:[\w.-]+\+)?json$/i.test(contentType)
  if (!json && contentType !== undefined && !/^text\/plain\b/i.test(contentType))
    return `the content type ${contentType}`
  const type = parameterType(schema, documents)
  const simple = typeof type !== 'string' && type.kind !== 'object'
  const plain = { name, style: 'form', explode: true, allowEmptyValue: false } as const
  if (simple && !json) return { ...plain, type, json: false, jsonItems: false }
  if (list) return { ...plain, type: text, json: true, jsonItems: true }
  if (json || types.join() === 'object') return { ...plain, type: text, json: true, jsonItems: false }
  if (typeof type === 'string') return type
  return type.single ? singleBesideObject : 'this schema'
}

/** What two branches say about a field, as one; null when they do not fit. */
function joined(a: FieldPlan, b: FieldPlan): FieldPlan | null {
  if (a.json !== b.json || a.jsonItems !== b.jsonItems) return null
  if (a.type.kind === 'primitive' && b.type.kind === 'primitive') {
    const primitives = [...new Set([...a.type.primitives, ...b.type.primitives])]
    return { ...a, type: { kind: 'primitive', primitives } }
  }
  return JSON.stringify(a.type) === JSON.stringify(b.type) ? a : null
}

function warnUnknown(encoding: Section, name: string): void {
  encoding.report.warn(
    'encoding-unused',
    encoding.position(undefined, 'key'),
    `the schema has no property ${name}`,
    'remove this encoding, or name a property',
  )
}
