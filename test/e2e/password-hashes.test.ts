import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { ask, assertNotForwarded } from '../harness/ask.ts'
import { portcullis } from '../harness/command.ts'
import { startGate, type TestGate } from '../harness/gate.ts'

// Hashes that others made, and such as the gate cannot use (PHC string format).

/** Of the reference implementation's own tests: `password` with the salt `somesalt`. */
const hash = '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc'
let gate: TestGate

before(async () => {
  gate = await startGate({
    document: {
      openapi: '3.1.0',
      info: { title: 'passwords', version: '1' },
      paths: { '/': { get: { security: [{ operator: [] }], responses: { 200: { description: 'ok' } } } } },
      components: { securitySchemes: { operator: { type: 'http', scheme: 'basic' } } },
    },
    identity: `}\n  operator: { type: basic, users: { otto: { password: "${hash}" } }`,
  })
})
after(() => gate.stop())

const basic = (pair: string) =>
  ask(gate, '/', { headers: [`Authorization: Basic ${Buffer.from(pair).toString('base64')}`] })

test('a password is verified against the argon2id hash of another implementation (RFC 9106)', async () => {
  assert.equal((await basic('otto:password')).status, 200)
  for (const pair of ['otto:Password', 'otto:', 'olga:password'])
    await assertNotForwarded(gate, basic(pair), 401, 'credential_invalid')
})

const [salt, digest] = ['c29tZXNhbHQ', 'CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc']
const unusable: readonly (readonly [hash: string, why: RegExp])[] = [
  [`$scrypt$ln=4,r=8,p=1$${salt}$${digest}`, /cost is too low/],
  [`$scrypt$ln=17,r=0,p=1$${salt}$${digest}`, /cost is too high/],
  [`$scrypt$ln=30,r=8,p=1$${salt}$${digest}`, /cost is too high/],
  [`$scrypt$ln=17,r=8,p=1$c2FsdA$${digest}`, /salt must have 8 to 64 octets/],
  [`$scrypt$ln=17,r=8,p=1$${salt}$c2hvcnQ`, /hash must have 16 to 64 octets/],
  [`$scrypt$N=131072,r=8,p=1$${salt}$${digest}`, /PHC format/],
  [`$argon2id$v=19$m=16,t=2,p=1$${salt}$${digest}`, /cost is too low/],
  [`$argon2id$v=19$m=4194304,t=2,p=1$${salt}$${digest}`, /cost is too high/],
  [`$argon2id$v=16$m=65536,t=2,p=1$${salt}$${digest}`, /PHC format/],
]

test('a hash that the gate cannot use is a problem with its place, not a user that nobody can be', async () => {
  const yaml = readFileSync(gate.configurationFile, 'utf8')
  for (const [wrong, why] of unusable) {
    gate.configure(yaml.replace(hash, wrong))
    const { code, stdout } = await portcullis(['check', '-c', gate.configurationFile])
    assert.equal(code, 1, wrong)
    const [line = ''] = stdout.split('\n').filter((one) => one.includes(' error: '))
    assert.match(line, /portcullis\.yaml:\d+:\d+: error: password is a hash that cannot be used: /, wrong)
    assert.match(line, why, wrong)
    assert.ok(!stdout.includes(digest), 'a hash is for nobody else to see')
  }
  gate.configure(yaml)
})
