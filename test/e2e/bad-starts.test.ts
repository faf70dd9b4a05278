import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { ensureDevelopmentCertificate } from '../../src/app/development-certificate.ts'
import { portcullis } from '../harness/command.ts'
import { things } from '../harness/gate.ts'

let folder: string

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'portcullis-test-'))
  await ensureDevelopmentCertificate(join(folder, 'tls'))
  await ensureDevelopmentCertificate(join(folder, 'other'))
  writeFileSync(join(folder, 'broken.yaml'), 'openapi: 3.1.0\npaths: [\n')
  writeFileSync(join(folder, 'nothing.yaml'), 'hello')
})
after(() => rmSync(folder, { recursive: true, force: true }))

const sound = `contract: ${JSON.stringify(things)}
listen:
  https: { host: 127.0.0.1, port: 0, tls: { cert: tls/localhost.crt, key: tls/localhost.key } }
upstreams: { default: { url: "http://127.0.0.1:3000" } }
identity: { bearerAuth: { type: jwt, issuer: "http://127.0.0.1:1", audience: a } }
`

interface BadStart {
  readonly name: string
  readonly yaml: string | null
  /** What stands on stderr. */
  readonly says: RegExp
}

const badStarts: readonly BadStart[] = [
  {
    name: 'no configuration',
    yaml: null,
    says: /portcullis\.yaml does not exist.*\n\s+fix: write one with `portcullis init OPENAPI`/,
  },
  { name: 'a YAML error', yaml: 'contract: [\nlisten: }', says: /portcullis\.yaml:2:\d+: error: / },
  { name: 'an empty configuration', yaml: '', says: /portcullis\.yaml:1:1: error: the file is empty/ },
  {
    name: 'an unknown key',
    yaml: sound.replace('listen:', 'lissten:'),
    says: /portcullis\.yaml:2:1: error: lissten is not a known key here.*\n\s+fix: did you mean listen\?/,
  },
  {
    name: 'a limit by a property that is none',
    yaml: `${sound}limits: [{ name: s, by: subjct, rate: 1/s }]\n`,
    says: /portcullis\.yaml:\d+:\d+: error: by must be of subject, .*\n\s+fix: did you mean subject\?/,
  },
  {
    name: 'a limit by an expression over what is no caller',
    yaml: `${sound}limits: [{ name: s, by: [client, path.orderId], rate: 1/s }]\n`,
    says: /portcullis\.yaml:\d+:\d+: error: by: path is not a variable/,
  },
  {
    name: 'a limit by an expression that names nobody',
    yaml: `${sound}limits: [{ name: s, by: key.scopes, rate: 1/s }]\n`,
    says: /error: by: yields list.*, and must yield a text, a number or a boolean/,
  },
  {
    name: 'a rate that no clock can keep',
    yaml: `${sound}limits: [{ name: s, by: subject, rate: 2000000/s }]\n`,
    says: /error: rate must be a rate such as 100\/min/,
  },
  {
    name: 'a timeout that would never end',
    yaml: sound.replace(':3000"', ':3000", timeout: 0s'),
    says: /error: timeout must be a duration above zero and of at most 24d, such as 10s.*\n +fix: write a duration above zero/,
  },
  {
    name: 'a timeout that no timer holds',
    yaml: `${sound}stopTimeout: 30d\n`,
    says: /error: stopTimeout must be a duration of at most 24d/,
  },
  {
    name: 'a missing contract',
    yaml: sound.replace(JSON.stringify(things), './none.yaml'),
    says: /portcullis\.yaml:1:11: error: .*none\.yaml does not exist/,
  },
  {
    name: 'a contract with a YAML error',
    yaml: sound.replace(JSON.stringify(things), './broken.yaml'),
    says: /broken\.yaml:\d+:\d+: error: /,
  },
  {
    name: 'a contract that is none',
    yaml: sound.replace(JSON.stringify(things), './nothing.yaml'),
    says: /nothing\.yaml:1:1: error: /,
  },
  {
    name: 'a missing certificate',
    yaml: sound.replace('tls/localhost.crt', 'tls/none.crt'),
    says: /none\.crt does not exist/,
  },
  {
    name: 'a certificate without its key',
    yaml: sound.replace(', key: tls/localhost.key', ''),
    says: /key is missing/,
  },
  {
    name: 'a key of another certificate',
    yaml: sound.replace('tls/localhost.key', 'other/localhost.key'),
    says: /the private key is not that of the certificate/,
  },
  {
    name: 'a key that is none',
    yaml: sound.replace('tls/localhost.key', 'tls/localhost.crt'),
    says: /this is no PEM private key/,
  },
  {
    name: 'a host that is not here',
    yaml: sound.replace('host: 127.0.0.1', 'host: 192.0.2.1'),
    says: /listen\.https: 192\.0\.2\.1 is no address of this machine; write another listen\.https\.host/,
  },
  {
    name: 'an address for everyone to read metrics',
    yaml: sound.replace('listen:', 'listen:\n  admin: { host: 0.0.0.0, port: 0 }'),
    says: /the admin listener on 0\.0\.0\.0 has no token/,
  },
  {
    name: 'a secret that is not set',
    yaml: sound.replace('listen:', 'listen:\n  admin: { port: 0, token: "${NO_SUCH_TOKEN}" }'),
    says: /the environment has no NO_SUCH_TOKEN/,
  },
  {
    name: 'a collector off this machine that would get a secret in the clear',
    yaml: `${sound}\ntelemetry: { otlp: { endpoint: "http://collector.example.com:4318", headers: { authorization: x } } }\n`,
    says: /metrics, traces and logs travel in the clear, and so do the headers \[plaintext\]\n +fix: write https:/,
  },
  {
    name: 'a share of traces over the whole',
    yaml: `${sound}\ntelemetry: { otlp: { endpoint: "http://127.0.0.1:4318" }, traces: { sample: 10 } }\n`,
    says: /sample must be a share from 0 to 1/,
  },
  {
    name: 'traces without a collector',
    yaml: `${sound}\ntelemetry: { traces: { sample: 0.1 } }\n`,
    says: /otlp is missing/,
  },
  { name: 'no verifier', yaml: sound.replace('bearerAuth', 'otherAuth'), says: /bearerAuth/ },
  {
    name: 'a plain-text issuer',
    yaml: sound.replace('http://127.0.0.1:1', 'http://login.example.com'),
    says: /would send its keys in the clear/,
  },
  {
    name: 'a type of verifier that there is not',
    yaml: sound.replace('type: jwt', 'type: jtw'),
    says: /did you mean jwt\?/,
  },
]

for (const { name, yaml, says } of badStarts) {
  test(`${name}: refused with one readable message`, async () => {
    const file = join(folder, 'portcullis.yaml')
    if (yaml === null) rmSync(file, { force: true })
    else writeFileSync(file, yaml)
    const { code, stdout, stderr } = await portcullis(['run', '-c', file], { cwd: folder })
    assert.ok(code === 1 || code === 2, `exit code ${code}`)
    assert.match(stderr, says)
    assert.doesNotMatch(stderr, /\n\s+at .*:\d+:\d+\)?\n/, 'a stack trace')
    assert.match(stderr, /portcullis: refused to start: /)
    assert.doesNotMatch(stdout, /listening/)
  })
}

test('a port that is taken: the key to change is named', async () => {
  const squatter = createServer()
  await new Promise<void>((resolve) => squatter.listen(0, '127.0.0.1', resolve))
  const { port } = squatter.address() as AddressInfo
  const file = join(folder, 'portcullis.yaml')
  for (const [key, yaml] of [
    ['listen.https', sound.replace('port: 0', `port: ${port}`)],
    ['listen.admin', sound.replace('listen:', `listen:\n  admin: { port: ${port} }`)],
    [
      'listen.http',
      sound.replace('listen:', `listen:\n  http: { host: 127.0.0.1, port: ${port}, redirect: https }`),
    ],
  ] as const) {
    writeFileSync(file, yaml)
    const { code, stderr } = await portcullis(['run', '-c', file])
    assert.equal(code, 1)
    assert.match(stderr, new RegExp(`refused to start: ${key}: port ${port} on 127\\.0\\.0\\.1 is taken`))
    assert.doesNotMatch(stderr, /\n\s+at /)
  }
  squatter.close()
})

test('all problems are reported at once', async () => {
  const file = join(folder, 'portcullis.yaml')
  writeFileSync(
    file,
    sound
      .replace('listen:', 'hosst: [a]\nlisten:')
      .replace('upstreams', 'upstrems')
      .replace('type: jwt', 'type: jwtt'),
  )
  const { code, stdout } = await portcullis(['check', '-c', file])
  assert.equal(code, 1)
  for (const says of [/hosst is not a known key/, /upstrems is not a known key/, /type must be one of jwt/])
    assert.match(stdout, says)
  const json = await portcullis(['check', '--json', '-c', file])
  const { sound: isSound, problems } = JSON.parse(json.stdout) as {
    sound: boolean
    problems: readonly { readonly position: object; readonly fix: string }[]
  }
  assert.equal(isSound, false)
  assert.ok(problems.length >= 3 && problems.every(({ position, fix }) => position && fix))
})

const badCalls: readonly (readonly [args: readonly string[], says: RegExp])[] = [
  [[], /no command given[\s\S]*usage: portcullis COMMAND/],
  [['chekc'], /chekc is no command; did you mean check\?/],
  [['check', '--jsn'], /Unknown option '--jsn'[\s\S]*usage: portcullis check/],
  [['check', 'more'], /too many operands/],
  [['explain'], /takes an operation, --request FILE or --id REQUEST_ID/],
  [['init'], /an operand is missing/],
  [['run', '--workers', '0'], /--workers: write how many threads are to serve, from 1 to 256/],
  [['init', '/no/such/file.yaml'], /does not exist; name an OpenAPI document/],
]
for (const [args, says] of badCalls) {
  test(`portcullis ${args.join(' ')}: exit code 2, and how to write it`, async () => {
    const { code, stderr } = await portcullis(args)
    assert.equal(code, 2)
    assert.match(stderr, says)
    assert.doesNotMatch(stderr, /\n\s+at /)
  })
}

test('help and version go to stdout and succeed', async () => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
  for (const args of [['--help'], ['-h'], ['check', '--help'], ['run', '-h']]) {
    const { code, stdout } = await portcullis(args)
    assert.equal(code, 0)
    assert.match(stdout, /^usage: portcullis /)
  }
  assert.equal((await portcullis(['--version'])).stdout.trim(), version)
})
