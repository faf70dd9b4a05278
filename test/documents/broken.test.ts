import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Diagnostic } from '../../src/contract/diagnostic.ts'
import { compileContract } from '../harness/contract.ts'
import { officialFaults } from './official-schema.ts'

// Documents with one fault each that the official schema refuses: `check` reports a problem, or the table says why not.

type Members = { readonly [key: string]: unknown }
interface Broken {
  readonly what: string
  readonly versions: readonly string[]
  readonly document: Members
  /** Why `check` has nothing to say: the fault is in a part that the gate does not read. */
  readonly unread?: string
}

const v30 = '3.0.4'
const v31 = '3.1.1'
const v32 = '3.2.0'
const all = [v30, v31, v32]
const later = [v31, v32]

const info = { title: 'things', version: '1' }
const responses = { 200: { description: 'ok' } }
const get = { security: [], responses }
const sound: Members = { info, paths: { '/things': { get } } }
const operation = (more: Members): Members => ({ info, paths: { '/things': { get: { ...get, ...more } } } })
const withParameter = (more: Members): Members =>
  operation({ parameters: [{ name: 'a', in: 'query', ...more }] })
const text = { type: 'string' }
const withBody = (requestBody: unknown): Members => ({
  info,
  paths: { '/things': { post: { ...get, requestBody } } },
})
const withSchema = (schema: unknown): Members => withBody({ content: { 'application/json': { schema } } })
const withScheme = (scheme: unknown): Members => ({
  ...sound,
  components: { securitySchemes: { key: scheme } },
})

/** What `check` says of the document, and not of the configuration beside it. */
function problemsOf(document: object): readonly Diagnostic[] {
  const { errors, warnings } = compileContract(document)
  return [...errors, ...warnings].filter(({ position }) => position.file.endsWith('openapi.json'))
}

const broken: readonly Broken[] = [
  { unread: 'info is for readers', what: 'no info', versions: all, document: { paths: {} } },
  {
    unread: 'info is for readers',
    what: 'info without version',
    versions: all,
    document: { ...sound, info: { title: 'a' } },
  },
  {
    unread: 'info is for readers',
    what: 'info without title',
    versions: all,
    document: { ...sound, info: { version: '1' } },
  },
  { what: 'no paths', versions: [v30], document: { info } },
  {
    what: 'a path that does not begin with /',
    versions: all,
    document: { info, paths: { things: { get } } },
  },
  { what: 'paths as a list', versions: all, document: { info, paths: [] } },
  { what: 'an unknown key at the root', versions: all, document: { ...sound, path: {} } },
  { what: 'an unknown method', versions: all, document: { info, paths: { '/things': { got: get } } } },
  { what: 'an unknown key of an operation', versions: all, document: operation({ responces: {} }) },
  {
    what: 'an operation without responses',
    versions: [v30],
    document: { info, paths: { '/things': { get: { security: [] } } } },
  },
  {
    what: 'a status that is none',
    versions: all,
    document: operation({ responses: { 99: { description: 'a' } } }),
  },
  { what: 'responses without any', versions: all, document: operation({ responses: {} }) },
  {
    unread: 'descriptions are for readers',
    what: 'a response without description',
    versions: [v30, v31],
    document: operation({ responses: { 200: {} } }),
  },
  { what: 'an operationId that is no text', versions: all, document: operation({ operationId: 1 }) },
  {
    unread: 'tags are for readers',
    what: 'tags that are no list',
    versions: all,
    document: operation({ tags: 'a' }),
  },
  { what: 'parameters as a mapping', versions: all, document: operation({ parameters: { a: 1 } }) },
  {
    what: 'a parameter without name',
    versions: all,
    document: operation({ parameters: [{ in: 'query', schema: text }] }),
  },
  {
    what: 'a parameter in a place that is none',
    versions: all,
    document: withParameter({ in: 'body', schema: text }),
  },
  { what: 'a parameter without schema or content', versions: all, document: withParameter({}) },
  {
    what: 'a parameter with schema and content',
    versions: all,
    document: withParameter({ schema: text, content: { 'application/json': { schema: text } } }),
  },
  {
    what: 'a parameter with two media types',
    versions: all,
    document: withParameter({ content: { 'application/json': {}, 'text/plain': {} } }),
  },
  {
    what: 'required that is no boolean',
    versions: all,
    document: withParameter({ required: 'yes', schema: text }),
  },
  {
    what: 'a style of another place',
    versions: all,
    document: withParameter({ style: 'matrix', schema: text }),
  },
  {
    what: 'a path parameter that is not required',
    versions: all,
    document: {
      info,
      paths: { '/things/{a}': { get: { ...get, parameters: [{ name: 'a', in: 'path', schema: text }] } } },
    },
  },
  {
    what: 'allowEmptyValue in a header',
    versions: later,
    document: operation({ parameters: [{ name: 'a', in: 'header', allowEmptyValue: true, schema: text }] }),
  },
  {
    what: 'example and examples',
    versions: [v30, v32],
    document: withParameter({ schema: text, example: 'a', examples: {} }),
    unread: 'examples are for readers',
  },
  { what: 'a requestBody without content', versions: all, document: withBody({ required: true }) },
  { what: 'a requestBody that is a list', versions: all, document: withBody([]) },
  {
    what: 'a media type with an unknown key',
    versions: all,
    document: withBody({ content: { 'application/json': { shema: text } } }),
  },
  {
    what: 'an encoding that is no mapping',
    versions: all,
    document: withBody({
      content: { 'application/x-www-form-urlencoded': { schema: { type: 'object' }, encoding: [] } },
    }),
  },
  { what: 'a type that is none', versions: all, document: withSchema({ type: 'text' }) },
  {
    what: 'required of a schema as a flag',
    versions: all,
    document: withSchema({ type: 'object', properties: { a: { ...text, required: true } } }),
  },
  { what: 'a negative maxLength', versions: all, document: withSchema({ ...text, maxLength: -1 }) },
  { what: 'multipleOf: 0', versions: all, document: withSchema({ type: 'integer', multipleOf: 0 }) },
  {
    what: 'properties as a list',
    versions: all,
    document: withSchema({ type: 'object', properties: ['a'] }),
  },
  { what: 'an empty allOf', versions: later, document: withSchema({ allOf: [] }) },
  { what: 'allOf as a mapping', versions: all, document: withSchema({ allOf: {} }) },
  { what: 'enum that is no list', versions: all, document: withSchema({ enum: 'a' }) },
  { what: 'a pattern that is no text', versions: all, document: withSchema({ ...text, pattern: 1 }) },
  {
    what: 'a description of a schema that is no text',
    versions: all,
    document: withSchema({ ...text, description: 1 }),
    unread: 'descriptions are for readers',
  },
  { what: 'items as a list', versions: all, document: withSchema({ type: 'array', items: [text] }) },
  { what: 'several types', versions: [v30], document: withSchema({ type: ['string', 'null'] }) },
  { what: 'a keyword of a later version', versions: [v30], document: withSchema({ const: 1 }) },
  {
    what: 'exclusiveMinimum as a number',
    versions: [v30],
    document: withSchema({ type: 'integer', exclusiveMinimum: 1 }),
  },
  {
    what: 'exclusiveMinimum as a flag',
    versions: later,
    document: withSchema({ type: 'integer', minimum: 1, exclusiveMinimum: true }),
  },
  { what: 'nullable that is no flag', versions: [v30], document: withSchema({ ...text, nullable: 'yes' }) },
  {
    what: 'a discriminator without propertyName',
    versions: all,
    document: withSchema({ oneOf: [{ type: 'object' }], discriminator: {} }),
  },
  { what: 'readOnly that is no flag', versions: all, document: withSchema({ ...text, readOnly: 1 }) },
  { what: 'an $anchor that is no name', versions: later, document: withSchema({ $anchor: '1 2' }) },
  { what: 'an $id with a fragment', versions: later, document: withSchema({ $id: 'a#b' }) },
  { what: 'security as a mapping', versions: all, document: { ...operation({}), security: {} } },
  { what: 'scopes that are no list', versions: all, document: operation({ security: [{ key: 'read' }] }) },
  {
    what: 'a security scheme without type',
    versions: all,
    document: withScheme({ name: 'X-Key', in: 'header' }),
  },
  { what: 'an unknown type of security scheme', versions: all, document: withScheme({ type: 'magic' }) },
  { what: 'an API key without name', versions: all, document: withScheme({ type: 'apiKey', in: 'header' }) },
  {
    what: 'an API key in the body',
    versions: all,
    document: withScheme({ type: 'apiKey', name: 'key', in: 'body' }),
  },
  { what: 'an http scheme without scheme', versions: all, document: withScheme({ type: 'http' }) },
  { what: 'oauth2 without flows', versions: all, document: withScheme({ type: 'oauth2' }) },
  {
    unread: 'the issuer is what the configuration names',
    what: 'openIdConnect without its URL',
    versions: all,
    document: withScheme({ type: 'openIdConnect' }),
  },
  { what: 'mutualTLS before there was such', versions: [v30], document: withScheme({ type: 'mutualTLS' }) },
  { what: 'servers as a mapping', versions: all, document: { ...sound, servers: { url: '/' } } },
  { what: 'a server without url', versions: all, document: { ...sound, servers: [{}] } },
  {
    what: 'a server variable without default',
    versions: all,
    document: { ...sound, servers: [{ url: '/{a}', variables: { a: {} } }] },
  },
  {
    what: 'components with an unknown kind',
    versions: all,
    document: { ...sound, components: { schema: {} } },
  },
  {
    what: 'a component with a space in its name',
    versions: later,
    document: { ...sound, components: { schemas: { 'a b': text } } },
  },
  {
    what: 'a header with a name of its own',
    versions: all,
    document: operation({
      responses: { 200: { description: 'a', headers: { 'X-A': { name: 'X-A', schema: text } } } },
    }),
  },
  {
    what: 'a header without schema',
    versions: later,
    document: operation({ responses: { 200: { description: 'a', headers: { 'X-A': {} } } } }),
  },
  {
    what: 'content of an answer that is a list',
    versions: all,
    document: operation({ responses: { 200: { description: 'a', content: [] } } }),
  },
  {
    unread: 'webhooks are requests of the upstream, not to it',
    what: 'webhooks as a list',
    versions: later,
    document: { ...sound, webhooks: [] },
  },
  {
    what: 'query before there was such a method',
    versions: [v30, v31],
    document: { info, paths: { '/things': { query: get } } },
  },
  { what: '$self before there was such a key', versions: [v30, v31], document: { ...sound, $self: '/a' } },
  { what: '$self with a fragment', versions: [v32], document: { ...sound, $self: '/a#b' } },
  {
    what: 'a link to two operations',
    versions: all,
    document: operation({
      responses: { 200: { description: 'a', links: { a: { operationId: 'a', operationRef: '#/b' } } } },
    }),
    unread: 'links are for clients',
  },
  {
    what: 'a tag without name',
    versions: all,
    document: { ...sound, tags: [{}] },
    unread: 'tags are for readers',
  },
]

for (const { what, versions, document, unread } of broken) {
  for (const openapi of versions) {
    test(`${what} (OpenAPI ${openapi}) ${unread ? `is not looked at: ${unread}` : 'is a problem of check'}`, async () => {
      const full = { openapi, ...document }
      assert.notDeepEqual(await officialFaults(full), [], 'the official schema finds it valid')
      assert.equal(problemsOf(full).length > 0, unread === undefined)
    })
  }
}

test('what every row is a change of is a document without any problem', async () => {
  for (const openapi of all) {
    for (const document of [sound, withParameter({ schema: text }), withSchema(text)]) {
      const full = { openapi, ...document }
      assert.deepEqual(await officialFaults(full), [])
      assert.deepEqual(problemsOf(full), [])
    }
  }
})
