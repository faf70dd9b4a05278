/** What a keyword of a Schema Object is to the lowering. */
export type KeywordKind =
  | 'count'
  | 'number'
  | 'positive'
  | 'boolean'
  | 'string'
  | 'names'
  | 'values'
  | 'any'
  | 'schema'
  | 'schemas'
  | 'schemaMap'
  | 'namesMap'
  | 'pattern'
  | 'special'
  | 'annotation'
  /** Names the schema for references. */
  | 'name'
  | 'dialect'
  | 'unsupported'

/**
 * Every keyword that schemas of OpenAPI 3.0, 3.1 and 3.2 may hold, and what its value must be. A keyword that is not
 * here is reported: misspelt, it would silently weaken the schema.
 * @see JSON Schema 2020-12 Core and Validation, OpenAPI 3.0.4 and 3.1.1 Schema Object
 */
export const keywords = {
  type: 'special',
  nullable: 'special',
  format: 'special',
  properties: 'special',
  required: 'names',
  additionalProperties: 'special',
  exclusiveMinimum: 'special',
  exclusiveMaximum: 'special',
  minimum: 'number',
  maximum: 'number',
  multipleOf: 'positive',
  minLength: 'count',
  maxLength: 'count',
  minItems: 'count',
  maxItems: 'count',
  minProperties: 'count',
  maxProperties: 'count',
  minContains: 'count',
  maxContains: 'count',
  uniqueItems: 'boolean',
  pattern: 'pattern',
  enum: 'values',
  const: 'any',
  items: 'schema',
  contains: 'schema',
  propertyNames: 'special',
  prefixItems: 'schemas',
  patternProperties: 'special',
  dependentRequired: 'namesMap',
  allOf: 'special',
  anyOf: 'special',
  oneOf: 'special',
  not: 'special',
  if: 'special',
  then: 'special',
  else: 'special',
  dependentSchemas: 'special',
  $ref: 'special',
  $dynamicRef: 'special',
  $id: 'name',
  $anchor: 'name',
  $dynamicAnchor: 'name',
  readOnly: 'special',
  writeOnly: 'special',
  unevaluatedProperties: 'special',
  unevaluatedItems: 'schema',
  title: 'annotation',
  description: 'annotation',
  default: 'annotation',
  deprecated: 'annotation',
  example: 'annotation',
  examples: 'annotation',
  externalDocs: 'annotation',
  xml: 'annotation',
  discriminator: 'special',
  $comment: 'annotation',
  $schema: 'dialect',
  $defs: 'annotation',
  definitions: 'annotation',
  contentMediaType: 'annotation',
  contentEncoding: 'annotation',
  contentSchema: 'annotation',
  additionalItems: 'unsupported',
  dependencies: 'unsupported',
  $recursiveRef: 'unsupported',
  $recursiveAnchor: 'unsupported',
  $vocabulary: 'unsupported',
} as const satisfies { readonly [keyword: string]: KeywordKind }

const dialects =
  /^https:\/\/(?:json-schema\.org\/draft\/2020-12\/schema#?|spec\.openapis\.org\/oas\/3\.[12]\/dialect\/[\w-]+)$/

/** Whether schemas that say so mean what is enforced here: JSON Schema 2020-12, as such or as OpenAPI extends it. */
export function isKnownDialect(uri: string): boolean {
  return dialects.test(uri)
}

/** Keywords that apply a schema to the same instance: what they look at decides what is known of an object. */
export const inPlaceKeywords = [
  '$ref',
  'allOf',
  'anyOf',
  'oneOf',
  'if',
  'then',
  'else',
  'dependentSchemas',
] as const

/** How the formats of OpenAPI are enforced; those not named here are reported and not checked. */
export const formats = {
  date: 'checked',
  'date-time': 'checked',
  time: 'checked',
  duration: 'checked',
  email: 'checked',
  hostname: 'checked',
  ipv4: 'checked',
  ipv6: 'checked',
  uri: 'checked',
  'uri-reference': 'checked',
  uuid: 'checked',
  'json-pointer': 'checked',
  'relative-json-pointer': 'checked',
  'idn-email': 'checked',
  'idn-hostname': 'checked',
  iri: 'checked',
  'iri-reference': 'checked',
  'uri-template': 'checked',
  regex: 'checked',
  int32: 'range',
  int64: 'range',
  byte: 'base64',
  float: 'annotation',
  double: 'annotation',
  binary: 'annotation',
  password: 'annotation',
  decimal: 'annotation',
} as const satisfies { readonly [format: string]: 'checked' | 'range' | 'base64' | 'annotation' }

export const types: ReadonlySet<string> = new Set([
  'string',
  'integer',
  'number',
  'boolean',
  'array',
  'object',
  'null',
])
