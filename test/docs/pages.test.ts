import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { ensureDevelopmentCertificate } from '../../src/app/development-certificate.ts'
import { compile } from '../../src/contract/compile.ts'
import { entryReaders } from '../../src/contract/configuration/identity/identity.ts'
import { keys } from '../../src/contract/configuration/keys.ts'
import { extensionKeys } from '../../src/contract/extension.ts'
import { project } from '../harness/gate.ts'

const page = (name: string) => readFileSync(join(project, name), 'utf8')

/** Keys in the tables under a heading, up to the next heading. */
function keysUnder(text: string, heading: string): readonly string[] {
  const start = text.indexOf(`\n${heading}\n`)
  assert.ok(start >= 0, `docs/configuration.md has a heading ${heading}`)
  const body = text.slice(start + heading.length + 2)
  const end = body.search(/\n#/)
  return [...body.slice(0, end < 0 ? undefined : end).matchAll(/^\| `([^`]+)` \|/gm)].map(
    ([, key = '']) => key,
  )
}

const headings = {
  root: '## Top level',
  contract: '## contract',
  listen: '## listen',
  https: '### https',
  tls: '### tls',
  http: '### http',
  admin: '### admin',
  upstream: '## upstream',
  upstreamTls: '### upstreamTls',
  breaker: '### breaker',
  bounds: '## bounds',
  failedAuthentications: '## failedAuthentications',
  limit: '## limit',
  validate: '## validate',
  addresses: '## addresses',
  cors: '## cors',
  keys: '## keys',
  log: '## log',
  logFile: '### log.file',
  logRotate: '### log.file.rotate',
  logEvent: '### log.events',
  logRequest: '### log.events.request',
  telemetry: '## telemetry',
  otlp: '### otlp',
  traces: '### traces',
  state: '## state',
  stateTls: '### state.tls',
  trail: '## trail',
} as const satisfies { readonly [S in keyof typeof keys]: string }

test('docs/configuration.md names every key the reader knows, and no other', () => {
  const text = page('docs/configuration.md')
  for (const [section, known] of Object.entries(keys)) {
    const heading = headings[section as keyof typeof keys]
    assert.deepEqual(keysUnder(text, heading).toSorted(), known.toSorted(), heading)
  }
  for (const [type, { keys: known }] of Object.entries(entryReaders))
    assert.deepEqual(keysUnder(text, `### type: ${type}`).toSorted(), known.toSorted(), type)
  assert.deepEqual(keysUnder(text, '## In the contract: x-portcullis').toSorted(), extensionKeys.toSorted())
})

test('every configuration marked runnable in the pages compiles', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-docs-'))
  const certificate = await ensureDevelopmentCertificate(join(folder, 'made'))
  mkdirSync(join(folder, 'tls'))
  writeFileSync(join(folder, 'tls/server.crt'), readFileSync(certificate.cert))
  writeFileSync(join(folder, 'tls/server.key'), readFileSync(certificate.key))
  writeFileSync(join(folder, 'openapi.yaml'), page('examples/first/openapi.yaml'))
  const blocks = [...page('docs/configuration.md').matchAll(/```yaml runnable\n([\s\S]*?)```/g)]
  assert.ok(blocks.length > 0)
  for (const [, yaml = ''] of blocks) {
    const file = join(folder, 'portcullis.yaml')
    writeFileSync(file, yaml)
    const { program, diagnostics } = compile(file, {})
    assert.ok(program, JSON.stringify(diagnostics))
  }
  rmSync(folder, { recursive: true })
})
