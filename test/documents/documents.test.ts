import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import { officialFaults } from './official-schema.ts'

const project = fileURLToPath(new URL('../../', import.meta.url))
const files = globSync(['examples/**/*.yaml', 'test/fixtures/**/*.yaml', 'bench/**/*.yaml'], { cwd: project })

interface OpenApiDocument {
  readonly openapi: string
}

const documents = files
  .map(
    (file) => [file, parse(readFileSync(`${project}${file}`, 'utf8')) as Partial<OpenApiDocument>] as const,
  )
  .filter((entry): entry is readonly [string, OpenApiDocument] => typeof entry[1]?.openapi === 'string')

test('every OpenAPI document of the project is one by the official schema of its version', async () => {
  assert.ok(documents.length >= 11, documents.map(([file]) => file).join())
  for (const [file, document] of documents) assert.deepEqual(await officialFaults(document), [], file)
})
