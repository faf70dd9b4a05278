import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { ask } from '../harness/ask.ts'
import { type Collector, type LogRecord, startCollector } from '../harness/collector.ts'
import { type LogLine, startGate, type TestGate } from '../harness/gate.ts'

let collector: Collector
before(async () => {
  collector = await startCollector()
})
beforeEach(() => collector.answer(200))
after(() => collector.stop())

const telemetry = () => `telemetry: { otlp: { endpoint: "${collector.url}", logs: true } }`

interface Logged {
  readonly lines: readonly LogLine[]
  readonly records: readonly LogRecord[]
}

/** Lines and records of a gate, to its end. */
async function logOf(
  workers: number,
  more: string,
  requests: (gate: TestGate) => Promise<unknown>,
): Promise<Logged> {
  const known = collector.logs.length
  const gate = await startGate({ workers, more: `${telemetry()}\n${more}` })
  try {
    await requests(gate)
  } finally {
    await gate.stop()
  }
  return { lines: gate.log, records: collector.logs.slice(known) }
}

async function someOfAll(gate: TestGate): Promise<void> {
  const token = await gate.issuer.token({ sub: 'ä"\u202e\u{1f600}', client_id: 'web' })
  for (let i = 0; i < 5; i++)
    await ask(gate, '/things?limit=5', { token, headers: ['User-Agent: x "quoted" \\ y'] })
  await ask(gate, '/things')
  await ask(gate, '/things', { token: 'none' })
  await ask(gate, '/nowhere')
  await ask(gate, '/things?limit=x', { token })
  for (const method of ['BREW', 'PROPFIND']) await ask(gate, '/things', { method, token })
  await ask(gate, '/public', { headers: ['X-Forwarded-For: 192.0.2.1'] })
  await gate.gateway.reload()
}

for (const workers of [1, 3])
  test(`every line of the log has its record with the same facts, ${workers} ${workers === 1 ? 'worker' : 'workers'}`, async () => {
    const { lines, records } = await logOf(workers, '', someOfAll)
    assert.equal(lines.at(-1)?.event, 'stopped')
    assert.ok(lines.some(({ event }) => event === 'listening'))
    assert.ok(lines.filter(({ event }) => event === 'denied').length >= 5)
    const left = new Set(records)
    for (const line of lines) {
      const record = [...left].find((one) => isOf(one, line))
      assert.ok(record, `no record of ${JSON.stringify(line)}`)
      left.delete(record)
    }
    assert.deepEqual([...left], [])
    assert.equal(collector.resource['service.name'], 'portcullis')
    assert.equal(collector.resource['service.version'], '0.1.0')
  })

/** Whether a record says what the line says, and nothing else. */
function isOf(record: LogRecord, line: LogLine): boolean {
  const { time, severity, event, trace_id: traceId, ...fields } = line
  if (record.eventName !== `portcullis.${event}` || record.traceId !== traceId) return false
  const expected = Object.fromEntries(
    Object.entries(fields)
      .filter(([, value]) => value !== null)
      .map(([name, value]) => [name.includes('.') ? name : `portcullis.${name}`, value]),
  )
  if (expected['http.request.method'] === 'PROPFIND')
    Object.assign(expected, { 'http.request.method': '_OTHER', 'http.request.method_original': 'PROPFIND' })
  try {
    assert.deepEqual(record.attributes, expected)
  } catch {
    return false
  }
  assert.equal(record.severityText, severity)
  assert.equal(record.severityNumber, { info: 9, warn: 13, error: 17 }[String(severity)])
  const ms = Number(BigInt(record.timeUnixNano) / 1_000_000n)
  assert.ok(Math.abs(ms - Date.parse(String(time))) < 100)
  assert.equal(record.observedTimeUnixNano, record.timeUnixNano)
  assert.equal(record.spanId === undefined, traceId === undefined)
  return true
}
