import assert from 'node:assert/strict'
import type { Validator } from '../../src/schema/validator.ts'
import { linkedContract } from './contract.ts'

/** A document of one POST operation that takes and answers JSON of one schema. */
export function schemaDocument(schema: object, schemas: object = {}, openapi = '3.1.1'): object {
  const content = { 'application/json': { schema } }
  return {
    openapi,
    info: { title: 'things', version: '1' },
    paths: {
      '/things': {
        post: {
          security: [],
          requestBody: { required: true, content },
          responses: { 200: { description: 'a thing', content } },
        },
      },
    },
    components: { schemas },
  }
}

export interface SchemaJudges {
  readonly request: Validator
  readonly response: Validator
}

/** What requests and answers of such a document are held against. */
export function judgesOf(document: object, files: { readonly [name: string]: object } = {}): SchemaJudges {
  const [operation] = linkedContract(document, files).operations
  const request = operation?.body?.content[0]?.validator
  const response = operation?.responses?.byStatus.get('200')?.content[0]?.judged?.validator()
  assert.ok(request && response)
  return { request, response }
}
