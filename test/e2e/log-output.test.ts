import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { closeSync, constants, openSync } from 'node:fs'
import { Socket } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { run } from '../harness/command.ts'
import { project, startGate, type TestGate } from '../harness/gate.ts'
import { until } from '../harness/until.ts'

interface Line {
  readonly event: string
  readonly requests?: number
  readonly events?: number
  readonly http?: string
  readonly admin?: string
}

/** A gate in a process of its own that writes its log to a pipe. */
async function startPiped(gate: TestGate, workers: number) {
  const pipe = join(gate.folder, 'log')
  assert.equal((await run('mkfifo', [pipe])).code, 0)
  const reader = new Socket({
    fd: openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK),
    writable: false,
  })
  const written = openSync(pipe, constants.O_WRONLY)
  const child = spawn(
    process.execPath,
    [`${project}/src/cli/main.ts`, 'run', '-c', gate.configurationFile, '--workers', String(workers)],
    { stdio: ['ignore', written, 'pipe'] },
  )
  closeSync(written)
  let text = ''
  let stderr = ''
  reader.on('data', (chunk: Buffer) => (text += chunk.toString()))
  child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
  const lines = () =>
    text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Line)
  const find = (event: string) => lines().find((line) => line.event === event)
  await until(() => find('ready') !== undefined, 'ready')
  const { http, admin } = find('ready') as Line
  return { child, ended, reader, lines, stderr: () => stderr, http: String(http), admin: String(admin) }
}

const agent = 'a'.repeat(500)

type Piped = Awaited<ReturnType<typeof startPiped>>

async function withPiped(workers: number, use: (piped: Piped) => Promise<void>): Promise<void> {
  const gate = await startGate()
  const piped = await startPiped(gate, workers)
  try {
    await use(piped)
  } finally {
    piped.child.kill('SIGKILL')
    piped.reader.destroy()
    await gate.stop()
  }
}

/** Sends requests, some at a time, and answers how long each took. */
async function send(url: string, count: number, status: number): Promise<readonly number[]> {
  const tookMs: number[] = []
  let left = count
  const client = async () => {
    while (left-- > 0) {
      const startedMs = performance.now()
      const reply = await fetch(url, { headers: { 'User-Agent': agent } })
      await reply.arrayBuffer()
      assert.equal(reply.status, status)
      tookMs.push(performance.now() - startedMs)
    }
  }
  await Promise.all(Array.from({ length: 20 }, client))
  return tookMs.toSorted((a, b) => a - b)
}

for (const workers of [1, 2])
  test(`a log that nobody reads delays no request; what was let go is counted: ${workers} workers`, () =>
    withPiped(workers, async (piped) => {
      piped.reader.pause()
      const passed = 6000
      const tookMs = await send(`${piped.http}/public`, passed, 200)
      assert.ok((tookMs[Math.floor(passed / 2)] as number) < 500)
      await send(`${piped.http}/nothing`, 300, 404)
      const metrics = await (await fetch(`${piped.admin}/metrics`)).text()
      const dropped = Number(
        /^portcullis_log_dropped_lines_total\{class="request"\} (\d+)$/m.exec(metrics)?.[1],
      )
      assert.ok(dropped > 0)
      assert.match(metrics, /^portcullis_log_dropped_lines_total\{class="event"\} 0$/m)
      piped.reader.resume()
      const told = () => piped.lines().filter(({ event }) => event === 'log_dropped')
      await until(() => told().length > 0, 'log_dropped')
      piped.child.kill('SIGTERM')
      assert.equal(await piped.ended, 0)
      await until(() => piped.lines().at(-1)?.event === 'stopped', 'the last line')
      const count = (event: string) => piped.lines().filter((line) => line.event === event).length
      assert.equal(
        told().reduce((sum, { requests = 0 }) => sum + requests, 0),
        dropped,
      )
      assert.equal(count('request') + dropped, passed)
      assert.equal(count('denied'), 300)
    }))

test('the gate goes on when the reader of its log is gone, and says so on stderr, once', () =>
  withPiped(1, async (piped) => {
    piped.reader.destroy()
    await send(`${piped.http}/public`, 100, 200)
    await until(() => piped.stderr() !== '', 'a word on stderr')
    assert.match(
      piped.stderr(),
      /^portcullis: nobody reads the log any more \(EPIPE\); the gate goes on without\n$/,
    )
    piped.child.kill('SIGTERM')
    assert.equal(await piped.ended, 0)
  }))

for (const workers of [1, 2])
  test(`the gate goes on when nobody reads its stderr either: ${workers} workers`, () =>
    withPiped(workers, async (piped) => {
      piped.child.stderr?.destroy()
      piped.reader.destroy()
      await send(`${piped.http}/public`, 100, 200)
      await sleep(100)
      await send(`${piped.http}/public`, 100, 200)
      piped.child.kill('SIGTERM')
      assert.equal(await piped.ended, 0)
    }))

test('a stop does not wait for long for a reader that does not read', () =>
  withPiped(1, async (piped) => {
    piped.reader.pause()
    await send(`${piped.http}/public`, 400, 200)
    const startedMs = Date.now()
    piped.child.kill('SIGTERM')
    assert.equal(await piped.ended, 0)
    assert.ok(Date.now() - startedMs < 8000)
    assert.match(piped.stderr(), /its last lines are lost/)
  }))
