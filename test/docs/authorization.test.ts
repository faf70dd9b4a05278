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
  partnerKey: { type: apiKey }
`

test('docs/authorization.md: check says about its contracts what the page says', async () => {
  const page = readFileSync(join(project, 'docs/authorization.md'), 'utf8')
  const pairs = [...page.matchAll(/```yaml\n(openapi: [\s\S]*?)```[\s\S]*?```text\n([\s\S]*?)```/g)]
  assert.equal(pairs.length, 2)
  for (const [, contract = '', said = ''] of pairs) assert.equal(await saidOf(contract), said.trim())
})

/** What `check` prints of a contract with problems, and not of the configuration beside it. */
async function saidOf(contract: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-docs-'))
  try {
    writeFileSync(join(folder, 'openapi.yaml'), contract)
    writeFileSync(join(folder, 'portcullis.yaml'), configuration)
    const { code, stdout } = await portcullis(['check'], { cwd: folder })
    assert.equal(code, 1)
    return stdout.slice(0, stdout.indexOf('portcullis.yaml:')).trim()
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
