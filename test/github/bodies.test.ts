import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { isJsonObject, type Json, type JsonObject } from '../../src/base/json.ts'
import { compile } from '../../src/contract/compile.ts'
import { link } from '../../src/engine/link.ts'
import type { LinkedMediaType } from '../../src/engine/validate/content.ts'
import { validateContent } from '../../src/engine/validate/validate-body.ts'
import { ask, assertNotForwarded } from '../harness/ask.ts'
import { startGate, type TestGate } from '../harness/gate.ts'
import { type Corruption, corruptions } from './corrupt.ts'
import { type Fullness, generateInstance, type Instance } from './generate-instance.ts'
import { type SampleRequest, sampleRequests } from './sample-requests.ts'

// Instances come from the document as its publisher resolved it, and Ajv says which are valid: neither shares code or
// text with what is under test, the document compiled from its references.

const generated = new URL('../packages/node_modules/@octokit/openapi/generated/', import.meta.url)
const contract = fileURLToPath(new URL('api.github.com.json', generated))

type Check = (value: Json) => boolean

interface Body {
  readonly id: string
  readonly schema: Json
  readonly content: LinkedMediaType
  readonly check: Check
}

let gate: TestGate
let bodies: readonly Body[]
let samples: readonly SampleRequest[]
const valid = new Map<string, readonly Instance[]>()

before(async () => {
  gate = await startGate({ contract, more: 'security: [{ bearerAuth: [] }]' })
  const contents = linkedContents(gate.configurationFile)
  const check = oracle()
  const document = JSON.parse(
    readFileSync(new URL('api.github.com.deref.json', generated), 'utf8'),
  ) as JsonObject
  samples = sampleRequests(document)
  bodies = Object.values(document.paths as JsonObject)
    .flatMap((item) => Object.values(item as JsonObject) as JsonObject[])
    .flatMap(({ operationId, requestBody }) => {
      const content = (requestBody as JsonObject | undefined)?.content as
        | { readonly [type: string]: JsonObject }
        | undefined
      const schema = content?.['application/json']?.schema
      const id = String(operationId)
      return schema === undefined
        ? []
        : [{ id, schema, content: contents.get(id) as LinkedMediaType, check: check(schema) }]
    })
})

after(() => gate.stop())

function linkedContents(configurationFile: string): ReadonlyMap<string, LinkedMediaType> {
  const { program } = compile(configurationFile, process.env)
  assert.ok(program)
  return new Map(
    link(program).operations.flatMap(({ plan, body }) => {
      const json = body?.content.find((one) => one.plan.mediaType === 'application/json')
      return json ? [[plan.id, json] as const] : []
    }),
  )
}

/** Ajv, which reads `nullable` as OpenAPI 3.0 does. */
function oracle(): (schema: Json) => Check {
  const require = createRequire(new URL('../packages/', import.meta.url))
  const { Ajv } = require('ajv') as {
    readonly Ajv: new (options: object) => { compile(schema: Json): Check }
  }
  const ajv = new Ajv({
    strict: false,
    validateSchema: false,
    addUsedSchema: false,
    ownProperties: true,
    logger: false,
  })
  ;(require('ajv-formats') as { default(ajv: object): void }).default(ajv)
  return (schema) => ajv.compile(JSON.parse(JSON.stringify(schema), withoutIdleNullable) as Json)
}

/** OpenAPI 3.0.4: beside no `type`, `nullable` says nothing; Ajv takes no schema that has it there. */
function withoutIdleNullable(_: string, value: Json): Json {
  if (!isJsonObject(value) || value.nullable !== true || value.type !== undefined) return value
  const { nullable, ...rest } = value
  return rest
}

const judge = ({ content }: Body, text: string) =>
  validateContent(
    { kind: 'content', mediaType: content, coding: null, required: true },
    Buffer.from(text),
    1024 ** 2,
  )
const fullnesses: readonly Fullness[] = ['all', 'required', 'some', 'all', 'some', 'all', 'some', 'all']

test('what Ajv calls valid passes, and what it calls invalid is refused: every operation with a JSON body', () => {
  let refused = 0
  for (const body of bodies) {
    const passed: Instance[] = []
    for (const [seed, fullness] of fullnesses.entries()) {
      const instance = generateInstance(body.schema, fullness, seed)
      const text = JSON.stringify(instance.value)
      const verdict = judge(body, text)
      assert.equal(verdict.allow, body.check(instance.value), `${body.id} ${text} ${JSON.stringify(verdict)}`)
      if (verdict.allow) passed.push(instance)
      else refused++
    }
    assert.ok(passed.length > 0, body.id)
    valid.set(body.id, passed)
  }
  assert.equal(bodies.length, 342)
  assert.ok(refused > 0 && refused < bodies.length, `${refused} were valid for nobody`)
})

/** As many as there are in the document; fewer would be a test that shrank. */
const expected = {
  'octets behind the end': 684,
  'the end is missing': 684,
  'no octets': 684,
  'byte order mark': 684,
  'nests too deep': 684,
  'wrong type': 2357,
  'wrong type of the whole': 678,
  null: 2893,
  'unknown field': 828,
  'missing member': 799,
  'duplicate key': 746,
  'prototype key': 855,
  'number that loses precision': 176,
  fraction: 174,
  'outside the enumeration': 505,
  'against the pattern': 40,
  'against the format': 37,
  'too long': 87,
  'too short': 38,
  'too many items': 65,
  'too few items': 54,
  'repeated item': 3,
  'too many members': 6,
  'below the minimum': 2,
  'above the maximum': 2,
}

test('a valid body with one thing wrong is refused where it is wrong: every operation, every place', () => {
  const counts: Record<string, number> = {}
  const complaints: string[] = []
  for (const body of bodies) {
    const kinds = new Set<string>()
    for (const instance of (valid.get(body.id) ?? []).slice(0, 2)) {
      for (const corruption of corruptions(instance)) {
        // Another branch may take what this one does not.
        if (corruption.value !== undefined && body.check(corruption.value)) continue
        counts[corruption.kind] = (counts[corruption.kind] ?? 0) + 1
        kinds.add(corruption.kind)
        const complaint = complain(body, corruption)
        if (complaint !== null)
          complaints.push(`${body.id} ${corruption.kind} ${corruption.pointer}: ${complaint}`)
      }
    }
    assert.ok(kinds.size >= 10, `${body.id}: ${[...kinds]}`)
  }
  assert.deepEqual(complaints.slice(0, 20), [])
  assert.deepEqual(counts, expected)
})

function complain(body: Body, { text, pointer, sure }: Corruption): string | null {
  const verdict = judge(body, text)
  if (verdict.allow) return `passed: ${text}`
  assert.ok(verdict.reason === 'body_invalid')
  const told = verdict.client.faults.map((fault) => fault.pointer)
  const there = sure
    ? told.includes(pointer) && told.every((one) => one === pointer || one.startsWith(`${pointer}/`))
    : told.some((one) => pointer === one || pointer.startsWith(`${one}/`))
  return there ? null : `told of ${JSON.stringify(verdict.client.faults)}`
}

test('over the wire as in the process: every tenth operation with a JSON body', async () => {
  const token = await gate.issuer.token()
  const chosen = bodies.filter((_, index) => index % 10 === 0)
  for (const { id } of chosen) {
    const sample = samples.find((one) => one.id === id) as SampleRequest
    const [instance] = valid.get(id) as [Instance]
    const send = (body: string) => ask(gate, sample.target, { method: sample.method, token, body })
    const text = JSON.stringify(instance.value)
    const reply = await send(text)
    assert.equal(reply.status, 200, `${id}: ${reply.body}`)
    assert.equal(gate.upstream.seen.at(-1)?.body, text)
    for (const corruption of corruptions(instance)) {
      // Without octets there is no body, which some operations allow.
      if (!corruption.sure || corruption.value !== undefined || corruption.text === '') continue
      const denied = await assertNotForwarded(gate, send(corruption.text), 400, 'body_invalid')
      const [fault] = (
        JSON.parse(denied.body) as { readonly errors: readonly { readonly pointer: string }[] }
      ).errors
      assert.equal(fault?.pointer, corruption.pointer, `${id} ${corruption.kind}`)
    }
  }
})
