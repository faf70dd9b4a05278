import type { JsonSchema } from '../base/json.ts'
import type { ExpressionScope } from './compile-expression.ts'
import { schemaType } from './schema-type.ts'
import { type ObjectType, openMap, type ScalarType, type ValueType } from './value-type.ts'

/** The names that an identity header's expression may use. */
export const identityScope: ExpressionScope = { token: openMap, client: 'dyn', subject: 'dyn', issuer: 'dyn' }

type Primitive = 'string' | 'integer' | 'number' | 'boolean'

/** What the types of a rule's variables are read from: see `OperationPlan`. */
export interface ScopedOperation {
  readonly parameters: readonly {
    readonly in: 'path' | 'query' | 'header' | 'cookie'
    readonly name: string
    readonly json: boolean
    readonly type: ReadType
    readonly schema: JsonSchema
  }[]
  readonly body: {
    readonly content: readonly ScopedContent[]
  } | null
}

interface ScopedContent {
  readonly reading: Reading
  readonly schema: JsonSchema
  /** Of `multipart`. */
  readonly parts?: readonly { readonly kind: 'text' | 'json' | 'file' }[]
}

type Reading = 'json' | 'text' | 'form' | 'multipart' | 'opaque' | 'unread'

type ReadType =
  | { readonly kind: 'primitive'; readonly primitives: readonly Primitive[] }
  | {
      readonly kind: 'array'
      readonly items: readonly Primitive[]
      readonly single: readonly Primitive[] | null
    }
  | {
      readonly kind: 'object'
      readonly properties: { readonly [name: string]: readonly Primitive[] }
      readonly additional: readonly Primitive[] | null
      readonly single: readonly Primitive[] | null
    }

/** Facts of the API key that proved who calls; without one there is no member. */
const keyType: ObjectType = {
  kind: 'object',
  fields: new Map<string, ValueType>([
    ['id', 'string'],
    ['name', 'string'],
    ['owner', 'string'],
    ['scopes', { kind: 'list', items: 'string' }],
  ]),
}

/** The names that the key of a limit may use: who calls, before its input is looked at. */
export const limitScope: ExpressionScope = { ...identityScope, key: keyType }

/**
 * The variables of an operation's rules with the types that its contract gives them, so that a misspelt name and a
 * comparison that can never hold are found when the contract is compiled.
 *
 * @param definitions what the schemas' `#/$defs/NAME` refers to
 */
export function ruleScope(
  operation: ScopedOperation,
  definitions: { readonly [name: string]: JsonSchema },
): ExpressionScope {
  const place = (wanted: string, spell = (name: string) => name): ObjectType => {
    const parameters = operation.parameters.filter((parameter) => parameter.in === wanted)
    return {
      kind: 'object',
      fields: new Map(
        parameters.map(({ name, json, type, schema }) => [
          spell(name),
          json ? schemaType(schema, definitions) : readType(type),
        ]),
      ),
    }
  }
  const body = bodyType(operation, definitions)
  return {
    token: openMap,
    key: keyType,
    client: 'dyn',
    path: place('path'),
    query: place('query'),
    headers: place('header', (name) => name.toLowerCase()),
    ...(body === null ? {} : { body }),
  }
}

/** Whether rules see the content: it is read whole and validated before they are asked. */
export function isSeen({ reading, parts }: ScopedContent): boolean {
  if (reading === 'multipart') return parts?.every(({ kind }) => kind !== 'file') ?? false
  return reading !== 'opaque' && reading !== 'unread'
}

/** Null where no body can be seen: none is declared, or its content is not looked at before it is forwarded. */
function bodyType(
  { body }: ScopedOperation,
  definitions: { readonly [name: string]: JsonSchema },
): ValueType | null {
  const schemas = (body?.content ?? []).filter(isSeen).map(({ schema }) => schema)
  const [schema] = schemas
  if (schema === undefined) return null
  const different = new Set(schemas.map((one) => JSON.stringify(one))).size > 1
  return different ? 'dyn' : schemaType(schema, definitions)
}

function readType(type: ReadType): ValueType {
  switch (type.kind) {
    case 'primitive':
      return scalarType(type.primitives)
    case 'array':
      return type.single ? 'dyn' : { kind: 'list', items: scalarType(type.items) }
    case 'object': {
      if (type.single) return 'dyn'
      const members = Object.entries(type.properties)
      if (type.additional) {
        return members.length > 0 ? openMap : { kind: 'map', values: scalarType(type.additional) }
      }
      return {
        kind: 'object',
        fields: new Map(members.map(([name, primitives]) => [name, scalarType(primitives)])),
      }
    }
  }
}

const scalars = { string: 'string', integer: 'int', number: 'double', boolean: 'bool' } as const

function scalarType(primitives: readonly Primitive[]): ScalarType {
  const types = new Set(primitives.map((primitive) => scalars[primitive]))
  const [type] = types
  if (types.size === 1 && type) return type
  return [...types].every((one) => one === 'int' || one === 'double') ? 'double' : 'dyn'
}
