import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type Family, families } from '../../src/sinks/metrics/families.ts'
import { ask } from '../harness/ask.ts'
import { project, startGate, type TestGate } from '../harness/gate.ts'

let gate: TestGate
before(async () => {
  gate = await startGate({ limits: '[{ name: per-caller, by: address, rate: 10/h, burst: 5 }]' })
  const token = await gate.issuer.token({})
  for (let i = 0; i < 8; i++) await ask(gate, '/things', { token })
  await ask(gate, '/things')
  await ask(gate, '/nowhere')
  await gate.gateway.reload()
})
after(() => gate.stop())

const monitoring = join(project, 'examples/monitoring')
const scrape = async (accept = 'text/plain') => {
  const answer = await fetch(`${gate.gateway.addresses.admin}/metrics`, { headers: { accept } })
  return { type: answer.headers.get('content-type') ?? '', text: await answer.text() }
}

function promtool(words: readonly string[], input = ''): string {
  const { status, stdout, stderr } = spawnSync('promtool', words, {
    input,
    encoding: 'utf8',
    cwd: monitoring,
  })
  assert.equal(status, 0, `${stdout}${stderr}`)
  return `${stdout}${stderr}`
}

test('promtool finds nothing wrong with what /metrics exposes', async () => {
  const { type, text } = await scrape()
  assert.match(type, /^text\/plain; version=0\.0\.4/)
  assert.equal(promtool(['check', 'metrics'], text), '')
})

test('every metric of the table is described, and those of a quiet gateway have samples', async () => {
  const { text } = await scrape()
  const quiet = [
    'limitFallbacks',
    'connectionsUnserved',
    'revocationListExpiry',
    'forwardingIgnored',
    'gcDuration',
    'logFileWritable',
  ]
  for (const [id, { name, type }] of Object.entries(families)) {
    assert.ok(text.includes(`# TYPE ${name} ${type}\n`), name)
    if (quiet.includes(id) || /^(spans|logRecords|limitStore)/.test(id) || id === 'eventLoopUtilization')
      continue
    assert.match(text, new RegExp(`^${name}(?:_count)?(?:\\{.+\\})? [0-9.e+-]+$`, 'm'), name)
  }
})

test('denials are counted by the limit, reloads by their result, certificates by their end', async () => {
  const { text } = await scrape()
  assert.match(text, /^portcullis_limit_denials_total\{limit="per-caller"\} [1-9]/m)
  assert.match(text, /^portcullis_reloads_total\{result="success"\} 1$/m)
  assert.match(text, /^portcullis_reloads_total\{result="failure"\} 0$/m)
  const [, expiry] =
    /^portcullis_certificate_expiry_timestamp_seconds\{use="listener",name="localhost\.crt"\} (\S+)$/m.exec(
      text,
    ) ?? []
  assert.ok(Number(expiry) > Date.now() / 1000)
  assert.match(text, /^portcullis_issuer_last_fetch_successful\{issuer=".+"\} 1$/m)
  assert.match(text, /^portcullis_operation_info\{operation="listThings",http_route="\/things"\} 1$/m)
})

test('a scraper that asks for OpenMetrics gets it (OpenMetrics 1.0.0)', async () => {
  const prometheus =
    'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1'
  const { type, text } = await scrape(prometheus)
  assert.match(type, /^application\/openmetrics-text; version=1\.0\.0/)
  assert.match(text, /# EOF\n$/)
  assert.match(text, /^# TYPE portcullis_decisions counter\nportcullis_decisions_total\{/m)
  for (const accept of ['*/*', 'application/openmetrics-text;version=2.0.0', 'text/plain;version=0.0.4'])
    assert.match((await scrape(accept)).type, /^text\/plain/)
})

test('promtool finds nothing wrong with the alert rules, and they fire where they should', () => {
  assert.match(promtool(['check', 'rules', 'alerts.yaml']), /SUCCESS/)
  assert.match(promtool(['test', 'rules', 'alerts.test.yaml']), /SUCCESS/)
})

test('the dashboard and the alert rules name no metric that is not exposed', () => {
  const suffixes = ['', '_bucket', '_sum', '_count']
  const exposed = new Set(
    (Object.values(families) as Family[]).flatMap(({ name, type }) =>
      type === 'histogram' ? suffixes.map((suffix) => name + suffix) : [name],
    ),
  )
  const labels = new Set<string>(Object.values(families).flatMap((family) => [...family.labels]))
  for (const file of ['dashboard.json', 'alerts.yaml', 'alerts.test.yaml']) {
    const text = readFileSync(join(monitoring, file), 'utf8')
    const named = text.match(/\b(?:portcullis|http_server|nodejs|v8js|process)_[a-z0-9_]+/g) ?? []
    assert.ok(named.length > 5, file)
    for (const name of named) assert.ok(exposed.has(name) || labels.has(name), `${file}: ${name}`)
  }
})

test('every expression of the dashboard is PromQL', () => {
  interface Panel {
    readonly title: string
    readonly targets?: readonly { readonly expr: string }[]
  }
  const { panels } = JSON.parse(readFileSync(join(monitoring, 'dashboard.json'), 'utf8')) as {
    panels: Panel[]
  }
  const rules = panels
    .flatMap(({ targets = [] }) => targets)
    .map(({ expr }, index) => ({
      record: `dashboard:expression${index}`,
      expr: expr
        .replaceAll('$__rate_interval', '5m')
        .replaceAll('$operation', '.*')
        .replaceAll('$instance', '.*'),
    }))
  assert.ok(rules.length > 20)
  const file = join(gate.folder, 'dashboard-rules.yaml')
  // JSON is YAML.
  writeFileSync(file, JSON.stringify({ groups: [{ name: 'dashboard', rules }] }))
  assert.match(promtool(['check', 'rules', file]), /SUCCESS/)
})
