import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { allowedFields, events } from '../../src/engine/record/record-events.ts'
import { type RecordField, recordFields, type Sink } from '../../src/engine/record/record-fields.ts'
import { families } from '../../src/sinks/metrics/families.ts'
import { project } from '../harness/gate.ts'
import { readSources } from './source.ts'

const page = () => readFileSync(join(project, 'docs/logs.md'), 'utf8')
const sinks: readonly Sink[] = ['log', 'otlp', 'metric', 'trace', 'trail', 'problem']

test('docs/logs.md has a row for every field of a record, with what each sink calls it, and no other', () => {
  const rows = [...page().matchAll(/^\| (?:`[^|]*`|) \|(?:[^|\n]*\|){5} \w+ \|.*\|$/gm)].map(([row]) => row)
  const known = Object.values<RecordField>(recordFields).map(({ type, meaning, in: names }) => {
    const cells = sinks.map((sink) => (names[sink] === undefined ? '' : `\`${names[sink]}\``))
    return `| ${[...cells, type, meaning].join(' | ')} |`
  })
  assert.deepEqual(rows.map(squeezed).toSorted(), known.map(squeezed).toSorted())
})

test('docs/logs.md has a row for every event, and no other', () => {
  const rows = [...page().matchAll(/^\| `(\w+)` \| (info|warn|error) \| (.+) \|$/gm)].map(
    ([, event, severity, meaning]) => `${event} ${severity} ${meaning}`,
  )
  const known = Object.entries(events).map(
    ([event, { severity, meaning }]) => `${event} ${severity} ${meaning}`,
  )
  assert.deepEqual(rows.toSorted(), known.toSorted())
})

test('every event that the code tells of has a row', () => {
  const told = readSources().flatMap(({ text }) =>
    [...text.matchAll(/(?:\bevent\(|(?<!far\.)\btell\(|(?<!\()\bevent: )\s*'([a-z_]+)'/g)].map(
      ([, event = '']) => event,
    ),
  )
  assert.ok(told.length > 10)
  assert.deepEqual(
    told.filter((event) => !Object.hasOwn(events, event)),
    [],
  )
})

test('what the log has of a request, a collector gets, by the name of OpenTelemetry or by one of ours, and little else', () => {
  const members = ['timeUnixNano', 'severityText', 'eventName', 'traceId', 'spanId', 'flags']
  for (const [field, { in: names }] of Object.entries<RecordField>(recordFields)) {
    const { log, otlp } = names
    if (otlp !== undefined && members.includes(otlp)) continue
    if (field === 'methodOriginal') assert.equal(otlp, 'http.request.method_original')
    else assert.equal(otlp, log?.includes('.') === false ? `portcullis.${log}` : log, field)
  }
})

test('labels of metrics about requests are those of the table', () => {
  const named = new Set(
    Object.values<RecordField>(recordFields).flatMap(({ in: { metric } }) => metric ?? []),
  )
  for (const family of [
    'requestDuration',
    'responseBodySize',
    'operationInfo',
    'decisions',
    'limitDenials',
  ] as const)
    for (const label of families[family].labels) assert.ok(named.has(label), `${family} ${label}`)
})

test('a field of an event that is not listed is named, and its value is not written', () => {
  assert.deepEqual(allowedFields({ detail: 'x', password: 'secret' }), { detail: 'x', unlisted: 'password' })
})

const squeezed = (row: string): string => row.replace(/\s+/g, ' ')
