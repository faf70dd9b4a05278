import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type RunningCommand, startRun } from '../harness/command.ts'
import { grownDuring, type Sink, sendUpload, startSink } from '../harness/upload.ts'

const contract = fileURLToPath(new URL('../fixtures/uploads.yaml', import.meta.url))
const octets = 128 * 1024 * 1024
const mostGrown = 64 * 1024 * 1024

let folder: string
let gateway: RunningCommand
let origin: string
let sink: Sink

before(async () => {
  sink = await startSink()
  folder = mkdtempSync(join(tmpdir(), 'portcullis-test-'))
  const file = join(folder, 'portcullis.yaml')
  writeFileSync(
    file,
    `contract: ${JSON.stringify(contract)}
allowWeakening: true
listen: { http: { host: 127.0.0.1, port: 0, allowPlaintext: true } }
upstreams: { default: { url: "${sink.url}" } }
`,
  )
  gateway = startRun(file)
  origin = String((await gateway.logged('ready')).http)
})
after(async () => {
  gateway.child.kill()
  await gateway.ended
  sink.stop()
  rmSync(folder, { recursive: true })
})

/** @returns the status, and how far the gateway's memory went above what it was */
async function upload(path: string, type: string, head: string, tail: string) {
  sink.received = 0
  const url = new URL(path, origin)
  const pid = gateway.child.pid as number
  const { result: status, grown } = await grownDuring(pid, () =>
    sendUpload(url, { type, head, tail, octets }),
  )
  return { status, grown }
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
    assert.equal(sink.received, before.length + octets + behind.length)
    assert.ok(grown < mostGrown, `${grown} octets more of memory for ${octets} of upload`)
  })
}
