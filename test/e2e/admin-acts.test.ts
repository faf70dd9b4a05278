import assert from 'node:assert/strict'
import { hostname, userInfo } from 'node:os'
import { after, before, test } from 'node:test'
import { ask, assertNotForwarded } from '../harness/ask.ts'
import { portcullis } from '../harness/command.ts'
import { type LogLine, project, startGate, type TestGate } from '../harness/gate.ts'
import { audience, startIssuer, type TestIssuer } from '../harness/issuer.ts'
import { keysIdentity } from '../harness/keys-identity.ts'
import { metric } from '../harness/metric.ts'
import { until } from '../harness/until.ts'

// What is done with `portcullis keys` and `portcullis tokens` beside a gate that runs: in its log, on its trail, in its metrics.

let issuer: TestIssuer
let gate: TestGate

before(async () => {
  issuer = await startIssuer()
  const hashed = await portcullis(['keys', 'hash-password'], { input: 'correct horse battery\n' })
  const password = hashed.stdout.trim()
  gate = await startGate({
    issuer,
    yaml: (upstream) => `
contract: ${JSON.stringify(`${project}/test/fixtures/keys.yaml`)}
listen:
  https: { host: 127.0.0.1, port: 0, tls: { cert: ./tls/localhost.crt, key: ./tls/localhost.key } }
  http: { host: 127.0.0.1, port: 0, allowPlaintext: true }
  admin: { host: 127.0.0.1, port: 0 }
upstreams: { default: { url: "${upstream.url}" } }
identity:
${keysIdentity(password)}
  bearerAuth: { type: jwt, issuer: "${issuer.issuer}", audience: "${audience}" }
failedAuthentications: { rate: 1000000/s }
limits: [{ name: wide, by: address, rate: 1000000/s, burst: 1000000 }]
`,
  })
})
after(() => gate.stop())

/** Runs a command as somebody who says that `sudo` made them what they are. */
async function act(...words: readonly string[]): Promise<{ readonly id: string }> {
  const env = { SUDO_USER: 'olga\u202e\u001b[2J' }
  const { code, stdout, stderr } = await portcullis([...words, '-c', gate.configurationFile, '--json'], {
    env,
  })
  assert.equal(code, 0, stderr)
  return JSON.parse(stdout) as { readonly id: string }
}

const told = (event: string, fields: object): Promise<LogLine> =>
  gate.logged(
    (line) => line.event === event && Object.entries(fields).every(([name, value]) => line[name] === value),
  )

const by = (command: string) => ({
  command,
  os_user: userInfo().username,
  sudo_user: 'olga\u202e\u001b[2J',
  host: hostname(),
})

async function entriesOnTrail(): Promise<readonly LogLine[]> {
  const { stdout } = await portcullis(['trail', 'export', '-c', gate.configurationFile])
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as LogLine)
}

test('who made, rotated and revoked a key with which command stands in the log and on the trail, and no name that was given to it', async () => {
  const { id } = await act(
    'keys',
    'create',
    '--name',
    'n-sesame',
    '--owner',
    'o-sesame',
    '--scheme',
    'partnerKey',
  )
  await told('api_key_created', { key_id: id, ...by('keys create') })
  const { id: next } = await act('keys', 'rotate', id)
  await told('api_key_created', { key_id: next, ...by('keys rotate') })
  await told('api_key_rotated', { key_id: id, successor: next, ...by('keys rotate') })
  await act('keys', 'revoke', id)
  await told('api_key_revoked', { key_id: id, ...by('keys revoke') })
  assert.equal(gate.log.filter(({ event }) => event.startsWith('api_key_')).length, 4, 'each is told once')
  assert.equal(gate.log.filter(({ unlisted }) => unlisted !== undefined).length, 0)
  assert.ok(!JSON.stringify(gate.log).includes('sesame'))
  await until(async () => (await entriesOnTrail()).length === 4, 'the trail')
  const entries = await entriesOnTrail()
  const { chain: _, sequence: __, time: ___, done, ...made } = entries[0] as LogLine
  assert.deepEqual(made, { kind: 'api_key_created', key_id: id, ...by('keys create') })
  assert.match(String(done), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
  assert.deepEqual(
    entries
      .map(({ kind, key_id: key, successor = '', command }) => `${kind} ${key} ${successor} ${command}`)
      .toSorted(),
    [
      `api_key_created ${id}  keys create`,
      `api_key_rotated ${id} ${next} keys rotate`,
      `api_key_created ${next}  keys rotate`,
      `api_key_revoked ${id}  keys revoke`,
    ].toSorted(),
  )
  assert.ok(!JSON.stringify(entries).includes('sesame'))
})

test('who revoked tokens and took it back stands in the log and on the trail; the metrics count whom it met', async () => {
  const token = await issuer.token({ sub: 'sesame' })
  const call = () => ask(gate, '/token', { token })
  assert.equal((await call()).status, 200)
  const decisions =
    'portcullis_decisions_total{operation="getToken",stage="authenticate",reason="credential_invalid"}'
  const written = () => metric(gate, 'portcullis_trail_entries_total')
  assert.ok(Number.isNaN(await metric(gate, decisions)), 'nobody was refused before')
  const writtenBefore = await written()
  const { id } = await act('tokens', 'revoke', '--issuer', issuer.issuer, '--subject', 'sesame')
  const facts = { revocation: id, kind: 'subject', issuer: issuer.issuer }
  await told('tokens_revoked', { ...facts, ...by('tokens revoke') })
  await until(async () => (await call()).status === 401, 'the tokens are refused')
  await assertNotForwarded(gate, call(), 401, 'credential_invalid')
  await act('tokens', 'restore', id)
  await told('tokens_restored', { ...facts, ...by('tokens restore') })
  await until(async () => (await call()).status === 200, 'the tokens are good again')
  assert.ok((await metric(gate, decisions)) >= 1)
  await until(async () => (await written()) >= writtenBefore + 2, 'the trail')
  assert.deepEqual(
    (await entriesOnTrail())
      .slice(-2)
      .map(({ kind, revocation, of, command }) => [kind, revocation, of, command]),
    [
      ['tokens_revoked', id, 'subject', 'tokens revoke'],
      ['tokens_restored', id, 'subject', 'tokens restore'],
    ],
  )
})

test('the search shows acts, who did them and to what, and a terminal obeys none of it', async () => {
  const { stdout } = await portcullis(['trail', 'search', '-c', gate.configurationFile])
  assert.match(stdout, /api_key_revoked +key_id=key_/)
  assert.match(stdout, new RegExp(`${userInfo().username}@${hostname()}`.slice(0, 20)))
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be there
  assert.doesNotMatch(stdout, /[\u001b\u202e]/)
})
