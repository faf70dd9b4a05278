import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { startRun } from '../test/harness/command.ts'
import { grownDuring, sendUpload, startSink } from '../test/harness/upload.ts'
import { table } from './statistics.ts'

interface UploadLine {
  readonly name: string
  readonly octets: number
  readonly seconds: number
  /** Highest resident memory of the gateway during the upload, above what it held before, MiB. */
  readonly aboveIdleMiB: number
}

const octets = 1024 ** 3
const targetMiB = 64

const document = {
  openapi: '3.1.0',
  info: { title: 'uploads', version: '1' },
  'x-portcullis': { maxBody: '2GiB', timeout: '300s' },
  paths: {
    '/opaque': upload('opaque', { 'application/octet-stream': {} }),
    '/parts': upload('parts', {
      'multipart/form-data': {
        schema: {
          type: 'object',
          required: ['name', 'file'],
          properties: { name: { type: 'string', maxLength: 20 }, file: { type: 'string', format: 'binary' } },
        },
      },
    }),
  },
}

function upload(operationId: string, content: object): object {
  const responses = { 204: { description: 'taken' } }
  return { post: { operationId, security: [], requestBody: { required: true, content }, responses } }
}

const boundary = 'a-boundary'
const kinds = [
  {
    name: '1 GiB of application/octet-stream',
    path: '/opaque',
    type: 'application/octet-stream',
    head: '',
    tail: '',
  },
  {
    name: '1 GiB in one part of multipart/form-data',
    path: '/parts',
    type: `multipart/form-data; boundary=${boundary}`,
    head: `--${boundary}\r\nContent-Disposition: form-data; name="name"\r\n\r\nbench\r\n--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n`,
    tail: `\r\n--${boundary}--\r\n`,
  },
]

/**
 * A gateway process before an upstream that counts octets and throws them away; each kind has a process of its own.
 * The second upload shows whether memory grows with what was uploaded before.
 */
export async function measureUploads(): Promise<readonly UploadLine[]> {
  const sink = await startSink()
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-bench-'))
  writeFileSync(join(folder, 'openapi.json'), JSON.stringify(document))
  const file = join(folder, 'portcullis.yaml')
  writeFileSync(
    file,
    `contract: ./openapi.json
allowWeakening: true
listen: { http: { host: 127.0.0.1, port: 0, allowPlaintext: true } }
upstreams: { default: { url: "${sink.url}" } }
`,
  )
  const lines: UploadLine[] = []
  for (const kind of kinds) {
    const gateway = startRun(file, {}, ['--workers', '1'])
    try {
      const ready = await gateway.logged('ready')
      const pid = gateway.child.pid as number
      for (const turn of ['just started', 'again']) {
        await wait(500)
        sink.received = 0
        const startedMs = performance.now()
        const url = new URL(kind.path, String(ready.http))
        const { result: status, grown } = await grownDuring(pid, () => sendUpload(url, { ...kind, octets }))
        const seconds = (performance.now() - startedMs) / 1000
        if (status !== 204 || sink.received !== octets + kind.head.length + kind.tail.length)
          throw new Error(`${kind.name}: ${status}, ${sink.received} octets arrived`)
        lines.push({ name: `${kind.name}, ${turn}`, octets, seconds, aboveIdleMiB: grown / 1024 ** 2 })
      }
    } finally {
      gateway.child.kill()
      await gateway.ended
    }
  }
  sink.stop()
  rmSync(folder, { recursive: true })
  const rows = lines.map(({ name, seconds, aboveIdleMiB }) => [
    name,
    aboveIdleMiB.toFixed(0),
    String(targetMiB),
    seconds.toFixed(1),
  ])
  console.log(`uploads\n${table([['', 'MiB above idle', 'at most', 'seconds'], ...rows])}\n`)
  return lines
}
