import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { after, test } from 'node:test'
import { compile } from './compile.ts'
import { FaultLocator, type FaultPlace } from './locate-fault.ts'

const referred = `openapi: 3.1.0
info: { title: Referred, version: '1' }
security: []
paths:
  /far/{id}: { $ref: './items.yaml#/far' }
  /near/{id}: { $ref: '#/components/pathItems/near' }
components:
  pathItems:
    near:
      parameters:
        - { name: id, in: path, required: true, schema: { type: integer, maximum: 7 } }
      post:
        parameters:
          - name: range
            in: query
            style: deepObject
            schema:
              anyOf:
                - type: integer
                - type: object
                  properties:
                    get: { type: string }
                    gt: { type: integer, minimum: 9 }
        requestBody:
          content:
            '*/*': { schema: { type: string, format: binary } } # near any
            text/*: { schema: { type: string, maxLength: 3 } } # near text
            text/csv; header=present: { schema: { type: string, maxLength: 4 } } # near csv
        responses: { '204': { description: done } }
`
const items = `far:
  parameters:
    - { name: id, in: path, required: true, schema: { type: integer, maximum: 8 } }
  post:
    requestBody:
      content:
        application/json; v=2:
          schema: { type: object, properties: { b: { type: integer } } } # far two
        application/json:
          schema:
            type: object
            properties: { list: { type: array, prefixItems: [{ type: integer }], items: { maxLength: 1 } } } # far list
            patternProperties:
              ^x: { type: boolean } # far x
            additionalProperties: { type: integer } # far other
            if: { required: [list] }
            then: { properties: { post: { type: integer } } } # far post
        application/told+json:
          schema:
            allOf:
              - oneOf:
                  - type: object
                    properties:
                      kind: { const: a }
                      only: { type: integer } # far only
                      value: { type: string }
                      deep: { type: object, properties: { a: { type: string } } } # far deep a
                  - type: object
                    properties:
                      kind: { const: b }
                      value: { type: integer }
                      deep: { type: object, properties: { b: { type: string } } } # far deep b
    responses: { '204': { description: done } }
`

const folder = mkdtempSync(join(tmpdir(), 'portcullis-locate-'))
after(() => rmSync(folder, { recursive: true }))
writeFileSync(join(folder, 'referred.yaml'), referred)
writeFileSync(join(folder, 'items.yaml'), items)
writeFileSync(
  join(folder, 'portcullis.yaml'),
  'contract: ./referred.yaml\nlisten: { http: { host: 127.0.0.1, port: 0, allowPlaintext: true } }\nupstreams: { default: { url: "http://127.0.0.1:3000" } }\n',
)
const { program, diagnostics } = compile(join(folder, 'portcullis.yaml'), {})

type Row = readonly [
  route: 'near' | 'far',
  place: FaultPlace['in'],
  pointer: string,
  mark: string,
  contentType?: string,
  message?: string,
]
const table: readonly Row[] = [
  ['near', 'path', '/id', 'maximum: 7'],
  ['far', 'path', '/id', 'maximum: 8'],
  ['near', 'query', '/range', 'name: range'],
  ['near', 'query', '/range/gt', 'minimum: 9'],
  ['near', 'query', '/range/other', 'anyOf:'],
  ['near', 'query', '/unknown', ' post:'],
  ['near', 'body', '', '# near text', 'Text/Plain; charset=utf-8'],
  ['near', 'body', '', '# near text', 'text/csv'],
  ['near', 'body', '', '# near csv', 'text/csv; header=present'],
  ['near', 'body', '', '# near any', 'application/json'],
  ['far', 'body', '/b', '# far two', 'application/json;v=2'],
  ['far', 'body', '/list/0', '# far list', 'application/json'],
  ['far', 'body', '/list/1', '# far list', 'application/json'],
  ['far', 'body', '/xa', '# far x', 'application/json'],
  ['far', 'body', '/a', '# far other', 'application/json'],
  ['far', 'body', '/post', '# far post', 'application/json'],
  ['far', 'body', '/only', '# far only', 'application/told+json'],
  ['far', 'body', '/value', 'allOf:', 'application/told+json'],
  ['far', 'body', '/deep/a', '# far deep a', 'application/told+json'],
  ['far', 'body', '/deep/b', '# far deep b', 'application/told+json'],
  ['far', 'body', '/only', 'allOf:', 'application/told+json', 'is not a known field'],
  ['far', 'body', '/list', '# far list', 'application/json', 'is not a known field'],
  ['far', 'body', '', ' post:', 'text/plain'],
  ['far', 'body', '', ' post:', ''],
]
for (const [route, place, pointer, mark, contentType = '', message = ''] of table) {
  test(`${place} ${pointer} of /${route}${contentType && ` in ${contentType}`} ${message} is told at: ${mark}`, () => {
    assert.deepEqual(
      diagnostics.filter(({ severity }) => severity === 'error'),
      [],
    )
    const operation = program?.operations.find((one) => one.route.startsWith(`/${route}`))
    assert.ok(operation)
    const { file, line } = new FaultLocator().locate(operation, { in: place, pointer, message }, contentType)
    const [name, text] = route === 'near' ? ['referred.yaml', referred] : ['items.yaml', items]
    assert.equal(basename(file), name)
    assert.equal(line, text.split('\n').findIndex((one) => one.includes(mark)) + 1)
  })
}
