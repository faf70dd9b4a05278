import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, test } from 'node:test'
import { ask } from '../harness/ask.ts'
import { portcullis } from '../harness/command.ts'
import { startGate, type TestGate } from '../harness/gate.ts'
import { document } from './document.ts'

// `portcullis trail` on the trail that a gate wrote.

let gate: TestGate
let logFile: string
before(async () => {
  gate = await startGate({ document, more: 'allowWeakening: true' })
  const put = { method: 'PUT', body: '{"text":"x"}' }
  for (const sub of ['alice', '=1+1', 'a\u001b[31mb'])
    await ask(gate, '/accounts/1/entries/2', { ...put, token: await gate.issuer.token({ sub }) })
  await ask(gate, '/people/5', { method: 'DELETE', token: await gate.issuer.token({ sub: 'mallory' }) })
  await gate.gateway.stop()
  logFile = join(gate.folder, 'gate.log')
  writeFileSync(logFile, gate.log.map((line) => `${JSON.stringify(line)}\n`).join(''))
})
after(() => gate.stop())

const trail = (...words: string[]) => portcullis(['trail', ...words, '-c', gate.configurationFile])

test('verify: a whole trail is 0, with a checkpoint from the log too, and with the public key alone', async () => {
  const plain = await trail('verify', '--checkpoint', logFile)
  assert.deepEqual([plain.code, plain.stderr], [0, ''])
  assert.match(plain.stdout, /\d+ entries in 1 chain: the trail is whole/)
  const key = join(gate.folder, 'public.pem')
  writeFileSync(key, (await trail('public-key')).stdout)
  const alone = await trail('verify', '--only-these-keys', '--public-key', key, '--json')
  assert.equal(alone.code, 0)
  assert.equal((JSON.parse(alone.stdout) as { readonly sound: boolean }).sound, true)
  const { publicKey } = generateKeyPairSync('ed25519')
  writeFileSync(key, publicKey.export({ format: 'pem', type: 'spki' }))
  const foreign = await trail('verify', '--only-these-keys', '--public-key', key)
  assert.equal(foreign.code, 1)
  assert.match(
    foreign.stdout,
    /bad {2}chain \S+, entry 1: the checkpoint is signed by the key [0-9a-f]{16}, which is none/,
  )
})

test('search and export: filters, one JSON object a line, CSV that is no formula, nothing that writes over a terminal', async () => {
  const denied = await trail('search', '--decision', 'deny', '--json')
  const lines = denied.stdout.trim().split('\n')
  assert.equal(lines.length, 1)
  const { subject, operation, reason } = JSON.parse(lines[0] ?? '') as Record<string, unknown>
  assert.deepEqual([subject, operation, reason], ['mallory', 'deletePerson', 'not_authorized'])
  const alice = await trail('export', '--subject', 'alice', '--since', '1h', '--operation', 'putEntry')
  assert.deepEqual(
    alice.stdout
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { readonly kind: string }).kind),
    ['intent', 'outcome'],
  )
  assert.equal((await trail('export', '--until', '2020-01-01')).stdout, '')
  const csv = await trail('export', '--format', 'csv')
  assert.match(csv.stdout, /^time,kind,decision,status,operation,/)
  assert.ok(csv.stdout.includes(`,"'=1+1",`))
  for (const { stdout } of [await trail('search'), await trail('search', '--json')])
    assert.ok(!stdout.includes('\u001b'), stdout)
  for (const wrong of [
    ['--decision', 'x'],
    ['--since', 'yesterday'],
    ['--limit', '0'],
  ])
    assert.equal((await trail('search', ...wrong)).code, 2)
})

test('hold: what is added stands on the trail, and so does its end', async () => {
  const added = await trail('hold', 'add', '--subject', 'alice', '--note', 'case 7', '--json')
  assert.equal(added.code, 0, added.stderr)
  const { id } = JSON.parse(added.stdout) as { readonly id: string }
  assert.match((await trail('hold', 'list')).stdout, new RegExp(`${id} +subject +alice .*case 7`))
  assert.equal((await trail('hold', 'remove', id)).code, 0)
  assert.equal((await trail('hold', 'remove', id)).code, 1)
  assert.equal((await trail('hold', 'add')).code, 2)
  assert.equal((await trail('verify')).code, 0)
})

test('verify: a trail that was tampered with is 1, and names the entry', async () => {
  const database = new DatabaseSync(join(gate.folder, '.portcullis/trail.sqlite'))
  database.exec(
    "UPDATE portcullis_trail SET entry = REPLACE(entry, 'mallory', 'alice') WHERE entry LIKE '%mallory%'",
  )
  database.close()
  const { code, stdout } = await trail('verify')
  assert.equal(code, 1)
  assert.match(stdout, /^bad {2}chain \S+, entry \d+: is not what was written\n/)
})
