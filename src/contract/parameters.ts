import { pointerTo } from '../base/pointer.ts'
import type { ParameterPlan, ParameterType, SegmentPlan } from '../program/program.ts'
import type { SchemaLowering } from '../schema/lower.ts'
import type { Documents, Located } from './documents.ts'
import { openApiKeys } from './openapi-keys.ts'
import { parameterType } from './parameter-type.ts'
import type { Section } from './section.ts'

type Place = ParameterPlan['in']
type Style = ParameterPlan['style']

/** Styles that can be read, the first being the default. @see OpenAPI 3.1.1 Style Values */
const styles: { readonly [P in Place]: readonly Style[] } = {
  path: ['simple', 'label', 'matrix'],
  query: ['form', 'spaceDelimited', 'pipeDelimited', 'deepObject'],
  header: ['simple'],
  cookie: ['form'],
}

/** OpenAPI 3.1.1 4.8.12.1: these header parameters are described elsewhere and ignored. */
const describedElsewhere: ReadonlySet<string> = new Set(['accept', 'content-type', 'authorization'])
const delimiters = ['%00', '%23', '%25', '%2F', '%3B', '%3F', '%5C']

/** Everything that parameters of one operation are read with. */
export interface ParameterContext {
  readonly documents: Documents
  readonly lowering: SchemaLowering
  /** Lower-case names of the fields in which keys of the document's schemes come. */
  readonly keyFields: ReadonlySet<string>
}

export interface ReadParameters {
  readonly parameters: readonly ParameterPlan[]
  /** The template's segments with what the parameters say about them. */
  readonly segments: readonly SegmentPlan[]
}

/** Reads the parameters of a path item and of its operation; the operation's replace those of the same name and place. */
export function readParameters(
  pathItem: Section,
  operation: Section,
  segments: readonly SegmentPlan[],
  context: ParameterContext,
): ReadParameters {
  const chosen = new Map<string, Section>()
  for (const [level, owner] of [pathItem, operation].entries()) {
    const seen = new Set<string>()
    for (const section of parameterSections(owner, context.documents)) {
      const name = section.get('name')
      const key = `${section.get('in')} ${section.get('in') === 'header' ? String(name).toLowerCase() : name}`
      if (seen.has(key))
        section.problem('name', 'parameter-duplicate', `${key} is declared twice`, 'remove one of them')
      seen.add(key)
      if (level === 1 || !chosen.has(key)) chosen.set(key, section)
    }
  }
  const parameters: ParameterPlan[] = []
  let shaped = segments
  for (const section of chosen.values()) {
    const parameter = readParameter(section, context)
    if (!parameter) continue
    if (parameter.in === 'path') shaped = shapeSegment(shaped, parameter, section)
    parameters.push(parameter)
  }
  checkTemplate(operation, segments, parameters)
  return { parameters, segments: shaped }
}

function parameterSections(owner: Section, documents: Documents): readonly Section[] {
  const list = owner.get('parameters')
  if (list === undefined) return []
  if (!Array.isArray(list)) return owner.wrong('parameters', 'a list') ?? []
  const base = pointerTo(owner.pointer, 'parameters')
  return list.flatMap((value, index) => {
    const located: Located = { value, at: { file: owner.source.file, pointer: pointerTo(base, index) } }
    const section = documents.section(located)
    return section ? [section.expect(openApiKeys.parameter, 'extensions')] : []
  })
}

function readParameter(section: Section, context: ParameterContext): ParameterPlan | undefined {
  const named = section.require('name', 'limit') && section.require('in', 'query')
  const name = section.text('name')
  if (section.get('in') === 'querystring') return unsupported(section, 'a querystring parameter')
  const place = section.choice('in', ['path', 'query', 'header', 'cookie'])
  if (!named || name === undefined || place === undefined) return undefined
  if (place === 'header' && describedElsewhere.has(name.toLowerCase())) return undefined
  if (place === 'header' && name.includes('_') && !context.keyFields.has(name.toLowerCase()))
    reportDropped(section)
  if (place === 'path' && section.get('required') !== true) {
    section.problem(
      'name',
      'parameter-required',
      `the path parameter ${name} must say required: true`,
      'write required: true',
    )
  }
  const style = (section.text('style') ?? styles[place][0]) as Style
  if (!styles[place].includes(style)) return unsupported(section, `style ${style} in ${place}`)
  const content = section.child('content')
  const described = content ? readContent(section, content) : { owner: section, reading: 'styled' as const }
  if (!described) return undefined
  const schema = described.owner.get('schema')
  if (schema === undefined)
    return described.owner.problem(
      'schema',
      'key-missing',
      `the parameter ${name} has no schema`,
      'write schema: { type: string }',
    )
  const at = { file: described.owner.source.file, pointer: pointerTo(described.owner.pointer, 'schema') }
  const type =
    described.reading === 'styled' ? parameterType({ value: schema, at }, context.documents) : oneText
  if (typeof type === 'string') return unsupported(section, type)
  const explode = section.flag('explode') ?? style === 'form'
  if (section.has('allowEmptyValue') && place !== 'query')
    section.problem(
      'allowEmptyValue',
      'key-unknown',
      'only query parameters have allowEmptyValue',
      'remove it',
    )
  const undefinedStyle = describeUndefined(place, style, explode, type)
  if (undefinedStyle !== null) return unsupported(section, undefinedStyle)
  return {
    in: place,
    name,
    required: section.flag('required') ?? false,
    style,
    explode,
    allowEmptyValue: section.flag('allowEmptyValue') ?? false,
    type,
    json: described.reading === 'json',
    schema: context.lowering.lower(schema, at),
  }
}

/** Such fields do not get past the parser: to many a server `X_User` is `X-User` (attack B2). */
function reportDropped(section: Section): void {
  section.report.add({
    severity: section.get('required') === true ? 'error' : 'warning',
    rule: 'header-dropped',
    position: section.position('name'),
    message: 'header fields with an underscore in their name are dropped from every request',
    fix: 'name it with hyphens',
  })
}

const oneText: ParameterType = { kind: 'primitive', primitives: ['string'] }

/** `a=1` beside `a[b]=1` can be told apart; in every other style one could be taken for the other. */
export const singleBesideObject = 'a schema that allows an object beside other things'

/** What OpenAPI 3.1.1 4.8.12.6 leaves undefined (`n/a`), or no two readers agree on; null for everything else. */
function describeUndefined(place: Place, style: Style, explode: boolean, type: ParameterType): string | null {
  if (type.kind === 'array' && type.single && !(place === 'query' && explode))
    return 'a schema that allows both a single value and a list'
  if (type.kind === 'object' && type.single && style !== 'deepObject') return singleBesideObject
  if (place === 'cookie' && explode && type.kind !== 'primitive')
    return 'a list or an object in a cookie without explode: false'
  if (style === 'deepObject' && type.kind !== 'object') return 'style deepObject for what is no object'
  if (style !== 'spaceDelimited' && style !== 'pipeDelimited') return null
  const defined = type.kind === 'array' || (type.kind === 'object' && !explode)
  return defined ? null : `style ${style} with this schema`
}

/** OpenAPI 3.1.1 4.8.12.2.2: `content` holds exactly one media type, and replaces `style`. */
function readContent(
  section: Section,
  content: Section,
): { readonly owner: Section; readonly reading: 'json' | 'text' } | undefined {
  for (const key of ['schema', 'style', 'explode', 'allowReserved'])
    if (section.has(key))
      return section.problem(key, 'parameter-content', `${key} means nothing beside content`, 'remove it')
  const [mediaType = '', ...more] = Object.keys(content.value)
  const plain = mediaType.split(';')[0]?.trim().toLowerCase() ?? ''
  const json = /^application\/(?:[a-z0-9!#$&^_.-]+\+)?json$/.test(plain)
  if (!(json || plain === 'text/plain') || more.length > 0)
    return unsupported(section, 'content other than one of JSON or text/plain')
  const owner = content.child(mediaType)
  return (
    owner && { owner: owner.expect(openApiKeys.mediaType, 'extensions'), reading: json ? 'json' : 'text' }
  )
}

function unsupported(section: Section, what: string): undefined {
  return section.problem(
    'name',
    'parameter-unsupported',
    `${what} cannot be read by this version`,
    'describe the parameter with another style or schema',
  )
}

function shapeSegment(
  segments: readonly SegmentPlan[],
  { name, style }: ParameterPlan,
  section: Section,
): readonly SegmentPlan[] {
  const extension = section.child('x-portcullis')?.expect(['allow'])
  const allow = extension?.texts('allow') ?? []
  for (const octet of allow) {
    if (!delimiters.includes(octet))
      extension?.problem(
        'allow',
        'value-invalid',
        `${octet} is none of ${delimiters.join(', ')}`,
        'write the encoded octet in upper case',
      )
  }
  const structure = style === 'matrix' ? [';'] : []
  const spans = section.get('x-multi-segment') === true
  return segments.map((segment) =>
    segment.kind === 'parameter' && segment.names.includes(name)
      ? {
          ...segment,
          allow: [...segment.allow, ...allow, ...structure],
          spans: spans && segment.texts.join('') === '' && segment.names.length === 1,
        }
      : segment,
  )
}

function checkTemplate(
  operation: Section,
  segments: readonly SegmentPlan[],
  parameters: readonly ParameterPlan[],
): void {
  const inTemplate = new Set(
    segments.flatMap((segment) => (segment.kind === 'parameter' ? segment.names : [])),
  )
  const declared = new Set(parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => name))
  const report = (message: string, fix: string) =>
    operation.report.error('path-parameter-missing', operation.position(undefined, 'key'), message, fix)
  for (const name of inTemplate) {
    if (!declared.has(name))
      report(
        `the template's parameter ${name} is not declared`,
        `declare it: { name: ${name}, in: path, required: true, schema: … }`,
      )
  }
  for (const name of declared) {
    if (!inTemplate.has(name))
      report(
        `the path parameter ${name} does not stand in the template`,
        'remove it, or put it into the template',
      )
  }
}
