import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { after, before, test } from 'node:test'
import { hashPassword } from '../../src/app/hash-password.ts'
import { compile } from '../../src/contract/compile.ts'
import { ask, assertNotForwarded } from '../harness/ask.ts'
import { startGate, type TestGate } from '../harness/gate.ts'

const contract = (acr: string) => `
openapi: 3.1.0
info: { title: Careful, version: '1' }
servers: [{ url: https://api.example.com }]
x-portcullis: { stepUp: ${acr} }
paths:
  /either:
    get: { operationId: getEither, security: [{ operator: [] }, { bearerAuth: [] }], responses: { '200': { description: ok } } }
  /basic:
    get: { operationId: getBasic, security: [{ operator: [] }], responses: { '200': { description: ok } } }
components:
  securitySchemes:
    operator: { type: http, scheme: basic }
    bearerAuth: { type: http, scheme: bearer }
`

let folder: string
let gate: TestGate

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'portcullis-step-up-'))
  const file = join(folder, 'openapi.yaml')
  writeFileSync(file, contract('{ acr: [gold] }'))
  const password = await hashPassword('correct horse battery')
  gate = await startGate({
    contract: file,
    identity: `}\n  operator: { type: basic, users: { olga: { password: "${password}" } }`,
  })
})
after(async () => {
  await gate.stop()
  rmSync(folder, { recursive: true, force: true })
})

const basic = `Authorization: Basic ${Buffer.from('olga:correct horse battery').toString('base64')}`

test('a caller who shows no token where its user must authenticate better is told of a way in (RFC 9110 15.5.2, RFC 9470 3)', async () => {
  const either = ask(gate, '/either', { headers: [basic] })
  const denied = await assertNotForwarded(gate, either, 401, 'step_up_required')
  assert.match(denied.fields.get('www-authenticate') ?? '', /^Bearer .*acr_values="gold"/)
  const only = ask(gate, '/basic', { headers: [basic] })
  const shut = await assertNotForwarded(gate, only, 401, 'step_up_required')
  assert.match(shut.fields.get('www-authenticate') ?? '', /^Basic /)
})

test('a demand on tokens at an operation that takes none is a problem of the contract', () => {
  const text = contract('{ acr: [gold] }')
  const demands = ['stepUp: { acr: [gold] }', 'senderConstraint: mutualTLS']
  for (const demand of demands) {
    const only = `/only:\n    get: { operationId: getOnly, security: [{ operator: [] }], x-portcullis: { ${demand} }, responses: { '200': { description: ok } } }`
    writeFileSync(join(folder, 'openapi.yaml'), text.replace('paths:\n', `paths:\n  ${only}\n`))
    const { diagnostics } = compile(gate.configurationFile, process.env)
    assert.deepEqual(
      diagnostics.flatMap(({ severity, rule }) => (severity === 'error' ? [rule] : [])),
      ['demand-without-token'],
      demand,
    )
  }
})

test('hashes that differ in their cost are told apart by the time they take, so check warns', async () => {
  writeFileSync(join(folder, 'openapi.yaml'), contract('{ acr: [gold] }'))
  const yaml = readFileSync(gate.configurationFile, 'utf8')
  const cheaper = `$scrypt$ln=14,r=8,p=5$${'c2FsdHNhbHQ'.repeat(2)}$${'aGFzaGhhc2h'.repeat(4)}`
  const warnings = () =>
    compile(gate.configurationFile, process.env).diagnostics.filter(({ message }) =>
      message.includes('differ in their cost'),
    )
  assert.equal(warnings().length, 0)
  gate.configure(yaml.replace('users: {', `users: { otto: { password: "${cheaper}" },`))
  assert.equal(warnings().length, 1)
  gate.configure(yaml)
})

test('what cannot stand in the challenge, or demands nothing, is a problem of the contract (RFC 9470 3)', () => {
  const file = join(folder, 'openapi.yaml')
  for (const wrong of ['{ acr: ["two words"] }', `{ acr: ['a", x="'] }`, '{}', '{ acr: [] }']) {
    writeFileSync(file, contract(wrong))
    const { program, diagnostics } = compile(gate.configurationFile, process.env)
    assert.equal(program, null, wrong)
    assert.ok(
      diagnostics.some(({ message }) => message.startsWith('acr must be')),
      wrong,
    )
  }
})

test('a scope that cannot stand in the challenge is a problem of the contract (RFC 6749 3.3, RFC 6750 3)', () => {
  const file = join(folder, 'openapi.yaml')
  const yaml = readFileSync(gate.configurationFile, 'utf8')
  const sound = contract('{ acr: [gold] }')
  const places = () =>
    compile(gate.configurationFile, process.env).diagnostics.flatMap(({ severity, rule, position }) =>
      severity === 'error' ? [`${rule} ${basename(position.file)}:${position.line}`] : [],
    )
  for (const wrong of ['läs', '読む', 'two words', 'a"b', 'a\\b', 'a\r\nb', '']) {
    writeFileSync(file, sound.replace('{ bearerAuth: [] }', `{ bearerAuth: [${JSON.stringify(wrong)}] }`))
    assert.deepEqual(places(), ['value-invalid openapi.yaml:8'], wrong)
    writeFileSync(file, sound.replace('security: [{ operator: [] }, { bearerAuth: [] }],', ''))
    gate.configure(`${yaml}\nsecurity: [{ bearerAuth: [${JSON.stringify(wrong)}] }]\n`)
    assert.equal(places().length, 1, wrong)
    gate.configure(yaml)
  }
  writeFileSync(file, sound.replace('{ operator: [] }, ', '{ operator: ["Team Lead"] }, '))
  assert.deepEqual(places(), [], 'a role, which no challenge names')
})
