import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { parseList } from 'structured-headers'
import { startRun } from '../harness/command.ts'
import { configurationFor, startGate, type TestGate } from '../harness/gate.ts'
import { until } from '../harness/until.ts'

let gate: TestGate
before(async () => {
  gate = await startGate()
  await gate.gateway.stop()
})
after(() => gate.stop())

/** A clock of all threads of a process that is an hour behind while a file is there. */
const clockSetBackBy = (file: string) => `import { existsSync } from 'node:fs'
const { now } = Date
Date.now = () => now() - (existsSync(${JSON.stringify(file)}) ? 3_600_000 : 0)
`

for (const workers of [1, 2])
  test(`a clock that is set back by an hour holds nobody back for an hour (${workers} workers)`, async () => {
    const back = join(gate.folder, `back${workers}`)
    const clock = join(gate.folder, `clock${workers}.mjs`)
    writeFileSync(clock, clockSetBackBy(back))
    const limits =
      '[{ name: short, by: address, rate: 60/h, burst: 10 }, { name: daily, by: address, rate: 20/day }]'
    const more = `stateDir: ./clock${workers}`
    gate.configure(configurationFor({ limits, more }, gate.upstream, gate.issuer))
    const env = { NODE_OPTIONS: `--import ${clock}` }
    const start = () => startRun(gate.configurationFile, { env }, ['--workers', String(workers)])
    let running = start()
    let origin = String((await running.logged('ready')).http)
    const asked = async () => {
      const { status, headers } = await fetch(`${origin}/public`, { headers: { connection: 'close' } })
      const left = parseList(headers.get('ratelimit') ?? '').map(([, parameters]) => parameters.get('r'))
      return { status, left }
    }
    for (let nth = 1; nth <= 3; nth++)
      assert.deepEqual(await asked(), { status: 200, left: [10 - nth, 20 - nth] })
    writeFileSync(back, '')
    await until(async () => (await asked()).status === 200, 'it is found out')
    assert.deepEqual(await asked(), { status: 200, left: [5, 15] })
    for (let nth = 0; nth < 8; nth++) await asked()
    assert.equal((await asked()).status, 429, 'nobody gained by it')
    running.child.kill('SIGTERM')
    assert.equal(await running.ended, 0)
    running = start()
    origin = String((await running.logged('ready')).http)
    assert.deepEqual(await asked(), { status: 200, left: [9, 9] })
    rmSync(back)
    running.child.kill('SIGTERM')
    assert.equal(await running.ended, 0)
  })

/** Set back by five hours as soon as the first thread is started: it compiles, before quotas are restored. */
const setBackWhileItStarts = `const { now } = Date
let backMs = 0
Date.now = () => now() - backMs
process.once('worker', () => { backMs = 5 * 3_600_000 })
`

test('a clock that is set back while the gateway starts gives no token of a day back', async () => {
  const clock = join(gate.folder, 'starting.mjs')
  writeFileSync(clock, setBackWhileItStarts)
  const limits = '[{ name: daily, by: address, rate: 24/day }]'
  gate.configure(configurationFor({ limits, more: 'stateDir: ./starting' }, gate.upstream, gate.issuer))
  const start = async (env: NodeJS.ProcessEnv = {}) => {
    const running = startRun(gate.configurationFile, { env }, ['--workers', '1'])
    const origin = String((await running.logged('ready')).http)
    return { running, status: async () => (await fetch(`${origin}/public`)).status }
  }
  const first = await start()
  for (let nth = 1; nth <= 24; nth++) assert.equal(await first.status(), 200)
  first.running.child.kill('SIGTERM')
  assert.equal(await first.running.ended, 0)
  const second = await start({ NODE_OPTIONS: `--import ${clock}` })
  assert.equal(await second.status(), 429)
  // Longer than it takes until the clock is looked at.
  await new Promise((resolve) => setTimeout(resolve, 2500))
  assert.equal(await second.status(), 429)
  second.running.child.kill('SIGTERM')
  assert.equal(await second.running.ended, 0)
})
