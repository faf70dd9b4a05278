import assert from 'node:assert/strict'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type RunningCommand, startRun } from '../harness/command.ts'
import { configurationFor, startGate, type TestGate } from '../harness/gate.ts'
import { until } from '../harness/until.ts'

/** A restart within this bound of the last draw may forget it; see docs/limits.md. */
const saveBoundMs = 10_000

let gate: TestGate
let state: string
before(async () => {
  gate = await startGate()
  await gate.gateway.stop()
})
after(() => gate.stop())

function configure(name: string, daily = 5): void {
  state = join(gate.folder, name)
  const more = `stateDir: ./${name}`
  const limits = `[{ name: daily, by: address, rate: ${daily}/day }]`
  gate.configure(configurationFor({ more, limits }, gate.upstream, gate.issuer))
}

interface Started {
  readonly running: RunningCommand
  readonly origin: string
}

async function start(workers = 1): Promise<Started> {
  const running = startRun(gate.configurationFile, {}, ['--workers', String(workers)])
  return { running, origin: String((await running.logged('ready')).http) }
}

async function stop({ running }: Started): Promise<void> {
  running.child.kill('SIGTERM')
  assert.equal(await running.ended, 0)
}

async function kill({ running }: Started): Promise<void> {
  running.child.kill('SIGKILL')
  await running.ended
}

/** Of so many requests, each on a connection of its own so that all workers get some, how many passed. */
async function passed(origin: string, count: number): Promise<number> {
  let passes = 0
  for (let nth = 0; nth < count; nth++) {
    const { status } = await fetch(`${origin}/public`, { headers: { connection: 'close' } })
    assert.ok(status === 200 || status === 429, String(status))
    if (status === 200) passes++
  }
  return passes
}

const quotaFile = () => join(state, 'quotas.bin')

for (const workers of [1, 2])
  test(`three of a day's five, an orderly stop, a start: two are left (${workers} workers)`, async () => {
    configure(`orderly${workers}`)
    const first = await start(workers)
    assert.equal(await passed(first.origin, 3), 3)
    await stop(first)
    assert.equal(statSync(quotaFile()).mode & 0o777, 0o600)
    const second = await start(workers)
    assert.equal(await passed(second.origin, 6), 2)
    second.running.child.kill('SIGHUP')
    await second.running.logged('reload')
    assert.equal(await passed(second.origin, 2), 0)
    await stop(second)
    const third = await start(workers)
    assert.equal(await passed(third.origin, 2), 0)
    await stop(third)
  })

test('kill -9 once the stated time has passed: two are left as well', async () => {
  configure('killed')
  const first = await start(2)
  assert.equal(await passed(first.origin, 3), 3)
  await new Promise((resolve) => setTimeout(resolve, saveBoundMs))
  await kill(first)
  const second = await start(2)
  assert.equal(await passed(second.origin, 6), 2)
  await stop(second)
})

test('kill -9 in a burst forgets no more than was drawn within the stated time', async () => {
  configure('burst', 1_000_000)
  const first = await start(2)
  const passes: number[] = []
  let over = false
  const clients = Array.from({ length: 8 }, async () => {
    while (!over) {
      const reply = await fetch(`${first.origin}/public`).catch(() => null)
      if (reply?.status === 200) passes.push(Date.now())
    }
  })
  await new Promise((resolve) => setTimeout(resolve, saveBoundMs + 1500))
  const killedAtMs = Date.now()
  await kill(first)
  over = true
  await Promise.all(clients)
  const second = await start(2)
  const reply = await fetch(`${second.origin}/public`)
  const left = Number(/r=(\d+)/.exec(reply.headers.get('ratelimit') ?? '')?.[1])
  const certain = passes.filter((atMs) => atMs < killedAtMs - saveBoundMs).length
  assert.ok(certain > 0)
  // What a day gives back within a minute.
  const refilled = Math.ceil((1_000_000 / 86_400) * ((Date.now() - killedAtMs + saveBoundMs + 2000) / 1000))
  assert.ok(1_000_000 - left + refilled >= certain, `${left} left, ${certain} drawn for certain`)
  await stop(second)
})

test('a damaged file is told and kept aside, and the gate serves', async () => {
  configure('damaged')
  const first = await start()
  assert.equal(await passed(first.origin, 3), 3)
  await stop(first)
  const octets = readFileSync(quotaFile())
  octets[100] = (octets[100] as number) ^ 1
  writeFileSync(quotaFile(), octets)
  const second = await start()
  assert.match(
    String((await second.running.logged('quotas_lost')).detail),
    /quotas\.bin: its checksum is wrong/,
  )
  assert.deepEqual(readFileSync(`${quotaFile()}.bad`), octets)
  assert.equal(await passed(second.origin, 6), 5)
  await stop(second)
})

test('a folder that cannot be written is told once, and again when it can; counting goes on', async () => {
  configure('blocked')
  // A link gives way to a file in one step: the trail, which writes there too, cannot come between.
  mkdirSync(`${state}-folder`)
  symlinkSync(`${state}-folder`, state)
  const first = await start()
  writeFileSync(`${state}-file`, 'in the way')
  renameSync(`${state}-file`, state)
  assert.equal(await passed(first.origin, 6), 5)
  await first.running.logged('quotas_unsaved')
  rmSync(state)
  await first.running.logged('quotas_saved')
  assert.equal(first.running.log.filter(({ event }) => event === 'quotas_unsaved').length, 1)
  assert.ok(existsSync(quotaFile()))
  await stop(first)
})

test('two gateways in one folder: who finds that the other saved says so once; one that follows another says nothing', async () => {
  configure('shared', 1000)
  const first = await start()
  assert.equal(await passed(first.origin, 2), 2)
  await until(() => existsSync(quotaFile()), 'the first to save')
  const second = await start()
  assert.equal(await passed(second.origin, 2), 2)
  await first.running.logged('quotas_contended')
  assert.equal(await passed(first.origin, 1), 1)
  await stop(first)
  await second.running.logged('quotas_contended')
  await stop(second)
  const said = ({ running }: Started) =>
    running.log.filter(({ event }) => event === 'quotas_contended').length
  const third = await start()
  assert.equal(await passed(third.origin, 1), 1)
  await stop(third)
  assert.deepEqual([first, second, third].map(said), [1, 1, 0])
  assert.deepEqual(
    readdirSync(state).filter((name) => name.startsWith('quotas')),
    ['quotas.bin'],
  )
})
