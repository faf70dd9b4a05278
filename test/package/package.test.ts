import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { run } from '../harness/command.ts'
import { project } from '../harness/gate.ts'
import { node24 } from './node-24.ts'

let folder: string
let command: string

const npm = (args: readonly string[], cwd: string) =>
  run('npm', [...args, '--no-audit', '--no-fund', '--loglevel=error'], { cwd })

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'portcullis-package-'))
  const built = await npm(['run', 'build'], project)
  assert.equal(built.code, 0, built.stdout + built.stderr)
  const packed = await npm(['pack', '--pack-destination', folder], project)
  assert.equal(packed.code, 0, packed.stderr)
  const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? ''
  writeFileSync(join(folder, 'package.json'), '{ "name": "stranger", "private": true }')
  const { peerDependencies } = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8')) as {
    peerDependencies: Readonly<Record<string, string>>
  }
  const peers = Object.entries(peerDependencies).map(([name, version]) => `${name}@${version}`)
  const installed = await npm(['install', '--prefer-offline', `./${tarball}`, ...peers], folder)
  assert.equal(installed.code, 0, installed.stderr)
  command = join(folder, 'node_modules/portcullis/dist/cli/main.js')
})
after(() => rmSync(folder, { recursive: true, force: true }))

test('the tarball holds what is needed and nothing else', () => {
  const root = join(folder, 'node_modules/portcullis')
  assert.deepEqual(readdirSync(root).sort(), [
    'CHANGELOG.md',
    'LICENSE',
    'README.md',
    'configuration.schema.json',
    'dist',
    'docs',
    'examples',
    'package.json',
  ])
  const files = readdirSync(join(root, 'dist'), { recursive: true }).map(String)
  assert.ok(!files.some((file) => /\.test\.|\.suite\.|(?<!\.d)\.ts$/.test(file)), 'no sources, no tests')
  assert.ok(existsSync(join(folder, 'node_modules/.bin/portcullis')))
})

for (const [name, node] of [
  ['this Node.js', process.execPath],
  ['Node.js 24', node24],
] as const) {
  test(`installed, on ${name}: init, check, explain, version`, async () => {
    const own = mkdtempSync(join(folder, 'own-'))
    writeFileSync(join(own, 'api.yaml'), readFileSync(join(project, 'test/fixtures/things.yaml')))
    const portcullis = (...args: readonly string[]) => run(node, [command, ...args], { cwd: own })
    const version = await run(node, ['--version'])
    if (name === 'Node.js 24') assert.match(version.stdout, /^v24\./)
    const init = await portcullis('init', 'api.yaml')
    assert.equal(init.code, 0, init.stderr)
    assert.match(init.stdout, /It starts as it is: portcullis run/)
    const check = await portcullis('check')
    assert.equal(check.code, 0, check.stdout)
    assert.match((await portcullis('explain', 'listThings')).stdout, /^listThings {2}GET \/things\n/)
    assert.match((await portcullis('--version')).stdout, /^\d+\.\d+\.\d+\n$/)
  })

  test(`installed, on ${name}: the demo walk passes`, async () => {
    const { code, stdout, stderr } = await run(node, [command, 'demo', '--check'], { cwd: folder })
    assert.equal(code, 0, stdout + stderr)
    assert.match(stdout, /all 12 rows passed/)
  })

  test(`installed, on ${name}: the factory starts and stops a gateway`, async () => {
    const own = mkdtempSync(join(folder, 'factory-'))
    writeFileSync(
      join(own, 'api.yaml'),
      'openapi: 3.1.0\ninfo: { title: t, version: "1" }\nsecurity: []\npaths: { /ping: { get: { operationId: ping, responses: { "200": { description: ok } } } } }\n',
    )
    writeFileSync(
      join(own, 'portcullis.yaml'),
      'contract: ./api.yaml\nlisten: { http: { host: 127.0.0.1, port: 0, allowPlaintext: true } }\nupstreams: { default: { url: "http://127.0.0.1:1" } }\n',
    )
    const script = `import { createGateway, StartError } from 'portcullis'
const gateway = await createGateway({ configurationFile: ${JSON.stringify(join(own, 'portcullis.yaml'))}, log: () => {} })
await gateway.ready
const answers = await Promise.all(['/ping', '/nothing'].map((path) => fetch(gateway.addresses.http + path)))
console.log(answers.map(({ status }) => status).join(), await gateway.reload())
await gateway.stop()
await createGateway({ configurationFile: 'none.yaml' }).catch((error) => console.log(error instanceof StartError))
`
    writeFileSync(join(folder, 'script.mjs'), script)
    const { stdout, stderr } = await run(node, ['script.mjs'], { cwd: folder })
    assert.equal(stdout, '502,404 true\ntrue\n', stderr)
  })
}
