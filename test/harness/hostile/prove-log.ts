import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createReadStream, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type FileGate, filesOf, startFileGate } from '../file-gate.ts'
import { openSocket } from '../raw-client.ts'
import { document } from './document.ts'
import { hostileRequests, hostileText, malformedRequests } from './requests.ts'

export interface Proof {
  readonly lines: number
  /** Lines that jq could not parse, each by itself. */
  readonly malformed: number
  readonly byEvent: Readonly<Record<string, number>>
  readonly files: number
  readonly octets: number
  readonly statuses: Readonly<Record<string, number>>
  /** Requests that were answered in a second. */
  readonly rate: number
}

interface Answers {
  readonly sent: number
  readonly answered: number
  readonly statuses: Readonly<Record<string, number>>
}

/**
 * So many hostile requests at a real gate with two workers, whose log is rotated and moved by others meanwhile; then all lines
 * through jq. Every request that was answered must have left one line, and no octet of them may be other than printable ASCII or UTF-8.
 */
export async function proveLog(count: number, rotateAt: string): Promise<Proof> {
  const gate = await startFileGate({
    workers: 2,
    document,
    file: `rotate: { size: ${rotateAt}, keep: 1000 }`,
    more: 'trustedProxies: [127.0.0.1/32]\nallowWeakening: true\ntrail: false\nbounds: { queueDelay: 10s, requestsPerConnection: 1000000 }',
  })
  try {
    gate.gate.upstream.answer = (response) =>
      void response.setHeader('Content-Type', 'application/json').end('{}')
    const file = join(gate.gate.folder, 'requests.json')
    writeFileSync(file, JSON.stringify(hostileRequests(1400, await hostileTokens(gate))))
    const startedMs = performance.now()
    const signals = setInterval(() => gate.child.kill('SIGUSR2'), 250)
    const { answered, statuses } = await load(gate.http, file, count)
    const seconds = (performance.now() - startedMs) / 1000
    clearInterval(signals)
    let refused = 0
    for (const octets of malformedRequests()) if (await isAnswered(gate.http, octets)) refused++
    gate.child.kill('SIGTERM')
    assert.equal(await gate.ended, 0)
    const files = filesOf(gate.logFile)
    const { good, bad, octets } = await parsedByJq(files)
    assertHarmless(files)
    const { request = 0, denied = 0, log_dropped = 0 } = good
    assert.equal(log_dropped, 0)
    assert.equal(request + denied, answered + refused)
    return {
      lines: Object.values(good).reduce((sum, some) => sum + some, 0),
      malformed: bad,
      byEvent: good,
      files: files.length,
      octets,
      statuses,
      rate: answered / seconds,
    }
  } finally {
    await gate.stop()
  }
}

async function hostileTokens({ gate: { issuer } }: FileGate): Promise<readonly string[]> {
  const { any } = hostileText(42)
  // A token with half a surrogate pair is refused as a whole.
  const claims = Array.from({ length: 60 }, (_, index) => {
    const text = () => (index % 6 === 0 ? any() : any().toWellFormed())
    return { sub: text(), client_id: text(), jti: text(), [text()]: text() }
  })
  return Promise.all(claims.map((one) => issuer.token(one)))
}

const client = fileURLToPath(new URL('./client.ts', import.meta.url))

function load(origin: string, file: string, count: number): Promise<Answers> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [client, new URL(origin).port, file, String(count)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let text = ''
    child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()))
    child.on('error', reject)
    child.on('close', (code) =>
      code === 0 ? resolve(JSON.parse(text) as Answers) : reject(new Error(`client: ${code}`)),
    )
  })
}

function isAnswered(origin: string, octets: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = openSocket(origin)
    let text = ''
    socket.on('error', () => {})
    socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')))
    socket.on('close', () => resolve(text.startsWith('HTTP/1.1 4')))
    socket.write(Buffer.from(octets, 'latin1'))
  })
}

/** Each line by itself, so that two on one line are malformed as well. */
const filter = 'reduce (inputs | try (fromjson | .event) catch "malformed") as $event ({}; .[$event] += 1)'

export async function parsedByJq(files: readonly string[]): Promise<{
  readonly good: Readonly<Record<string, number>>
  readonly bad: number
  readonly octets: number
}> {
  const child = spawn('jq', ['-R', '-n', '-c', filter], { stdio: ['pipe', 'pipe', 'inherit'] })
  let text = ''
  let octets = 0
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()))
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
  for (const file of files)
    for await (const chunk of createReadStream(file)) {
      octets += (chunk as Buffer).length
      if (!child.stdin.write(chunk)) await new Promise((drained) => child.stdin.once('drain', drained))
    }
  child.stdin.end()
  assert.equal(await ended, 0)
  const { malformed = 0, ...good } = JSON.parse(text) as Record<string, number>
  return { good, bad: malformed, octets }
}

const harmful = new RegExp(
  [
    '[\\u0000-\\u0009\\u000b-\\u001f\\u007f-\\u009f]',
    '[\\u00ad\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ud800-\\udfff\\ufeff]',
  ].join('|'),
  'u',
)

/** No octet that a terminal obeys or a viewer hides, no line over its bound, and all of it UTF-8. */
function assertHarmless(files: readonly string[]): void {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  for (const file of files) {
    const text = decoder.decode(readFileSync(file))
    const found = harmful.exec(text)
    assert.equal(
      found,
      null,
      `${file}: ${JSON.stringify(text.slice((found?.index ?? 0) - 200, (found?.index ?? 0) + 20))}`,
    )
    assert.ok(text === '' || text.endsWith('\n'))
    for (const line of text.split('\n')) assert.ok(line.length < 32 * 1024, `a line of ${line.length}`)
  }
}
