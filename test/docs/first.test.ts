import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { portcullis, type RunningCommand, run, startRun } from '../harness/command.ts'
import { freePort } from '../harness/free-port.ts'
import { project } from '../harness/gate.ts'
import { audience, startIssuer, type TestIssuer } from '../harness/issuer.ts'

// The README's "Your own API", walked as a stranger would, with the real commands and curl.

let folder: string
let issuer: TestIssuer
let gate: RunningCommand
let backend: ReturnType<typeof spawn>
let origin: string
let upstream: string

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'portcullis-first-'))
  cpSync(join(project, 'examples/first'), folder, { recursive: true })
  issuer = await startIssuer()
  const port = await freePort()
  upstream = `http://127.0.0.1:${port}`
  const written = await portcullis(['init', 'openapi.yaml'], { cwd: folder })
  assert.equal(written.code, 0, written.stderr)
  assert.match(written.stdout, /It starts as it is/)
  const file = join(folder, 'portcullis.yaml')
  const text = readFileSync(file, 'utf8')
    .replace('https://login.example.com', issuer.issuer)
    .replace('audience: "https://api.example.com"', `audience: "${audience}"`)
    .replace('http://127.0.0.1:3000', upstream)
    .replace('port: 8443', 'port: 0')
    .replace('port: 9901', 'port: 0')
  writeFileSync(file, text)
  backend = spawn(process.execPath, ['backend.mjs'], {
    cwd: folder,
    env: { ...process.env, PORT: String(port) },
    stdio: 'ignore',
  })
  await reachable(port)
  gate = startRun(file)
  const ready = await gate.logged('ready')
  origin = `https://localhost:${new URL(String(ready.https)).port}`
})
after(async () => {
  gate.child.kill()
  await gate.ended
  backend.kill()
  await issuer.stop()
  rmSync(folder, { recursive: true, force: true })
})

/** @returns status and body */
async function curl(path: string, ...args: readonly string[]) {
  const answer = await run('curl', [
    '-s',
    '-w',
    '\n%{http_code}',
    '--cacert',
    join(folder, 'tls/localhost.crt'),
    origin + path,
    ...args,
  ])
  assert.equal(answer.code, 0, answer.stderr)
  const end = answer.stdout.lastIndexOf('\n')
  return {
    status: Number(answer.stdout.slice(end + 1)),
    body: JSON.parse(answer.stdout.slice(0, end)) as unknown,
  }
}

test('check finds what init wrote sound, and explain tells the policy', async () => {
  const checked = await portcullis(['check'], { cwd: folder })
  assert.equal(checked.code, 0, checked.stdout)
  assert.match(checked.stdout, /3 operations: 2 authenticated, 1 public/)
  const explained = await portcullis(['explain', 'createNote'], { cwd: folder })
  assert.equal(explained.code, 0)
  const golden =
    /```text\n([\s\S]*?)```/.exec(readFileSync(join(project, 'docs/explain.md'), 'utf8'))?.[1] ?? ''
  const told = explained.stdout
    .replace(issuer.issuer, 'https://login.example.com')
    .replace(upstream, 'http://127.0.0.1:3000')
    .replace(new URL(upstream).host, '127.0.0.1:3000')
  assert.equal(told, golden)
})

test('the first request that is denied, and the first that passes', async () => {
  const token = await issuer.token()
  const post = (body: string) => [
    ...['-H', `Authorization: Bearer ${token}`, '-H', 'Content-Type: application/json', '-d', body],
  ]
  const denied = await curl('/notes')
  assert.equal(denied.status, 401)
  assert.equal((await curl('/status')).status, 200)
  const created = await curl('/notes', ...post('{"text":"hello"}'))
  assert.deepEqual(created, { status: 201, body: { text: 'hello' } })
  const unknown = await curl('/notes', ...post('{"text":"hello","admin":true}'))
  assert.equal(unknown.status, 400)
  const { type, errors } = unknown.body as { type: string; errors: readonly { pointer: string }[] }
  assert.equal(type, 'urn:portcullis:problem:body_invalid')
  assert.deepEqual(
    errors.map(({ pointer }) => pointer),
    ['/admin'],
  )
  const listed = await curl('/notes', '-H', `Authorization: Bearer ${token}`)
  assert.deepEqual(listed, { status: 200, body: [{ text: 'hello' }] })
})

async function reachable(port: number): Promise<void> {
  for (let waitedMs = 0; waitedMs < 30_000; waitedMs += 20) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true)).on('error', () => resolve(false))
      socket.on('connect', () => socket.destroy())
    })
    if (open) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error(`nothing listens on ${port}`)
}
