import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type RunningCommand, startRun } from '../harness/command.ts'

const contract = fileURLToPath(new URL('../fixtures/uploads.yaml', import.meta.url))
const octets = 128 * 1024 * 1024
const piece = Buffer.alloc(64 * 1024, 'x')

let folder: string
let gateway: RunningCommand
let origin: string
let received = 0
/** Counts and throws away: all memory that grows is the gateway's. */
const upstream = createServer((message, response) => {
  message.on('data', (chunk: Buffer) => {
    received += chunk.length
  })
  message.on('end', () => response.writeHead(204).end())
})

before(async () => {
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve))
  folder = mkdtempSync(join(tmpdir(), 'portcullis-test-'))
  const file = join(folder, 'portcullis.yaml')
  writeFileSync(
    file,
    `contract: ${JSON.stringify(contract)}
allowWeakening: true
listen: { http: { host: 127.0.0.1, port: 0, allowPlaintext: true } }
upstreams: { default: { url: "http://127.0.0.1:${(upstream.address() as AddressInfo).port}" } }
`,
  )
  gateway = startRun(file)
  origin = String((await gateway.logged('ready')).http)
})
after(async () => {
  gateway.child.kill()
  await gateway.ended
  upstream.close()
  rmSync(folder, { recursive: true })
})

function residentBytes(): number {
  const status = readFileSync(`/proc/${gateway.child.pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024
}

/** @returns the status, and how far the gateway's memory went above what it was */
async function upload(path: string, type: string, head = '', tail = '') {
  received = 0
  const before = residentBytes()
  let most = before
  const sampler = setInterval(() => {
    most = Math.max(most, residentBytes())
  }, 5)
  const status = await send(path, type, head, tail)
  clearInterval(sampler)
  return { status, grown: most - before }
}

function send(path: string, type: string, head: string, tail: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const headers = { 'Content-Type': type, 'Content-Length': octets + head.length + tail.length }
    const sending = request(new URL(path, origin), { method: 'POST', headers }, (response) => {
      response.resume()
      response.on('end', () => resolve(response.statusCode))
    })
    sending.on('error', reject)
    sending.write(head)
    let left = octets / piece.length
    const write = () => {
      while (left-- > 0) if (!sending.write(piece)) return sending.once('drain', write)
      return sending.end(tail)
    }
    write()
  })
}

const head =
  '--XX\r\nContent-Disposition: form-data; name="file"; filename="f"\r\nContent-Type: application/octet-stream\r\n\r\n'
const tail = '\r\n--XX--\r\n'

for (const [what, path, type, before, behind] of [
  ['opaque content', '/opaque', 'application/octet-stream', '', ''],
  ['a file in a part', '/parts', 'multipart/form-data; boundary=XX', head, tail],
] as const) {
  test(`${what} is never whole in memory, and the next leaves no more of it than the first`, async () => {
    await upload(path, type, before, behind)
    const { status, grown } = await upload(path, type, before, behind)
    assert.equal(status, 204)
    assert.equal(received, before.length + octets + behind.length)
    assert.ok(grown < octets * 0.75, `${grown} octets more of memory for ${octets} of upload`)
  })
}
