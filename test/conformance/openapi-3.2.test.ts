import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { ask } from '../harness/ask.ts'
import { compileContract, judgeParameters, linkedContract, parameterDocument } from '../harness/contract.ts'
import { startGate } from '../harness/gate.ts'

const answer = { security: [], responses: { 200: { description: 'ok' } } }
const document = (pathItem: object, more: object = {}): object => ({
  openapi: '3.2.0',
  info: { title: 'things', version: '1' },
  paths: { '/things': pathItem },
  ...more,
})
const rules = (contract: object): readonly string[] =>
  compileContract(contract).errors.map(({ rule }) => rule)

test('a QUERY operation is an operation like others (OpenAPI 3.2.0 Path Item Object)', () => {
  const query = {
    ...answer,
    requestBody: { required: true, content: { 'application/json': { schema: { type: 'object' } } } },
  }
  const linked = linkedContract(document({ get: answer, query }))
  assert.deepEqual(
    linked.operations.map(({ plan }) => plan.method),
    ['GET', 'QUERY'],
  )
  assert.equal(linked.operations[1]?.body?.required, true)
})

test('a QUERY request is validated and forwarded with its method and bytes', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-query-'))
  const contract = join(folder, 'openapi.json')
  const requestBody = { required: true, content: { 'application/json': { schema: { type: 'object' } } } }
  writeFileSync(contract, JSON.stringify(document({ query: { ...answer, requestBody } })))
  const gate = await startGate({ contract })
  try {
    assert.equal((await ask(gate, '/things', { method: 'QUERY', body: '{"a":1}' })).status, 400)
    assert.equal(gate.upstream.heads, 0)
    assert.equal((await ask(gate, '/things', { method: 'QUERY', body: '{ }' })).status, 200)
    assert.deepEqual(
      gate.upstream.seen.map(({ method, body }) => [method, body]),
      [['QUERY', '{ }']],
    )
  } finally {
    await gate.stop()
    rmSync(folder, { recursive: true })
  }
})

test('what OpenAPI 3.2 adds is unknown to earlier versions', () => {
  for (const openapi of ['3.0.4', '3.1.1']) {
    assert.deepEqual(rules({ ...document({ get: answer, query: answer }), openapi }), ['key-unknown'])
    assert.deepEqual(rules({ ...document({ get: answer }, { $self: '/openapi' }), openapi }), ['key-unknown'])
  }
})

test('parameters of a 3.2 document are read as those of 3.1', () => {
  const parameter = {
    name: 'color',
    in: 'query',
    schema: { type: 'array', items: { type: 'string' } },
    explode: false,
  }
  const verdict = judgeParameters(linkedContract(parameterDocument(parameter, '3.2.0')), '/color?color=a,b')
  assert.ok(verdict.allow)
  assert.deepEqual(verdict.values.query.get('color'), ['a', 'b'])
})

const parameter = (more: object) => document({ get: { ...answer, parameters: [{ name: 'a', ...more }] } })
const json = (mediaType: object) =>
  document({ post: { ...answer, requestBody: { content: { 'application/jsonl': mediaType } } } })
const item = { type: 'object' }

const refused: readonly (readonly [what: string, contract: object, rule: string])[] = [
  [
    'additionalOperations',
    document({ get: answer, additionalOperations: { COPY: answer } }),
    'method-unsupported',
  ],
  [
    'in: querystring',
    parameter({ in: 'querystring', content: { 'application/json': { schema: item } } }),
    'parameter-unsupported',
  ],
  [
    'style: cookie',
    parameter({ in: 'cookie', style: 'cookie', schema: { type: 'string' } }),
    'parameter-unsupported',
  ],
  ['itemSchema', json({ itemSchema: item }), 'key-unknown'],
  ['a media type by reference', json({ $ref: '#/components/mediaTypes/A' }), 'key-unknown'],
  [
    'a reference relative to $self',
    document({ $ref: 'other.yaml#/x' }, { $self: 'https://a.example/b' }),
    'ref-unresolved',
  ],
  [
    'another dialect',
    document({ get: answer }, { jsonSchemaDialect: 'http://json-schema.org/draft-07/schema#' }),
    'schema-dialect-unsupported',
  ],
  [
    'a schema of another dialect',
    parameter({
      in: 'query',
      schema: { $schema: 'http://json-schema.org/draft-04/schema#', type: 'string' },
    }),
    'schema-dialect-unsupported',
  ],
]

for (const [what, contract, rule] of refused) {
  test(`${what} is refused with a diagnostic, not passed over (OpenAPI 3.2.0)`, () => {
    assert.ok(rules(contract).includes(rule), rules(contract).join())
  })
}

test('$self, oauth2MetadataUrl and the dialect of OpenAPI 3.2 are known', () => {
  const more = {
    $self: 'https://a.example/openapi',
    jsonSchemaDialect: 'https://spec.openapis.org/oas/3.2/dialect/2025-09-17',
  }
  assert.deepEqual(rules(document({ get: answer }, more)), [])
})
