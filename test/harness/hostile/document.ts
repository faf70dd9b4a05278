const ok = { '200': { description: 'ok', content: { 'application/json': {} } } }
const text = { type: 'string', maxLength: 20 }

/** A contract under which clients can get something of theirs into as many fields of a record as there are. */
export const document = {
  openapi: '3.1.0',
  info: { title: 'Hostile', version: '1' },
  servers: [{ url: 'https://api.example.com' }],
  security: [{ bearerAuth: [] }],
  paths: {
    '/open': { get: { operationId: 'open', security: [], responses: ok } },
    '/items/{id}': {
      get: {
        operationId: 'readItem',
        parameters: [
          { name: 'id', in: 'path', required: true, schema: text },
          { name: 'q', in: 'query', schema: text },
          { name: 'X-Mode', in: 'header', schema: { type: 'string', enum: ['full'] } },
        ],
        responses: ok,
      },
    },
    '/items': {
      post: {
        operationId: 'createItem',
        requestBody: {
          content: { 'application/json': { schema: { type: 'object', properties: { name: text } } } },
        },
        responses: ok,
      },
    },
    '/reported': {
      'x-portcullis': { validate: { requests: 'report' } },
      post: {
        operationId: 'createReported',
        security: [],
        parameters: [{ name: 'q', in: 'query', schema: text }],
        requestBody: {
          content: { 'application/json': { schema: { type: 'object', properties: { name: text } } } },
        },
        responses: ok,
      },
    },
  },
  components: { securitySchemes: { bearerAuth: { type: 'http', scheme: 'bearer' } } },
}
