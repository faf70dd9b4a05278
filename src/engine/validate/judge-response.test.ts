import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonSchema } from '../../base/json.ts'
import type { MediaTypePlan, OperationPlan, ResponsePlan } from '../../program/program.ts'
import { compileValidator, type Validator } from '../../schema/validator.ts'
import { type AnswerFields, judgeContentOf, judgeResponse, stripContentOf } from './judge-response.ts'
import { type JudgedContent, linkResponses } from './link-responses.ts'
import { readJsonContent } from './validate-body.ts'

const json: MediaTypePlan = {
  mediaType: 'application/json',
  parameters: [],
  reading: 'json',
  schema: { type: 'object' },
}
const bytes: MediaTypePlan = { mediaType: 'image/*', parameters: [], reading: 'opaque', schema: true }
const answer = (status: string, ...content: readonly MediaTypePlan[]): ResponsePlan => ({
  status,
  headers: [],
  content,
})

const compile = (schema: JsonSchema) => compileValidator(schema, {})

function judge(responses: readonly ResponsePlan[], method: string, status: number, fields: AnswerFields) {
  const linked = linkResponses(
    { responses, validateResponses: 'report', maxResponseBytes: 1024 ** 2 } as unknown as OperationPlan,
    compile,
  )
  assert.ok(linked)
  const { faults, content } = judgeResponse(linked, method, status, fields)
  return faults.length > 0 ? faults.join('; ') : content.kind === 'unseen' ? content.why : content.kind
}

const asJson = { 'content-type': 'application/json' }
const all = [
  answer('200', json),
  answer('204'),
  answer('4XX', bytes),
  answer('404', json),
  answer('default', json),
]
const table: readonly (readonly [
  responses: readonly ResponsePlan[],
  method: string,
  status: number,
  fields: AnswerFields,
  verdict: string,
])[] = [
  [all, 'GET', 200, asJson, 'judged'],
  [all, 'GET', 200, { 'content-type': 'Application/JSON; charset=UTF-8' }, 'judged'],
  [
    all,
    'GET',
    200,
    { 'content-type': 'application/json, text/html' },
    'Content-Type is missing or not one media type',
  ],
  [
    all,
    'GET',
    200,
    { 'content-type': ['application/json', 'text/html'] },
    'Content-Type is missing or not one media type',
  ],
  [
    all,
    'GET',
    200,
    { 'content-type': "application/json; charset*=utf-8''utf-16" },
    'Content-Type is missing or not one media type',
  ],
  [all, 'GET', 404, asJson, 'judged'],
  [all, 'GET', 410, asJson, 'the media type application/json is not declared'],
  [all, 'GET', 410, { 'content-type': 'image/png' }, 'any'],
  [all, 'GET', 500, asJson, 'judged'],
  [all, 'HEAD', 200, {}, 'any'],
  [all, 'GET', 204, {}, 'any'],
  [all, 'GET', 206, asJson, 'partial'],
  [all, 'GET', 206, { 'content-type': 'multipart/byteranges; boundary=x' }, 'partial'],
  [[answer('200', bytes)], 'GET', 206, { 'content-type': 'image/png' }, 'any'],
  [[answer('200', bytes)], 'GET', 206, { 'content-type': 'multipart/byteranges; boundary=x' }, 'any'],
  [[answer('200', bytes)], 'GET', 304, {}, 'any'],
  [[answer('200', bytes)], 'POST', 304, {}, 'the status 304 is not declared'],
  [[], 'GET', 200, {}, 'the status 200 is not declared'],
  [[answer('200')], 'GET', 200, {}, 'none'],
  [[answer('200')], 'GET', 200, { 'content-length': '0' }, 'none'],
  [[answer('200')], 'GET', 200, { 'content-length': '1' }, 'it has content, and the contract declares none'],
  [all, 'GET', 200, { 'content-length': '0' }, 'it is empty, and the contract declares content'],
  [all, 'GET', 200, { ...asJson, 'content-length': '1048576' }, 'judged'],
  [all, 'GET', 200, { ...asJson, 'content-length': '1048577' }, 'too_large'],
  [all, 'GET', 200, { ...asJson, 'content-encoding': 'X-GZIP' }, 'judged'],
  [all, 'GET', 200, { ...asJson, 'content-encoding': 'identity' }, 'judged'],
  [all, 'GET', 200, { ...asJson, 'content-encoding': 'gzip, br' }, 'content_coding'],
  [all, 'GET', 200, { ...asJson, 'content-encoding': ['gzip', 'br'] }, 'content_coding'],
]
for (const [responses, method, status, fields, verdict] of table) {
  const declared = responses.map((one) => one.status).join(' ')
  test(`${method} ${status} ${JSON.stringify(fields)} where ${declared} is declared: ${verdict}`, () => {
    assert.equal(judge(responses, method, status, fields), verdict)
  })
}

const asContent = (validator: Validator): JudgedContent => ({
  read: readJsonContent,
  validator: () => validator,
  strippable: true,
})
const closed = compile({
  type: 'object',
  properties: {
    [`${'n'.repeat(70)}1`]: { type: 'string' },
    map: { additionalProperties: { type: 'integer' } },
  },
  additionalProperties: false,
})

test('names that look like data are masked in what is told', () => {
  const text = '{"map":{"alice@example.com":"x","ok":"x"}}'
  assert.deepEqual(judgeContentOf(asContent(closed), Buffer.from(text)), [
    '/map/* must be an integer',
    '/map/ok must be an integer',
  ])
})

test('strip cuts nothing where the place of a fault could mean a declared field too', () => {
  const twins = Buffer.from(JSON.stringify({ [`${'n'.repeat(70)}1`]: 'a', [`${'n'.repeat(70)}2`]: 'b' }))
  assert.equal(stripContentOf(asContent(closed), twins).ok, false)
  const alone = stripContentOf(
    asContent(closed),
    Buffer.from(JSON.stringify({ [`${'n'.repeat(70)}2`]: 'b', map: {} })),
  )
  assert.ok(alone.ok)
  assert.equal(Buffer.from(alone.bytes).toString(), '{"map":{}}')
})
