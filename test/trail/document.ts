const text = { type: 'string', maxLength: 64 }
const path = (name: string) => ({ name, in: 'path', required: true, schema: text })
const responses = { default: { description: 'any' } }

/** A contract whose operations stand on the trail in all the ways there are. */
export const document = {
  openapi: '3.1.0',
  info: { title: 'Accounts', version: '1' },
  security: [{ bearerAuth: ['things:read'] }],
  components: { securitySchemes: { bearerAuth: { type: 'http', scheme: 'bearer' } } },
  paths: {
    '/accounts/{account}': { get: { operationId: 'getAccount', parameters: [path('account')], responses } },
    '/accounts/{account}/entries/{entry}': {
      put: {
        operationId: 'putEntry',
        parameters: [path('account'), path('entry'), { name: 'note', in: 'query', schema: text }],
        requestBody: {
          required: true,
          content: {
            'application/json': {
              schema: { type: 'object', required: ['text'], properties: { text: { type: 'string' } } },
            },
          },
        },
        responses,
      },
    },
    '/people/{phone}': {
      delete: {
        operationId: 'deletePerson',
        parameters: [path('phone')],
        'x-portcullis': { trail: { hash: ['phone'] }, authorize: 'token.sub == "alice"' },
        responses,
      },
    },
    '/marked': { get: { operationId: 'getMarked', 'x-portcullis': { trail: true }, responses } },
    '/unmarked': { post: { operationId: 'postUnmarked', 'x-portcullis': { trail: false }, responses } },
    '/lenient': {
      post: { operationId: 'postLenient', 'x-portcullis': { trail: { onFault: 'continue' } }, responses },
    },
  },
}
