import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { project, startGate } from '../harness/gate.ts'
import { metric } from '../harness/metric.ts'
import { until } from '../harness/until.ts'

test('a control plane that stands still: workers serve on, hold lines within a bound, and what they let go is counted and told', async () => {
  const gate = await startGate({
    workers: 2,
    more: 'cors: { origins: ["https://app.example.com"] }\nbounds: { queueDelay: 10s }',
  })
  const [preflights, misses] = [16_000, 400]
  // This thread is the control plane, and waits for the client.
  const { status, stderr } = spawnSync(
    process.execPath,
    [
      `${project}/test/harness/flood-client.ts`,
      gate.gateway.addresses.http ?? '',
      String(preflights),
      String(misses),
    ],
    { encoding: 'utf8', timeout: 60_000 },
  )
  assert.equal(status, 0, stderr)
  const count = (event: string) => gate.log.filter((line) => line.event === event).length
  await gate.logged(({ event }) => event === 'log_dropped')
  const dropped = () => metric(gate, 'portcullis_log_dropped_lines_total{class="request"}')
  await until(
    async () => count('request') + (await dropped()) === preflights,
    'every line written or counted',
  )
  assert.ok((await dropped()) > 0)
  await until(() => count('denied') === misses, 'all denials')
  assert.equal(await metric(gate, 'portcullis_log_dropped_lines_total{class="event"}'), 0)
  const told = () => gate.log.filter(({ event }) => event === 'log_dropped')
  const sum = () => told().reduce((all, { requests }) => all + Number(requests), 0)
  const all = await dropped()
  await until(() => sum() === all, 'all of them told')
  for (const { worker } of told()) assert.ok(worker === 0 || worker === 1)
  await gate.stop()
})
