const text = { type: 'string', maxLength: 16 }
const responses = {
  200: {
    description: 'ok',
    content: {
      'application/json': {
        schema: { type: 'object', required: ['ok'], properties: { ok: { type: 'boolean' } } },
      },
    },
  },
}
const form = { type: 'object', properties: { name: text, count: { type: 'integer' } } }
const bodies = {
  required: true,
  content: {
    'application/json': { schema: { ...form, required: ['name'], additionalProperties: false } },
    'application/x-www-form-urlencoded': { schema: form },
    'multipart/form-data': { schema: { type: 'object', properties: { note: text } } },
    'text/plain': { schema: text },
    'application/octet-stream': { schema: { type: 'string', format: 'binary' } },
  },
}
const get = (operationId: string, more: object = {}) => ({ get: { operationId, responses, ...more } })
const own = (operationId: string, rules: object) => get(operationId, { 'x-portcullis': rules })

/** A contract in which each reason of a denial can come up. */
export const canaryContract = {
  openapi: '3.1.0',
  info: { title: 'Canary', version: '1' },
  security: [{ bearerAuth: ['things:read'] }],
  components: {
    securitySchemes: {
      bearerAuth: { type: 'http', scheme: 'bearer' },
      opaqueAuth: { type: 'http', scheme: 'bearer' },
      partnerKey: { type: 'apiKey', in: 'header', name: 'X-API-Key' },
      operator: { type: 'http', scheme: 'basic' },
    },
  },
  paths: {
    '/open/{name}': {
      parameters: [{ name: 'name', in: 'path', required: true, schema: text }],
      get: {
        operationId: 'getOpen',
        security: [],
        parameters: [
          { name: 'tag', in: 'query', schema: text },
          { name: 'X-Mode', in: 'header', schema: text },
          { name: 'theme', in: 'cookie', schema: text },
        ],
        responses,
      },
    },
    '/slow': get('getSlow', { security: [], 'x-portcullis': { timeout: '200ms' } }),
    '/secure': { ...get('getSecure'), post: { operationId: 'postSecure', requestBody: bodies, responses } },
    '/strong': get('getStrong', { security: [{ bearerAuth: ['things:delete'] }] }),
    '/owned': own('getOwned', { authorize: 'token.sub == "nobody"' }),
    '/step': own('getStep', { stepUp: { acr: ['gold'] } }),
    '/bound': own('getBound', { senderConstraint: 'dpop' }),
    '/near': own('getNear', { addresses: { allow: ['192.0.2.0/24'] } }),
    '/hard': own('getHard', {
      limits: [{ name: 'hard', by: 'subject', rate: '100/min', onStoreFault: 'deny' }],
    }),
    '/spent': own('getSpent', { limits: [{ name: 'spent', by: 'client', rate: '1/h', burst: 1 }] }),
    '/opaque': get('getOpaque', { security: [{ opaqueAuth: [] }] }),
    '/key': get('getKey', { security: [{ partnerKey: [] }] }),
    '/basic': { post: { operationId: 'postBasic', security: [{ operator: [] }], responses } },
  },
}
