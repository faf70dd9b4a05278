import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { families } from '../../src/sinks/metrics/families.ts'
import { project } from '../harness/gate.ts'

test('docs/metrics.md has a row for every metric, with its type, labels and meaning, and no other', () => {
  const page = readFileSync(join(project, 'docs/metrics.md'), 'utf8')
  const rows = [...page.matchAll(/^\| `(\w+)` \| (\w+) \|(.*?)\| (.+) \|$/gm)].map(
    ([, name = '', type = '', labels = '', help = '']) =>
      `${name} ${type} [${labels.replaceAll('`', '').trim()}] ${help}`,
  )
  const known = Object.values(families).map(
    ({ name, type, labels, help }) => `${name} ${type} [${labels.join(' ')}] ${help}`,
  )
  assert.deepEqual(rows.toSorted(), known.toSorted())
})

test('Prometheus names follow from OpenTelemetry names', () => {
  for (const { name, type, otlp } of Object.values(families)) {
    const units: { readonly [unit: string]: string } = { s: '_seconds', By: '_bytes' }
    const bare = name.replace(/_total$/, '').replace(/(?:_timestamp)?_seconds$|_bytes$|_ratio$/, '')
    const spelled = otlp.name.replaceAll('.', '_')
    assert.equal(name.endsWith('_total'), type === 'counter', name)
    if (otlp.unit in units) assert.ok(name.replace(/_total$/, '').endsWith(units[otlp.unit] ?? ''), name)
    if (!name.startsWith('process_')) assert.equal(bare, spelled, name)
  }
})
