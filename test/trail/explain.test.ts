import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { ask } from '../harness/ask.ts'
import { portcullis } from '../harness/command.ts'
import { startGate, type TestGate } from '../harness/gate.ts'
import { until } from '../harness/until.ts'
import { document } from './document.ts'

let gate: TestGate
before(async () => {
  gate = await startGate({ document, more: 'allowWeakening: true' })
})
after(() => gate.stop())

const put = { method: 'PUT', body: '{"text":"x"}' }
const canary = 'CANARY-7f3a9'

async function deniedId(target: string, how: Parameters<typeof ask>[2]): Promise<string> {
  const { status, fields } = await ask(gate, target, how)
  assert.ok(status >= 400)
  const id = fields.get('x-request-id') ?? ''
  await until(() => lastDenials().some((text) => text.includes(id)), 'it is among the last denials')
  return id
}

const denials = () => join(gate.folder, '.portcullis/denials')
const lastDenials = () =>
  existsSync(denials())
    ? readdirSync(denials()).map((name) => readFileSync(join(denials(), name), 'utf8'))
    : []

const explain = (id: string, ...more: string[]) =>
  portcullis(['explain', '-c', gate.configurationFile, '--id', id, ...more])

test('a fault of the body: where, what was expected, what kind of thing was seen, and the place in the contract', async () => {
  const token = await gate.issuer.token()
  const id = await deniedId('/accounts/1/entries/2', {
    ...put,
    token,
    body: `{"text":7,"${canary}":"${canary}"}`,
  })
  const { code, stdout } = await explain(id)
  assert.equal(code, 0)
  assert.match(stdout, new RegExp(`^${id}\n`))
  assert.match(stdout, /operation putEntry {2}PUT {2}\S*openapi\.json:\d+:\d+\n/)
  assert.match(stdout, /denied {4}400 body_invalid, by the stage validate\n/)
  assert.match(stdout, /fault {5}body \/text {2}must be .*\(seen: integer\) {2}\S*openapi\.json:\d+:\d+\n/)
  assert.match(stdout, /fault {5}body \/… {2}is not a known field/)
  assert.match(stdout, /caller {4}alice, client app, key \S+, of http/)
  assert.match(stdout, /found {5}in the last denials/)
})

test('a rule, a scope, a missing credential, an unknown route: stage and what decided', async () => {
  const token = await gate.issuer.token({ sub: 'mallory' })
  const rule = await explain(await deniedId('/people/1', { method: 'DELETE', token }))
  assert.match(rule.stdout, /rule {6}\S*openapi\.json:\d+\n/)
  const scope = await explain(
    await deniedId('/accounts/1', { token: await gate.issuer.token({ scope: 'x' }) }),
  )
  assert.match(scope.stdout, /403 scope_missing, by the stage authorize\n {2}because {3}lacks things:read\n/)
  const nobody = await explain(await deniedId('/accounts/1', {}))
  assert.match(nobody.stdout, /401 credential_missing, by the stage authenticate[\s\S]*caller {4}not known\n/)
  const nowhere = await explain(await deniedId(`/${canary}`, { token }))
  assert.match(nowhere.stdout, /operation none {2}GET\n {2}denied {4}404 route_unknown, by the stage route/)
})

test('the admin listener says the same as JSON', async () => {
  const token = await gate.issuer.token()
  const id = await deniedId('/accounts/1/entries/2', { ...put, token, body: '{"text":null}' })
  const { admin } = gate.gateway.addresses
  const response = await fetch(`${admin}/denials/${id}`)
  assert.equal(response.headers.get('content-type'), 'application/json')
  const told = (await response.json()) as { readonly faults: readonly { readonly seen: string }[] }
  assert.deepEqual(told, JSON.parse((await explain(id, '--json')).stdout))
  assert.equal(told.faults[0]?.seen, 'null')
  assert.equal((await fetch(`${admin}/denials/none`)).status, 404)
})

test('so many ask the admin listener at once: a few are looked for at a time, others wait, and the rest is 503', async () => {
  const asked = Array.from({ length: 100 }, () => fetch(`${gate.gateway.addresses.admin}/denials/none`))
  const statuses = (await Promise.all(asked)).map(({ status }) => status)
  assert.deepEqual([...new Set(statuses)].sort(), [404, 503])
  assert.ok(statuses.filter((status) => status === 404).length >= 66)
  assert.equal((await fetch(`${gate.gateway.addresses.admin}/denials/none`)).status, 404)
})

test('a denial that is not among the last ones any more is found on the trail', async () => {
  const token = await gate.issuer.token({ sub: 'mallory' })
  const id = await deniedId('/people/1', { method: 'DELETE', token })
  rmSync(denials(), { recursive: true })
  await until(async () => (await explain(id)).code === 0, 'it is on the trail')
  const { stdout } = await explain(id)
  assert.match(
    stdout,
    /deletePerson[\s\S]*not_authorized, by the stage rules\n {2}rule {6}\S*openapi\.json:\d+\n[\s\S]*in the audit trail/,
  )
  const unknown = await explain('0'.repeat(32))
  assert.equal(unknown.code, 1)
  assert.match(unknown.stderr, /no denial of the request 0+ is known/)
})

test('no value and no name of a client is kept with the last denials, and they are bounded', async () => {
  const token = await gate.issuer.token({ secret: canary })
  for (let i = 0; i < 1200; i++)
    await ask(gate, `/accounts/1/entries/2?${canary}=${canary}`, {
      ...put,
      token,
      body: `{"${canary}":"${canary}"}`,
      headers: [`User-Agent: ${canary}`, `Cookie: ${canary}=${canary}`],
    })
  await deniedId(`/${canary}`, { token: canary })
  const files = readdirSync(denials()).map((name) => join(denials(), name))
  assert.ok(files.length > 0)
  for (const file of files) {
    assert.ok(!readFileSync(file, 'utf8').includes(canary), file)
    assert.ok(statSync(file).size < 2 * 1024 * 1024)
    assert.equal(statSync(file).mode & 0o777, 0o600)
  }
})
