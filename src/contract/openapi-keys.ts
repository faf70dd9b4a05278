/** The version of a document, as far as it changes what is read. */
export type OpenApiVersion = '3.0' | '3.1' | '3.2'

/** Fixed fields of OpenAPI objects that decide what the gate does. @see OpenAPI 3.1.1 section 4.8 */
export const openApiKeys = {
  root: [
    'openapi',
    'info',
    'jsonSchemaDialect',
    'servers',
    'paths',
    'webhooks',
    'components',
    'security',
    'tags',
    'externalDocs',
    'x-portcullis',
  ],
  pathItem: [
    '$ref',
    'summary',
    'description',
    'get',
    'put',
    'post',
    'delete',
    'options',
    'head',
    'patch',
    'trace',
    'servers',
    'parameters',
    'x-portcullis',
  ],
  operation: [
    'tags',
    'summary',
    'description',
    'externalDocs',
    'operationId',
    'parameters',
    'requestBody',
    'responses',
    'callbacks',
    'deprecated',
    'security',
    'servers',
    'x-portcullis',
  ],
  parameter: [
    'name',
    'in',
    'description',
    'required',
    'deprecated',
    'allowEmptyValue',
    'style',
    'explode',
    'allowReserved',
    'schema',
    'example',
    'examples',
    'content',
    'x-portcullis',
  ],
  requestBody: ['description', 'content', 'required'],
  response: ['description', 'headers', 'content', 'links', 'summary'],
  header: [
    'description',
    'required',
    'deprecated',
    'style',
    'explode',
    'schema',
    'example',
    'examples',
    'content',
  ],
  mediaType: ['schema', 'example', 'examples', 'encoding'],
  encoding: ['contentType', 'headers', 'style', 'explode', 'allowReserved'],
  securityScheme: [
    'type',
    'description',
    'name',
    'in',
    'scheme',
    'bearerFormat',
    'flows',
    'openIdConnectUrl',
    'deprecated',
    'oauth2MetadataUrl',
  ],
} as const satisfies { readonly [object: string]: readonly string[] }

/** What OpenAPI 3.2.0 adds to them. */
const added = { root: ['$self'], pathItem: ['query', 'additionalOperations'] } as const

export function rootKeys(version: OpenApiVersion): readonly string[] {
  return version === '3.2' ? [...openApiKeys.root, ...added.root] : openApiKeys.root
}

const components = [
  ...[
    'schemas',
    'responses',
    'parameters',
    'examples',
    'requestBodies',
    'headers',
    'securitySchemes',
    'links',
  ],
  'callbacks',
]

export function componentKeys(version: OpenApiVersion): readonly string[] {
  if (version === '3.0') return components
  return version === '3.1' ? [...components, 'pathItems'] : [...components, 'pathItems', 'mediaTypes']
}

export function pathItemKeys(version: OpenApiVersion): readonly string[] {
  return version === '3.2' ? [...openApiKeys.pathItem, ...added.pathItem] : openApiKeys.pathItem
}

const methods = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'] as const

export function methodsOf(version: OpenApiVersion): readonly ((typeof methods)[number] | 'query')[] {
  return version === '3.2' ? [...methods, 'query'] : methods
}
