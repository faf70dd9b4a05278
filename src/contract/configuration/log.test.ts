import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject } from '../../base/json.ts'
import { everyLine, harmlessEvents } from '../../program/thinning.ts'
import { Report } from '../report.ts'
import { Section } from '../section.ts'
import { readSource } from '../source.ts'
import { readLog } from './log.ts'

function read(yaml: string) {
  const { source } = readSource('/etc/gate/portcullis.yaml', yaml)
  assert.ok(source)
  const report = new Report()
  const settings = readLog(new Section(source, '', source.value as JsonObject, report))
  const told = report.sorted().map(({ rule, position: { line, column } }) => `${rule} ${line}:${column}`)
  return { settings, told, fixes: report.sorted().map(({ fix }) => fix) }
}

test('nothing written: everything, to stdout', () => {
  const { settings, told } = read('contract: x')
  assert.deepEqual([settings, told], [{ file: null, thinning: everyLine }, []])
})

test('a file is bounded unless somebody else rotates it, and private unless the group is named', () => {
  const { settings, told } = read('log: { file: { path: log/gate.log } }')
  assert.deepEqual(told, [])
  assert.equal(settings.file?.path, '/etc/gate/log/gate.log')
  assert.equal(settings.file?.mode, 0o600)
  assert.deepEqual(settings.file?.rotate, { maxBytes: 100 * 1024 ** 2, maxAgeMs: null, keep: 9 })
  const other = read('log: { to: file, file: { path: /g.log, readableBy: group, rotate: false } }').settings
  assert.deepEqual([other.file?.path, other.file?.mode, other.file?.rotate], ['/g.log', 0o640, null])
})

test('level leaves out what is harmless, and an event of its own has the last word', () => {
  const { settings, told } = read(
    'log: { level: warn, events: { request: { level: info, sample: 0.25, slow: 2s }, store_back: { level: info } } }',
  )
  assert.deepEqual(told, [])
  const { silent, requests, slowMs } = settings.thinning
  assert.deepEqual(
    silent,
    harmlessEvents.filter((name) => name !== 'request' && name !== 'store_back'),
  )
  assert.deepEqual([requests, slowMs], [0.25, 2000])
  assert.equal(read('log: { level: warn }').settings.thinning.requests, 0)
})

const refused: readonly (readonly [yaml: string, told: readonly string[]])[] = [
  ['log:\n  events:\n    denied: { level: warn }', ['log-silences 3:5']],
  ['log:\n  events:\n    denied: { sample: 0.5 }', ['log-silences 3:5']],
  ['log:\n  events:\n    api_key_revoked: { level: warn }', ['log-silences 3:5']],
  ['log:\n  events:\n    requests: { sample: 0.5 }', ['log-silences 3:5']],
  ['log:\n  level: error', ['log-silences 2:10']],
  ['log:\n  events:\n    request: { level: error }', ['log-silences 3:23']],
  ['log:\n  events:\n    store_back: { sample: 0.5 }', ['key-unknown 3:19']],
  ['log:\n  events:\n    request: { sample: 1.5 }', ['value-invalid 3:24']],
  ['log:\n  events:\n    request: { sample: -0 , slow: 1 }', ['value-invalid 3:35']],
  ['log:\n  events:\n    request: { sample: .nan }', ['value-invalid 3:24']],
  ['log:\n  events: [denied]', ['value-invalid 2:11']],
  ['log:\n  to: file', ['key-missing 2:3']],
  ['log:\n  to: stdout\n  file: { path: x }', ['log-file-unused 3:9']],
  ['log:\n  file: { rotate: { size: 1KiB, age: 1s, keep: 0 } }', ['key-missing 2:9']],
  [
    'log:\n  file: { path: x, rotate: { size: 1KiB, age: 1s, keep: 0 } }',
    ['value-invalid 2:36', 'value-invalid 2:47', 'value-invalid 2:57'],
  ],
  ['log:\n  file: { path: x, mode: 0666 }', ['key-unknown 2:20']],
]
for (const [yaml, told] of refused)
  test(`refused, with its place: ${JSON.stringify(yaml)}`, () => assert.deepEqual(read(yaml).told, told))

test('a misspelt event is told the one that was meant', () => {
  assert.deepEqual(read('log: { events: { requests: {} } }').fixes, ['did you mean request?'])
})
