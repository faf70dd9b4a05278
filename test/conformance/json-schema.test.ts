import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Json, JsonObject } from '../../src/base/json.ts'
import { isJsonObject } from '../../src/base/json.ts'
import { pointerSteps } from '../../src/base/pointer.ts'
import { listFaults } from '../../src/schema/faults.ts'
import { createSchemaLowering } from '../../src/schema/lower.ts'
import { schemaKeywords, schemaLists, schemaMaps } from '../../src/schema/parts.ts'
import { SchemaResources } from '../../src/schema/resources.ts'
import { compileValidator } from '../../src/schema/validator.ts'

// The official JSON Schema test suite, 2020-12, through the lowering and the validator that requests go through.
// Files as they stand in json-schema-test-suite/; what is refused when compiled is listed in refused-schemas.json.

interface Group {
  readonly description: string
  readonly schema: Json
  readonly tests: readonly { readonly description: string; readonly data: Json; readonly valid: boolean }[]
}

const folder = fileURLToPath(new URL('json-schema-test-suite/draft2020-12/', import.meta.url))
const refusedFile = new URL('refused-schemas.json', import.meta.url)

function groupsIn(below: string): readonly (readonly [file: string, group: Group])[] {
  const files = readdirSync(folder + below).filter((name) => name.endsWith('.json'))
  return files.flatMap((file) =>
    (JSON.parse(readFileSync(`${folder}${below}${file}`, 'utf8')) as readonly Group[]).map(
      (group) => [below + file, group] as const,
    ),
  )
}

function lowerGroup(schema: Json) {
  const resources = new SchemaResources(schema, 'file:///f')
  const unresolved: { readonly message: string }[] = []
  const lowering = createSchemaLowering({
    dialect: '3.1',
    direction: 'request',
    definitionPrefix: '',
    resolver: {
      resolve(ref, from) {
        const place = resources.locate(ref, from.pointer)
        if (place.kind !== 'here') {
          const message = place.kind === 'nowhere' ? place.why : 'a reference to no part of the file'
          unresolved.push({ message })
          return null
        }
        const { pointer, dynamicAnchor } = place
        const value = pointerSteps(pointer).reduce<Json | undefined>(
          (parent, step) => (parent as { readonly [name: string]: Json } | undefined)?.[step],
          schema,
        )
        return value === undefined ? null : { schema: value, location: { file: 'f', pointer }, dynamicAnchor }
      },
      resourceAround: ({ pointer }) => resources.around(pointer),
      mapped: () => null,
      heirs: () => [],
    },
  })
  const lowered = lowering.lower(schema, { file: 'f', pointer: '' })
  const errors = [...unresolved, ...lowering.problems.filter(({ severity }) => severity === 'error')]
  return { lowered, definitions: lowering.definitions, errors }
}

/** The same schema with `additionalProperties: true` written wherever nothing is said: open, as JSON Schema has it. */
function writtenOpen(schema: Json): Json {
  if (!isJsonObject(schema)) return schema
  const opened: Record<string, Json> = {}
  for (const [keyword, value] of Object.entries(schema)) {
    if ((schemaMaps.has(keyword) || keyword === '$defs') && isJsonObject(value))
      opened[keyword] = Object.fromEntries(
        Object.entries(value).map(([name, part]) => [name, writtenOpen(part)]),
      )
    else if (schemaLists.has(keyword)) opened[keyword] = (value as readonly Json[]).map(writtenOpen)
    else opened[keyword] = schemaKeywords.has(keyword) ? writtenOpen(value) : value
  }
  return 'additionalProperties' in opened ? opened : { ...opened, additionalProperties: true }
}

const mentions = (schema: Json, keyword: string): boolean => JSON.stringify(schema).includes(`"${keyword}"`)

/** OpenAPI wants formats checked; the suite's required cases say that they are not. */
const isFormatAnnotation = (file: string): boolean => file === 'format.json'

function judge(schema: Json, data: Json): { readonly valid: boolean; readonly unknown: boolean } {
  const { lowered, definitions } = lowerGroup(schema)
  const validator = compileValidator(lowered, definitions)
  const valid = validator.check(data)
  const faults = listFaults(lowered, definitions, data, 20)
  assert.equal(
    faults.length === 0,
    valid,
    `the lister disagrees with the validator: ${JSON.stringify(faults)}`,
  )
  return { valid, unknown: faults.some(({ message }) => message === 'is not a known field') }
}

const required = groupsIn('')
const optional = [...groupsIn('optional/'), ...groupsIn('optional/format/')]
const counts = { agreed: 0, closed: 0, refused: 0, formats: 0 }

test('schemas of the official suite that cannot be enforced are refused by name, and no others', () => {
  const refused: Record<string, readonly string[]> = {}
  for (const [file, { description, schema, tests }] of [...required, ...optional]) {
    const { errors } = lowerGroup(schema)
    if (errors.length === 0) continue
    counts.refused += tests.length
    refused[`${file}: ${description}`] = [...new Set(errors.map(({ message }) => message))].sort()
  }
  assert.deepEqual(refused, JSON.parse(readFileSync(refusedFile, 'utf8')))
})

test('every other case of the official suite is judged as it says, where objects are written open', () => {
  for (const [file, { description, schema, tests }] of [...required, ...optional]) {
    if (lowerGroup(schema).errors.length > 0) continue
    const opened = mentions(schema, 'unevaluatedProperties') ? schema : writtenOpen(schema)
    for (const { description: title, data, valid } of tests) {
      const verdict = judge(opened, data)
      const where = `${file}: ${description}: ${title}`
      if (isFormatAnnotation(file) && !verdict.valid) counts.formats++
      else if (opened === schema && valid && !verdict.valid && verdict.unknown) counts.closed++
      else {
        assert.equal(verdict.valid, valid, where)
        counts.agreed++
      }
    }
  }
})

test('in the closed world nothing that the suite calls invalid passes, and what it calls valid misses only by unknown members', () => {
  for (const [file, { description, schema, tests }] of [...required, ...optional]) {
    if (lowerGroup(schema).errors.length > 0 || isFormatAnnotation(file)) continue
    for (const { description: title, data, valid } of tests) {
      const verdict = judge(schema, data)
      const where = `${file}: ${description}: ${title}`
      if (!valid) assert.equal(verdict.valid, false, where)
      else assert.ok(verdict.valid || mayCloseMore(schema, verdict.unknown), where)
    }
  }
})

/** An unknown member is a fault of its own, or makes a branch or `contains` miss. */
function mayCloseMore(schema: Json, unknown: boolean): boolean {
  return (
    unknown || ['anyOf', 'oneOf', 'if', 'contains'].some((keyword) => mentions(schema as JsonObject, keyword))
  )
}

test('the numbers that docs/adr/0002 states', () => {
  assert.deepEqual(counts, { agreed: 1757, closed: 1, refused: 67, formats: 19 })
})
