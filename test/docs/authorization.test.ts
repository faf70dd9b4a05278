import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { portcullis } from '../harness/command.ts'
import { project } from '../harness/gate.ts'

const configuration = `
contract: ./openapi.yaml
listen: { http: { host: 127.0.0.1, port: 0, allowPlaintext: true } }
upstreams: { default: { url: "http://127.0.0.1:3000" } }
identity:
  bearerAuth: { type: jwt, issuer: "https://login.example.com", audience: "https://api.example.com" }
`

test('docs/authorization.md: check says about its contract what the page says', async () => {
  const page = readFileSync(join(project, 'docs/authorization.md'), 'utf8')
  const contract = /```yaml\n(openapi: [\s\S]*?)```/.exec(page)?.[1]
  const said = /```text\n([\s\S]*?)```/.exec(page)?.[1]
  assert.ok(contract !== undefined && said !== undefined)
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-docs-'))
  try {
    writeFileSync(join(folder, 'openapi.yaml'), contract)
    writeFileSync(join(folder, 'portcullis.yaml'), configuration)
    const { code, stdout } = await portcullis(['check'], { cwd: folder })
    assert.equal(code, 1)
    const about = stdout.slice(0, stdout.indexOf('portcullis.yaml:'))
    assert.equal(about.trim(), said.trim())
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
