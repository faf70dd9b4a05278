import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { portcullis } from '../harness/command.ts'
import { project } from '../harness/gate.ts'

let folder: string
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'portcullis-explain-'))
  cpSync(join(project, 'examples/first'), folder, { recursive: true })
  await portcullis(['init', 'openapi.yaml'], { cwd: folder })
  cpSync(join(project, 'test/fixtures/bodies.yaml'), join(folder, 'bodies.yaml'))
  writeFileSync(
    join(folder, 'bodies-gate.yaml'),
    'contract: ./bodies.yaml\nlisten: { http: { host: 127.0.0.1, port: 0, allowPlaintext: true } }\nupstreams: { default: { url: "http://127.0.0.1:3000" } }\n',
  )
})
after(() => rmSync(folder, { recursive: true, force: true }))

function judge(request: string, ...more: readonly string[]) {
  writeFileSync(join(folder, 'request.http'), request)
  return portcullis(['explain', '--request', 'request.http', ...more], { cwd: folder })
}

test('docs/explain.md shows what explain --request says of the request beside it', async () => {
  const page = readFileSync(join(project, 'docs/explain.md'), 'utf8')
  const request = /```http\n([\s\S]*?)\n```/.exec(page)?.[1] ?? ''
  const golden = page.slice(page.indexOf(request)).match(/```text\n([\s\S]*?)```/)?.[1] ?? ''
  const told = await judge(request)
  assert.equal(told.stdout, golden)
  assert.equal(told.code, 1)
})

test('explain --request judges parameters, routes and sound requests, credentials unseen', async () => {
  const query = await judge('GET /notes?limit=0&x=1 HTTP/1.1\r\nAuthorization: Bearer x\r\n\r\n', '--json')
  const { refused } = JSON.parse(query.stdout) as { readonly refused: { readonly faults: readonly object[] } }
  assert.deepEqual(refused.faults.at(-1), {
    in: 'query',
    pointer: '/limit',
    message: 'must be ≥ 1',
    seen: 'integer',
    declared: 'openapi.yaml:15:11',
  })
  const unknown = await judge('GET /nothing HTTP/1.1\n\n')
  assert.match(unknown.stdout, /^no operation\n {2}refused with 404 route_unknown/)
  const sound = await judge('POST /notes HTTP/1.1\nContent-Type: application/json\n\n{"text":"a"}')
  assert.equal(sound.code, 0, sound.stdout)
  assert.match(sound.stdout, /its form is sound\n/)
})

test('explain --request finds the place through references, in every media type, and says what it does not read', async () => {
  const configured = ['-c', 'bodies-gate.yaml']
  const lines = readFileSync(join(folder, 'bodies.yaml'), 'utf8').split('\n')
  const lineOf = (text: string) => lines.findIndex((line) => line.includes(text)) + 1
  const form = 'Content-Type: application/x-www-form-urlencoded'
  const told = await judge(`POST /form HTTP/1.1\n${form}\n\nname=x&size=-1`, ...configured)
  assert.match(
    told.stdout,
    new RegExp(`body /size {2}must be ≥ 0 {2}bodies.yaml:${lineOf('size: { type: integer, minimum: 0 }')}:`),
  )
  const upload = '--XX\r\nContent-Disposition: form-data; name="extra"\r\n\r\nx\r\n--XX--'
  const streams = await judge(
    `POST /upload HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=XX\r\n\r\n${upload}`,
    ...configured,
  )
  assert.match(streams.stdout, /the content of its body streams, and was not judged here/)
})

test('explain --request says what is no request, and which call it does not understand', async () => {
  const length = (octets: number) => `POST /notes HTTP/1.1\nContent-Length: ${octets}\n\n{}`
  for (const request of [
    '',
    'GET /notes',
    'GET /notes HTTP/2\n\n',
    'GET /notes HTTP/1.1\nbroken\n\n',
    length(1),
    length(3),
  ]) {
    const told = await judge(request)
    assert.equal(told.code, 1)
    assert.match(told.stderr, /is no request: /)
  }
  assert.equal((await judge('GET /notes HTTP/1.1\n\n', 'createNote')).code, 2)
  assert.equal((await portcullis(['explain'], { cwd: folder })).code, 2)
  assert.match((await portcullis(['explain', '--request', 'none.http'], { cwd: folder })).stderr, /ENOENT/)
})
