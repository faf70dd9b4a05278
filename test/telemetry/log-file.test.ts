import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import type { ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { portcullis } from '../harness/command.ts'
import { type FileGate, type FileGateOptions, filesOf, parsed, startFileGate } from '../harness/file-gate.ts'
import { configurationFor, type LogLine, startGate } from '../harness/gate.ts'
import { until } from '../harness/until.ts'

// The log in a file, of a gate in a process of its own: whoever moves the file, and whatever the disk does.

async function withGate(options: FileGateOptions, use: (gate: FileGate) => Promise<void>): Promise<void> {
  const gate = await startFileGate(options)
  try {
    await use(gate)
  } finally {
    await gate.stop()
  }
}

/** Sends requests that are numbered by their user agents. @returns how long each took, the shortest first */
async function send(origin: string, count: number, path = '/public'): Promise<readonly number[]> {
  const tookMs: number[] = []
  let sent = 0
  const client = async () => {
    while (sent < count) {
      const headers = { 'User-Agent': `${'n'.repeat(300)} ${sent++}` }
      const startedMs = performance.now()
      await (await fetch(`${origin}${path}`, { headers })).arrayBuffer()
      tookMs.push(performance.now() - startedMs)
    }
  }
  await Promise.all(Array.from({ length: 16 }, client))
  return tookMs.toSorted((a, b) => a - b)
}

function assertEach(lines: readonly LogLine[], count: number): void {
  const seen = lines
    .filter(({ event }) => event === 'request' || event === 'denied')
    .map((line) => /^n+ (\d+)$/.exec(String(line['user_agent.original']))?.[1])
  assert.equal(seen.length, count)
  assert.equal(new Set(seen).size, count)
}

for (const workers of [1, 2])
  test(`rotation under load loses and tears no line: ${workers} workers`, () =>
    withGate({ workers, file: 'rotate: { size: 256KiB, keep: 50 }' }, async (gate) => {
      await send(gate.http, 3000)
      gate.child.kill('SIGTERM')
      assert.equal(await gate.ended, 0)
      const files = filesOf(gate.logFile)
      assert.ok(files.length > 3, String(files.length))
      for (const file of files) {
        assert.ok(statSync(file).size <= 256 * 1024)
        assert.equal(statSync(file).mode & 0o777, 0o600)
        parsed(readFileSync(file, 'utf8'))
        assert.ok(readFileSync(file, 'utf8').endsWith('}\n'))
      }
      assertEach(gate.lines(), 3000)
      assert.equal(gate.lines().at(-1)?.event, 'stopped')
      assert.deepEqual([gate.stdout(), gate.stderr()], ['', ''])
    }))

for (const signal of ['SIGUSR2', 'SIGHUP'] as const)
  test(`a file that somebody moves is written until ${signal}, then the path anew: no line is lost`, () =>
    withGate({ workers: 2, file: 'rotate: false, readableBy: group' }, async (gate) => {
      const load = send(gate.http, 3000)
      for (let move = 9; move > 4; move--) {
        await new Promise((resolve) => setTimeout(resolve, 100))
        renameSync(gate.logFile, `${gate.logFile}.${move}`)
        gate.child.kill(signal)
        await until(() => existsSync(gate.logFile), 'the path is opened anew')
      }
      await load
      gate.child.kill('SIGTERM')
      assert.equal(await gate.ended, 0)
      assertEach(gate.lines(), 3000)
      assert.equal(filesOf(gate.logFile).length, 6)
      for (const file of filesOf(gate.logFile)) assert.equal(statSync(file).mode & 0o777, 0o640)
    }))

test('on stdout SIGUSR2 does nothing', async () => {
  const { startRun } = await import('../harness/command.ts')
  const gate = await startGate()
  const running = startRun(gate.configurationFile)
  await running.logged('ready')
  running.child.kill('SIGUSR2')
  await new Promise((resolve) => setTimeout(resolve, 200))
  running.child.kill('SIGTERM')
  assert.equal(await running.ended, 0)
  await gate.stop()
})

test('a full disk delays and loses no request; lines are held, then let go and counted, those of denials last; with room all is well', async () => {
  const disk = mkdtempSync(join(tmpdir(), 'portcullis-full-'))
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk], { encoding: 'utf8' })
  assert.equal(mounted.status, 0, mounted.stderr)
  try {
    await withGate({ logFile: join(disk, 'gate.log'), file: 'rotate: false' }, async (gate) => {
      await send(gate.http, 50)
      fill(join(disk, 'ballast'))
      const tookMs = await send(gate.http, 8000)
      assert.ok((tookMs[4000] as number) < 500)
      await send(gate.http, 300, '/nothing')
      await until(() => gate.stderr() !== '', 'a word on stderr')
      assert.match(gate.stderr(), /^[^\n]*gate\.log cannot be written: its disk is full \(ENOSPC\)\n$/)
      const text = readFileSync(gate.logFile, 'utf8')
      assert.ok(text.endsWith('}\n'), 'no line is torn, however full the disk is')
      const metrics = await (await fetch(`${gate.admin}/metrics`)).text()
      const dropped = (kind: string) =>
        Number(
          new RegExp(`^portcullis_log_dropped_lines_total\\{class="${kind}"\\} (\\d+)$`, 'm').exec(
            metrics,
          )?.[1],
        )
      assert.ok(dropped('request') > 0)
      assert.equal(dropped('event'), 0)
      // All of it in one step: in the room of the ballast alone what is held would fill the disk again.
      spawnSync('mount', ['-o', 'remount,size=32m', disk])
      await until(() => gate.count('log_dropped') > 0, 'log_dropped')
      await send(gate.http, 100)
      gate.child.kill('SIGTERM')
      assert.equal(await gate.ended, 0)
      const lines = gate.lines()
      const told = lines.filter(({ event }) => event === 'log_dropped')
      assert.equal(
        told.reduce((sum, { requests }) => sum + Number(requests), 0),
        dropped('request'),
      )
      assert.equal(gate.count('request') + dropped('request'), 50 + 8000 + 100)
      assert.equal(gate.count('denied'), 300)
      assert.equal(gate.count('log_file_failed'), 1)
      assert.equal(gate.count('log_file_resumed'), 1)
    })
  } finally {
    spawnSync('umount', ['-l', disk])
    rmSync(disk, { recursive: true, force: true })
  }
})

test('a disk that hangs delays no request, with the gate in one thread; when it goes on, every line is there', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-hang-'))
  const [image, disk] = [join(folder, 'image'), join(folder, 'disk')]
  const sh = (script: string) => spawnSync('sh', ['-c', script], { encoding: 'utf8' })
  mkdirSync(disk)
  const mounted = sh(`truncate -s 64M ${image} && mkfs.ext4 -q ${image} && mount -o loop ${image} ${disk}`)
  if (mounted.status !== 0) return t.skip(`no loop device: ${mounted.stderr}`)
  // Nobody is left waiting for it, whatever becomes of this process.
  const rescue = spawn('sh', ['-c', `sleep 40; fsfreeze -u ${disk}`], { detached: true, stdio: 'ignore' })
  rescue.unref()
  try {
    await withGate({ logFile: join(disk, 'gate.log') }, async (gate) => {
      await send(gate.http, 50)
      assert.equal(sh(`fsfreeze -f ${disk}`).status, 0)
      const tookMs = await send(gate.http, 1000)
      assert.ok((tookMs.at(-1) as number) < 1000, `${tookMs.at(-1)} ms`)
      assert.ok(gate.count('request') < 1050)
      const writable = async () => {
        const metrics = await (await fetch(`${gate.admin}/metrics`)).text()
        return /^portcullis_log_file_writable (\d)$/m.exec(metrics)?.[1]
      }
      await until(async () => (await writable()) === '0', 'the metric says so')
      assert.equal(sh(`fsfreeze -u ${disk}`).status, 0)
      await until(() => gate.count('request') === 1050, 'every line')
      assert.equal(await writable(), '1')
      gate.child.kill('SIGTERM')
      assert.equal(await gate.ended, 0)
      assert.equal(gate.count('request'), 1050)
    })
  } finally {
    sh(`fsfreeze -u ${disk}; umount ${disk}`)
    process.kill(rescue.pid as number)
    rmSync(folder, { recursive: true, force: true })
  }
})

/** Takes all the space that is left, to the last page. */
function fill(file: string): void {
  for (const size of [64 * 1024, 4096, 1])
    for (;;)
      try {
        writeFileSync(file, Buffer.alloc(size), { flag: 'a' })
      } catch {
        break
      }
}

const bad: readonly (readonly [what: string, path: string, make: (folder: string) => void, says: RegExp])[] =
  [
    ['no folder', './gone/gate.log', () => {}, /its folder does not exist \(ENOENT\)/],
    [
      'a folder in its place',
      './there',
      (folder) => mkdirSync(join(folder, 'there')),
      /it is a folder \(EISDIR\)/,
    ],
    [
      'a symbolic link in its place',
      './link',
      (folder) => symlinkSync(join(folder, 'elsewhere'), join(folder, 'link')),
      /it is a symbolic link \(ELOOP\)/,
    ],
    [
      'a FIFO in its place',
      './pipe',
      (folder) => spawnSync('mkfifo', [join(folder, 'pipe')]),
      /it is no file \(EINVAL\)/,
    ],
  ]
for (const [what, path, make, says] of bad)
  test(`refused at the start with file, line and column: ${what}`, async () => {
    const gate = await startGate()
    make(gate.folder)
    const yaml = configurationFor({}, gate.upstream, gate.issuer)
    gate.configure(`${yaml}\nlog:\n  file:\n    path: ${path}\n`)
    const line = yaml.split('\n').length + 3
    const { code, stdout, stderr } = await portcullis(['run', '-c', gate.configurationFile])
    assert.deepEqual([code, stdout], [1, ''])
    assert.ok(stderr.includes(`portcullis.yaml:${line}:11`), stderr)
    assert.match(stderr, says)
    assert.ok(!existsSync(join(gate.folder, 'elsewhere')))
    const checked = await portcullis(['check', '-c', gate.configurationFile])
    assert.equal(checked.code, 0, 'check runs elsewhere, too')
    await gate.stop()
  })

test('check and the start refuse what would leave out denials, with file, line and column', async () => {
  const gate = await startGate()
  const yaml = configurationFor({}, gate.upstream, gate.issuer)
  gate.configure(`${yaml}\nlog:\n  events:\n    denied: { level: warn }\n`)
  const line = yaml.split('\n').length + 3
  for (const command of ['run', 'check']) {
    const { code, stdout, stderr } = await portcullis([command, '-c', gate.configurationFile])
    assert.equal(code, 1)
    assert.match(
      stdout + stderr,
      new RegExp(`portcullis\\.yaml:${line}:5[^]*denied is no event that may be left out`),
    )
  }
  await gate.stop()
})

test('a tenth of passed requests is written, with its rate, and every denial, report and 5xx; a reload changes the share', () =>
  withGate({ workers: 2, log: 'events: { request: { sample: 0.1 } }' }, async (gate) => {
    const { upstream } = gate.gate
    const inOrder = (response: ServerResponse) => void response.end()
    // The contract knows of no content there, so each of these is reported.
    await send(gate.http, 100)
    await until(() => gate.count('request') === 100, 'all reports')
    upstream.answer = inOrder
    await send(gate.http, 2000)
    await send(gate.http, 200, '/nothing')
    upstream.answer = (response) => void response.writeHead(500).end('no')
    await send(gate.http, 100)
    upstream.answer = inOrder
    await until(() => gate.count('denied') === 200, 'all denials')
    const statusOf = (line: LogLine) => line['http.response.status_code']
    const requests = () => gate.lines().filter(({ event }) => event === 'request')
    await until(() => requests().filter((line) => statusOf(line) === 500).length === 100, 'all 5xx')
    const passed = requests().filter((line) => statusOf(line) === 200 && line.reported === undefined)
    // Five standard deviations of 2000 draws of a tenth.
    assert.ok(Math.abs(passed.length - 200) < 5 * Math.sqrt(2000 * 0.1 * 0.9), String(passed.length))
    for (const line of passed) assert.equal(line.sample_rate, 0.1)
    assert.equal(gate.lines().filter((line) => line.sample_rate !== undefined).length, passed.length)
    const yaml = readFileSync(gate.gate.configurationFile, 'utf8')
    gate.gate.configure(yaml.replace('sample: 0.1', 'sample: 1'))
    gate.child.kill('SIGHUP')
    await until(() => gate.count('reload') > 0, 'the reload')
    const before = requests().length
    await send(gate.http, 200)
    await until(() => requests().length === before + 200, 'all of them')
  }))
