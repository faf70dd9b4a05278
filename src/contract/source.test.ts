import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readSource } from './source.ts'

const yaml = `openapi: 3.1.0
paths:
  /a:
    get:
      tags: [x, y]
    "p/q": 1
`

test('every part of a YAML file has a line and a column', () => {
  const { source } = readSource('/f.yaml', yaml)
  assert.ok(source)
  assert.deepEqual(source.position('/paths/~1a/get', 'key'), { file: '/f.yaml', line: 4, column: 5 })
  assert.deepEqual(source.position('/paths/~1a/get/tags/1'), { file: '/f.yaml', line: 5, column: 17 })
  assert.deepEqual(source.position('/paths/~1a/p~1q', 'key'), { file: '/f.yaml', line: 6, column: 5 })
  assert.deepEqual(source.position('/paths/~1a/nope/deeper', 'key'), { file: '/f.yaml', line: 3, column: 3 })
})

test('every part of a JSON file has a line and a column, however deep', () => {
  const { source } = readSource(
    '/f.json',
    '{\n  "a": {"b": [1,\n    {"c": {"d": {"e": "x"}}}]},\n  "é\\n": true\n}',
  )
  assert.ok(source)
  assert.deepEqual(source.position('/a/b/1/c/d/e'), { file: '/f.json', line: 3, column: 23 })
  assert.deepEqual(source.position('/a/b/1/c/d/e', 'key'), { file: '/f.json', line: 3, column: 18 })
  assert.deepEqual(source.position('/a/b/1/c/nope'), { file: '/f.json', line: 3, column: 11 })
  assert.deepEqual(source.position('/é\n', 'key'), { file: '/f.json', line: 4, column: 3 })
})

const refused: readonly (readonly [string, string, string, number, number])[] = [
  ['/f.yaml', 'a: 1\nb: 2\na: 3\n', 'key-duplicate', 3, 1],
  ['/f.yaml', 'a: [1\nb: 2\n', 'yaml-syntax', 2, 1],
  ['/f.yaml', 'a: 1\n---\nb: 1\n', 'yaml-documents', 2, 1],
  ['/f.yaml', '? [a]\n: 1\n', 'yaml-key', 1, 3],
  ['/f.yaml', 'a: &x {b: 1}\nc:\n  <<: *x\n', 'yaml-key', 3, 3],
  ['/f.yaml', '', 'source-empty', 1, 1],
  ['/f.json', '{"a":1,\n "a":2}', 'key-duplicate', 2, 2],
  ['/f.json', '{"a":1,\n}', 'json-syntax', 2, 1],
]

test('a file that cannot be read in one way only is refused with its place', () => {
  for (const [file, text, rule, line, column] of refused) {
    const { source, diagnostics } = readSource(file, text)
    assert.equal(source, null, text)
    const [first] = diagnostics
    assert.deepEqual([first?.rule, first?.position.line, first?.position.column], [rule, line, column], text)
  }
})

test('H8: an alias bomb is refused in bounded time', () => {
  const levels = Array.from(
    { length: 12 },
    (_, i) => `l${i + 1}: &l${i + 1} [${Array(10).fill(`*l${i}`).join(', ')}]`,
  )
  const { source, diagnostics } = readSource('/f.yaml', `l0: &l0 [x]\n${levels.join('\n')}\n`)
  assert.equal(source, null)
  assert.equal(diagnostics[0]?.rule, 'yaml-aliases')
})
