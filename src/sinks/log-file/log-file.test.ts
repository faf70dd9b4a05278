import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, beforeEach, test } from 'node:test'
import fc from 'fast-check'
import type { LogFileSettings } from '../../program/settings.ts'
import { type LogFileNews, openLogFile } from './log-file.ts'

const root = mkdtempSync(join(tmpdir(), 'portcullis-log-file-'))
let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(root, 'x'))
})
after(() => rmSync(root, { recursive: true, force: true }))

async function open(changes: Partial<LogFileSettings> = {}) {
  const news: LogFileNews[] = []
  let heard: () => void = () => {}
  const settings = {
    path: join(folder, 'gate.log'),
    mode: 0o600,
    rotate: null,
    position: { file: 'portcullis.yaml', line: 1, column: 1 },
    ...changes,
  }
  const file = await openLogFile({
    settings,
    onRoom: () => heard(),
    onNews: (one) => news.push(one),
  })
  const idle = async () => {
    while (!file.isIdle)
      await new Promise<void>((resolve) => {
        heard = resolve
      })
  }
  return { ...file, isIdle: () => file.isIdle, path: settings.path, news, idle }
}

const octets = (...lines: string[]) => Buffer.from(lines.map((line) => `${line}\n`).join(''))
const numberOf = (name: string) => Number(/\.(\d+)$/.exec(name)?.[1] ?? 0)

/** What stands in the files, the oldest first. */
function written(): string {
  const names = readdirSync(folder).toSorted((a, b) => numberOf(b) - numberOf(a))
  return names.map((name) => readFileSync(join(folder, name), 'utf8')).join('')
}

test('however it is rotated, moved by others and opened anew: every line once, whole, in order', async () => {
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        put: fc.array(fc.integer({ min: 0, max: 60 }), { minLength: 1, maxLength: 6 }),
      }),
    },
    { weight: 1, arbitrary: fc.constant('moved' as const) },
    { weight: 1, arbitrary: fc.constant('reopened' as const) },
    { weight: 1, arbitrary: fc.constant('restarted' as const) },
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      folder = mkdtempSync(join(root, 'y'))
      const rotate = { maxBytes: 150, maxAgeMs: null, keep: 1000 }
      let file = await open({ rotate })
      let expected = ''
      let taken = ''
      for (const one of steps) {
        if (one === 'moved') {
          await file.idle()
          const away = `${folder}-away`
          renameSync(file.path, away)
          taken += readdirSync(folder).length > 0 ? written() : ''
          for (const name of readdirSync(folder)) rmSync(join(folder, name))
          file.put(octets('late'))
          expected += 'late\n'
          await file.idle()
          await file.reopen()
          taken += readFileSync(away, 'utf8')
          rmSync(away)
        } else if (one === 'reopened') void file.reopen()
        else if (one === 'restarted') {
          await file.idle()
          await file.close()
          file = await open({ rotate })
        } else {
          const lines = octets(...one.put.map((length) => 'x'.repeat(length)))
          await file.idle()
          assert.equal(file.put(lines), lines.length)
          assert.equal(file.put(lines), 0)
          expected += lines
        }
      }
      await file.idle()
      assert.equal(taken + written(), expected)
      for (const name of readdirSync(folder))
        assert.match(readFileSync(join(folder, name), 'utf8'), /^(?:.*\n)*$/)
      assert.deepEqual(file.news, [])
      await file.close()
      rmSync(folder, { recursive: true })
    }),
    { numRuns: 60 },
  )
})

test('no file is larger than it may be, and so many are kept as shall be, also where more were kept before', async () => {
  const line = 'x'.repeat(99)
  for (let number = 1; number <= 6; number++) writeFileSync(join(folder, `gate.log.${number}`), `${number}\n`)
  mkdirSync(join(folder, 'gate.log.7'))
  const file = await open({ rotate: { maxBytes: 1000, maxAgeMs: null, keep: 3 } })
  for (let i = 0; i < 55; i++) {
    await file.idle()
    file.put(octets(line))
  }
  await file.idle()
  const files = ['gate.log', 'gate.log.1', 'gate.log.2', 'gate.log.3']
  // Nobody's log is a folder: it stays.
  assert.deepEqual(readdirSync(folder).toSorted(), [...files, 'gate.log.7'])
  assert.deepEqual(file.news, [])
  for (const name of files) assert.ok(statSync(join(folder, name)).size <= 1000)
  await file.close()
})

test('a file that is old gives way to a new one with the next line', async () => {
  const file = await open({ rotate: { maxBytes: 1e9, maxAgeMs: 1000, keep: 2 } })
  file.put(octets('first'))
  await file.idle()
  await new Promise((resolve) => setTimeout(resolve, 1050))
  assert.ok(!existsSync(`${file.path}.1`))
  file.put(octets('second'))
  await file.idle()
  assert.deepEqual(
    [readFileSync(`${file.path}.1`, 'utf8'), readFileSync(file.path, 'utf8')],
    ['first\n', 'second\n'],
  )
  await file.close()
})

test('a file that is made has its mode whatever the umask is; one that is there keeps its own', async () => {
  const umask = process.umask(0o077)
  try {
    await (await open({ mode: 0o640 })).close()
    assert.equal(statSync(join(folder, 'gate.log')).mode & 0o777, 0o640)
    process.umask(0)
    rmSync(join(folder, 'gate.log'))
    await (await open()).close()
    assert.equal(statSync(join(folder, 'gate.log')).mode & 0o777, 0o600)
    chmodSync(join(folder, 'gate.log'), 0o660)
    await (await open()).close()
    assert.equal(statSync(join(folder, 'gate.log')).mode & 0o777, 0o660)
  } finally {
    process.umask(umask)
  }
})

test('a line that a dead process left unfinished stays alone: the next one is its own', async () => {
  writeFileSync(join(folder, 'gate.log'), 'whole\n{"half')
  const file = await open()
  file.put(octets('next'))
  await file.idle()
  assert.equal(readFileSync(file.path, 'utf8'), 'whole\n{"half\nnext\n')
  await file.close()
})

for (const [what, code, make] of [
  ['a symbolic link (CWE-59)', 'ELOOP', (path: string) => symlinkSync(join(folder, 'elsewhere'), path)],
  ['a folder', 'EISDIR', (path: string) => mkdirSync(path)],
  ['a FIFO, which nobody reads', 'EINVAL', (path: string) => spawnSync('mkfifo', [path])],
  ['no folder', 'ENOENT', () => rmSync(folder, { recursive: true })],
] as const)
  test(`refused at the start: ${what}`, { timeout: 30_000 }, async () => {
    make(join(folder, 'gate.log'))
    await assert.rejects(open(), { code })
    assert.ok(!existsSync(join(folder, 'elsewhere')))
  })

test('refused at the start: a file, or for rotation a folder, that this user may not write', () => {
  // Root may write anything, so it is tried as nobody.
  const somebody = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {}
  chmodSync(root, 0o755)
  chmodSync(folder, 0o555)
  const module = JSON.stringify(new URL('./log-file.ts', import.meta.url).href)
  const tried = (rotate: LogFileSettings['rotate']) => {
    const settings = JSON.stringify({ path: join(folder, 'gate.log'), mode: 0o600, rotate })
    const script = `import { openLogFile } from ${module}
      await openLogFile({ settings: ${settings} }).then(() => console.log('opened'), ({ code }) => console.log(code))`
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      ...somebody,
      encoding: 'utf8',
    })
    return stdout.trim() || stderr
  }
  assert.equal(tried(null), 'EACCES')
  chmodSync(folder, 0o755)
  writeFileSync(join(folder, 'gate.log'), '', { mode: 0o444 })
  chmodSync(folder, 0o555)
  assert.equal(tried(null), 'EACCES')
  chmodSync(join(folder, 'gate.log'), 0o666)
  assert.equal(tried(null), 'opened')
  assert.equal(tried({ maxBytes: 1000, maxAgeMs: null, keep: 1 }), 'EACCES')
  chmodSync(folder, 0o755)
})

test('a file that cannot be renamed grows on, which is told', async () => {
  mkdirSync(join(folder, 'gate.log.1'))
  const file = await open({ rotate: { maxBytes: 10, maxAgeMs: null, keep: 1 } })
  for (const line of ['first line', 'second line', 'third line']) {
    file.put(octets(line))
    await file.idle()
  }
  assert.equal(readFileSync(file.path, 'utf8'), 'first line\nsecond line\nthird line\n')
  assert.deepEqual(
    file.news.map(({ event }) => event),
    ['log_file_failed'],
  )
  assert.match(file.news[0]?.detail ?? '', /cannot be rotated, and grows on: it is a folder \(EISDIR\)/)
  await file.close()
})

test('a folder that goes, and a link that stands there then: lines wait, and come when the file can be opened', async () => {
  const file = await open()
  file.put(octets('before'))
  await file.idle()
  renameSync(folder, `${folder}-away`)
  void file.reopen()
  while (file.news.length === 0) await new Promise((resolve) => setTimeout(resolve, 10))
  assert.equal(file.put(octets('meanwhile')), 0)
  mkdirSync(folder)
  symlinkSync(join(folder, 'elsewhere'), file.path)
  await new Promise((resolve) => setTimeout(resolve, 600))
  assert.equal(file.isIdle(), false)
  rmSync(file.path)
  await file.idle()
  file.put(octets('after'))
  await file.idle()
  assert.equal(readFileSync(file.path, 'utf8'), 'after\n')
  assert.equal(readFileSync(join(`${folder}-away`, 'gate.log'), 'utf8'), 'before\n')
  assert.ok(!existsSync(join(folder, 'elsewhere')))
  assert.deepEqual(
    file.news.map(({ event }) => event),
    ['log_file_failed', 'log_file_resumed'],
  )
  assert.match(file.news[0]?.detail ?? '', /its folder does not exist/)
  await file.close()
})

test('at the end of the process what it took is written before put returns', async () => {
  const file = await open()
  file.put(octets('under way'))
  assert.equal(file.finish(), true)
  file.put(octets('last'))
  await file.idle()
  assert.deepEqual(readFileSync(file.path, 'utf8').split('\n').toSorted(), ['', 'last', 'under way'])
  await file.close()
})
