import { isJsonObject, type Json, type JsonSchema } from '../base/json.ts'
import { pointerSteps } from '../base/pointer.ts'
import { below } from './location.ts'
import type { LoweringContext, ReferredSchema, SchemaLocation } from './lower.ts'
import type { World } from './world.ts'

type Source = { readonly [keyword: string]: Json }

interface Discriminator {
  readonly propertyName: string
  readonly mapping: readonly (readonly [value: string, schema: ReferredSchema])[]
  /** OpenAPI 3.2: what an object is that says nothing of these; null when nothing is said. */
  readonly fallback: ReferredSchema | null
}

/** Reads the Discriminator Object of a schema; null when it has none, or after a report. @see OpenAPI 3.1.1 4.8.25 */
export function readDiscriminator(
  source: Source,
  at: SchemaLocation,
  context: LoweringContext,
): Discriminator | null {
  const { discriminator } = source
  if (discriminator === undefined) return null
  const place = below(at, 'discriminator')
  const invalid = (key: string, wanted: string): null => {
    context.report.error('schema-invalid', place, `${key} must be ${wanted}`, `write ${wanted}`)
    return null
  }
  if (!isJsonObject(discriminator)) return invalid('discriminator', 'a mapping with a propertyName')
  const { propertyName, mapping = {}, defaultMapping } = discriminator
  if (typeof propertyName !== 'string') return invalid('propertyName', 'the name of a member')
  if (!isJsonObject(mapping) || !Object.values(mapping).every((name) => typeof name === 'string'))
    return invalid('mapping', 'names of schemas, or references to them, by value')
  const resolve = (name: Json, where: SchemaLocation) =>
    context.options.resolver.mapped(name as string, where)
  if (defaultMapping !== undefined && typeof defaultMapping !== 'string')
    return invalid('defaultMapping', 'the name of a schema, or a reference to it')
  return {
    propertyName,
    fallback: defaultMapping === undefined ? null : resolve(defaultMapping, below(place, 'defaultMapping')),
    mapping: Object.entries(mapping).flatMap(([value, name]) => {
      const schema = resolve(name, below(below(place, 'mapping'), value))
      return schema ? [[value, schema] as const] : []
    }),
  }
}

/**
 * What an object must be where a schema is expected that others extend through `allOf`, and that has neither `oneOf` nor
 * `anyOf` to name them: the one that its discriminator says, else no more than the schema itself. In an open world all of
 * them would hold for the schema; closed, only what it says it is tells which members may be there. What says none of
 * them, and not the schema itself either, is what `defaultMapping` names (OpenAPI 3.2.0 4.25).
 *
 * @param itself the schema as it is lowered for its position
 * @param world of that position
 */
export function lowerHeirs(
  source: Source,
  at: SchemaLocation,
  itself: JsonSchema,
  world: World,
  context: LoweringContext,
): JsonSchema {
  const discriminator = (source.oneOf ?? source.anyOf) ? null : readDiscriminator(source, at, context)
  if (!discriminator) return itself
  const { propertyName, mapping, fallback } = discriminator
  const valuesOf = (name: string, location: SchemaLocation): readonly string[] => {
    const said = mapping.filter(([, mapped]) => isSame(mapped.location, location)).map(([value]) => value)
    return [name, ...said.filter((value) => value !== name)]
  }
  const heirs = context.options.resolver
    .heirs(at)
    .map(({ name, schema }) => ({ schema, values: valuesOf(name, schema.location) }))
  const own = fallback === null || isSame(fallback.location, at)
  if (!own && !heirs.some(({ schema }) => isSame(schema.location, fallback.location))) {
    const place = below(below(at, 'discriminator'), 'defaultMapping')
    context.report.error(
      'schema-invalid',
      place,
      'it leads to no schema that extends this one',
      'add allOf there',
    )
    return itself
  }
  if (heirs.length === 0) return itself
  const saying = (values: readonly string[]): JsonSchema => ({
    properties: { [propertyName]: { enum: values } },
    required: [propertyName],
    type: 'object',
  })
  const branches = heirs.map(({ schema, values }) => ({
    if: saying(values),
    then: context.define(schema, world),
  }))
  const all = heirs.flatMap(({ values }) => values)
  const rest = own
    ? itself
    : {
        if: saying(valuesOf(pointerSteps(at.pointer).at(-1) ?? '', at)),
        then: itself,
        else: context.define(fallback, world),
      }
  return { allOf: [...branches, { if: saying(all), else: rest }] }
}

function isSame(a: SchemaLocation, b: SchemaLocation): boolean {
  return a.file === b.file && a.pointer === b.pointer
}
