import type { Json, JsonSchema } from '../base/json.ts'
import { isJsonObject } from '../base/json.ts'
import { HiddenMembers } from './direction.ts'
import { emptyScope, enter } from './dynamic-scope.ts'
import { lowerKeywords } from './lower-keywords.ts'
import { circlesAmong } from './parts.ts'
import type { SchemaResource } from './resources.ts'
import { SchemaReport } from './schema-report.ts'
import { SharedMembers } from './shared-members.ts'
import { isPart, type World } from './world.ts'

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

export interface ReferredSchema {
  readonly schema: unknown
  readonly location: SchemaLocation
  /** The name, where it was a `$dynamicAnchor` that the reference found. */
  readonly dynamicAnchor: string | null
}

/** A named schema that extends another through `allOf`. */
export interface Heir {
  readonly name: string
  readonly schema: ReferredSchema
}

export interface SchemaResolver {
  /** @returns null when there is no such schema, which the resolver has reported */
  resolve(ref: string, from: SchemaLocation): ReferredSchema | null
  /** The innermost schema resource that a schema stands in. */
  resourceAround(at: SchemaLocation): SchemaResource
  /** @returns null when a value of a discriminator is mapped to no schema, which the resolver has reported */
  mapped(name: string, from: SchemaLocation): ReferredSchema | null
  /** The named schemas that extend the one at a place, at any distance. */
  heirs(of: SchemaLocation): readonly Heir[]
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

/** What the keyword rules need of the lowering. */
export interface LoweringContext {
  readonly options: LoweringOptions
  readonly report: SchemaReport
  readonly members: HiddenMembers
  readonly sharing: SharedMembers
  /** Members that cannot be sent to the object being lowered, for whichever of its schemas says so. */
  hidden(): ReadonlySet<string>
  lower(schema: unknown, at: SchemaLocation, world: World): JsonSchema
  /** Follows `$ref`. */
  refer(ref: string, at: SchemaLocation, world: World): JsonSchema
  /** Follows `$dynamicRef`. */
  referDynamically(ref: string, at: SchemaLocation, world: World): JsonSchema
  define(target: ReferredSchema | null, world: World): JsonSchema
}

const maxDepth = 128
const maxSchemas = 400_000
const maxScopes = 1000

/**
 * Turns Schema Objects of OpenAPI 3.0, and of 3.1 and 3.2, which share a dialect, into JSON Schema 2020-12 with every object
 * closed at every position, unless its schema says that it is open (`additionalProperties` or `patternProperties` written down).
 *
 * Work, depth and output are bounded (attack H8).
 */
export function createSchemaLowering(options: LoweringOptions): SchemaLowering {
  const definitions: Record<string, JsonSchema> = Object.create(null)
  const names = new Map<string, string>()
  const fresh = new Map<string, SchemaLocation>()
  const settled = new Set<JsonSchema>()
  const namesakes = new Map<string, number>()
  const scopes = new Set<string>()
  const report = new SchemaReport()
  let depth = 0
  let lowered = 0
  let scope = emptyScope
  let hidden: ReadonlySet<string> = new Set()

  const { resolver } = options
  const members = new HiddenMembers(options)
  const context: LoweringContext = {
    options,
    report,
    members,
    sharing: new SharedMembers(options),
    hidden: () => hidden,
    lower,
    refer,
    referDynamically,
    define,
  }
  return { lower: lowerWhole, definitions, problems: report.problems }

  function lowerWhole(schema: unknown, at: SchemaLocation): JsonSchema {
    const result = within(at, () => lower(schema, at, 'closed'))
    for (const name of circlesAmong([...fresh.keys()], definitions, settled)) {
      const message = 'this schema applies itself to the same instance, without end'
      report.error('schema-circular', fresh.get(name) ?? at, message, 'break the circle')
    }
    fresh.clear()
    return result
  }

  function lower(schema: unknown, at: SchemaLocation, world: World): JsonSchema {
    if (typeof schema === 'boolean') return schema
    if (!isJsonObject(schema)) {
      report.error('schema-invalid', at, 'a schema must be an object', 'write a Schema Object here')
      return false
    }
    if (depth >= maxDepth || ++lowered > maxSchemas || scopes.size > maxScopes) {
      report.error(
        'schema-too-large',
        at,
        'the schema nests or repeats beyond all bounds',
        'split or simplify it',
      )
      return false
    }
    depth++
    const outer = hidden
    const source = schema as { readonly [keyword: string]: Json }
    hidden =
      world === 'condition'
        ? new Set()
        : new Set([...(isPart(world) ? outer : []), ...members.namesIn(source, at)])
    const lowerSource = () => lowerKeywords(source, at, world, context)
    const result = source.$id === undefined ? lowerSource() : within(at, lowerSource)
    hidden = outer
    depth--
    return result
  }

  function refer(ref: string, at: SchemaLocation, world: World): JsonSchema {
    return define(resolver.resolve(ref, at), world)
  }

  function referDynamically(ref: string, at: SchemaLocation, world: World): JsonSchema {
    const target = resolver.resolve(ref, at)
    const name = target?.dynamicAnchor ?? null
    const outermost = name === null ? undefined : scope.resources.get(name)
    return define(outermost ? resolver.resolve(`#${name}`, outermost) : target, world)
  }

  /**
   * INVARIANT: a definition depends on nothing but its place, the world, the dynamic scope and, where it applies beside
   * others, the members that those hide; all of them are finite.
   */
  function define(target: ReferredSchema | null, world: World): JsonSchema {
    if (!target) return false
    const { schema, location } = target
    return within(location, () => {
      const beside = isPart(world) ? JSON.stringify([...hidden].sort()) : ''
      const key = `${world} ${location.file}#${location.pointer} ${scope.key} ${beside}`
      const known = names.get(key)
      if (known !== undefined) return { $ref: `#/$defs/${known}` }
      const name = nameFor(location, world)
      names.set(key, name)
      fresh.set(name, location)
      definitions[name] = false
      definitions[name] = lower(schema, location, world)
      return { $ref: `#/$defs/${name}` }
    })
  }

  /** Lowers inside the schema resource around a place, which is the innermost of the dynamic scope meanwhile. */
  function within(at: SchemaLocation, lowering: () => JsonSchema): JsonSchema {
    const outer = scope
    scope = enter(scope, resolver.resourceAround(at), at.file)
    scopes.add(scope.key)
    const result = lowering()
    scope = outer
    return result
  }

  function nameFor(location: SchemaLocation, world: World): string {
    const last = location.pointer.slice(location.pointer.lastIndexOf('/') + 1)
    const plain =
      options.definitionPrefix +
      last.replace(/[^A-Za-z0-9._-]/g, '_') +
      (world === 'closed' ? '' : `.${world}`)
    let count = namesakes.get(plain) ?? 1
    let name = count === 1 ? plain : `${plain}.${count}`
    while (name in definitions) name = `${plain}.${++count}`
    namesakes.set(plain, count)
    return name
  }
}
