import { isJsonObject, type Json, type JsonSchema } from '../base/json.ts'
import { below } from './location.ts'
import type { LoweringContext, ReferredSchema, SchemaLocation } from './lower.ts'
import type { World } from './world.ts'

type Source = { readonly [keyword: string]: Json }

interface Discriminator {
  readonly propertyName: string
  readonly mapping: readonly (readonly [value: string, schema: ReferredSchema])[]
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
  if (typeof defaultMapping === 'string') resolve(defaultMapping, below(place, 'defaultMapping'))
  return {
    propertyName,
    mapping: Object.entries(mapping).flatMap(([value, name]) => {
      const schema = resolve(name, below(below(place, 'mapping'), value))
      return schema ? [[value, schema] as const] : []
    }),
  }
}

/**
 * What an object must be where a schema is expected that others extend through `allOf`, and that has neither `oneOf` nor
 * `anyOf` to name them: the one that its discriminator says, else no more than the schema itself. In an open world all of
 * them would hold for the schema; closed, only what it says it is tells which members may be there.
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
  const { propertyName, mapping } = discriminator
  const heirs = context.options.resolver.heirs(at).map(({ name, schema }) => {
    const said = mapping.filter(([, mapped]) => isSame(mapped, schema)).map(([value]) => value)
    return { schema, values: [name, ...said.filter((value) => value !== name)] }
  })
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
  return { allOf: [...branches, { if: saying(all), else: itself }] }
}

function isSame({ location: a }: ReferredSchema, { location: b }: ReferredSchema): boolean {
  return a.file === b.file && a.pointer === b.pointer
}
