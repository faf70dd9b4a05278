import type { Json, JsonSchema } from '../base/json.ts'
import { isJsonObject } from '../base/json.ts'
import { lowerKeywords } from './lower-keywords.ts'
import { SchemaReport } from './schema-report.ts'

/** Where a schema stands: an absolute file and a JSON Pointer into it. */
export interface SchemaLocation {
  readonly file: string
  readonly pointer: string
}

export interface SchemaProblem {
  readonly severity: 'error' | 'warning'
  readonly rule: string
  readonly location: SchemaLocation
  readonly message: string
  readonly fix: string
}

export interface SchemaResolver {
  /** @returns null when there is no such schema, which the resolver has reported */
  resolve(
    ref: string,
    from: SchemaLocation,
  ): { readonly schema: unknown; readonly location: SchemaLocation } | null
}

export interface LoweringOptions {
  readonly dialect: '3.0' | '3.1'
  readonly direction: 'request' | 'response'
  readonly resolver: SchemaResolver
  /** Put before every definition's name, so that several contracts share one table. */
  readonly definitionPrefix: string
}

export interface SchemaLowering {
  /** Lowers a schema that stands at an instance position: what it does not name is not allowed there. */
  lower(schema: unknown, at: SchemaLocation): JsonSchema
  /** Referenced schemas, filled as lowering goes on. */
  readonly definitions: { readonly [name: string]: JsonSchema }
  readonly problems: readonly SchemaProblem[]
}

/**
 * Whether a schema is lowered for an instance position of its own, where objects are closed, or applies beside
 * others to one instance, where only all of them together know which members are allowed.
 */
export type World = 'closed' | 'open'

/** What the keyword rules need of the lowering. */
export interface LoweringContext {
  readonly options: LoweringOptions
  readonly report: SchemaReport
  lower(schema: unknown, at: SchemaLocation, world: World): JsonSchema
  refer(ref: string, at: SchemaLocation, world: World): JsonSchema
}

const maxDepth = 128
const maxSchemas = 400_000

/**
 * Turns Schema Objects of OpenAPI 3.0, and of 3.1 and 3.2, which share a dialect, into JSON Schema 2020-12 with every object closed at every position,
 * unless its schema says that it is open (`additionalProperties` or `patternProperties` written down).
 *
 * Work, depth and output are bounded (attack H8).
 */
export function createSchemaLowering(options: LoweringOptions): SchemaLowering {
  const definitions: Record<string, JsonSchema> = Object.create(null)
  const names = new Map<string, string>()
  const report = new SchemaReport()
  let depth = 0
  let lowered = 0

  const context: LoweringContext = { options, report, lower, refer }
  return { lower: (schema, at) => lower(schema, at, 'closed'), definitions, problems: report.problems }

  function lower(schema: unknown, at: SchemaLocation, world: World): JsonSchema {
    if (typeof schema === 'boolean') return schema
    if (!isJsonObject(schema)) {
      report.error('schema-invalid', at, 'a schema must be an object', 'write a Schema Object here')
      return false
    }
    if (depth >= maxDepth || ++lowered > maxSchemas) {
      report.error(
        'schema-too-large',
        at,
        'the schema nests or repeats beyond all bounds',
        'split or simplify it',
      )
      return false
    }
    depth++
    const result = lowerKeywords(schema as { readonly [keyword: string]: Json }, at, world, context)
    depth--
    return result
  }

  function refer(ref: string, at: SchemaLocation, world: World): JsonSchema {
    const target = options.resolver.resolve(ref, at)
    if (!target) return false
    const key = `${world} ${target.location.file}#${target.location.pointer}`
    const known = names.get(key)
    if (known !== undefined) return { $ref: `#/$defs/${known}` }
    const name = nameFor(target.location, world)
    names.set(key, name)
    definitions[name] = false
    definitions[name] = lower(target.schema, target.location, world)
    return { $ref: `#/$defs/${name}` }
  }

  function nameFor(location: SchemaLocation, world: World): string {
    const last = location.pointer.slice(location.pointer.lastIndexOf('/') + 1)
    const plain =
      options.definitionPrefix + last.replace(/[^A-Za-z0-9._-]/g, '_') + (world === 'open' ? '.open' : '')
    let name = plain
    for (let count = 2; name in definitions; count++) name = `${plain}.${count}`
    return name
  }
}
