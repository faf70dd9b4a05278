import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type Ask, ask, assertNotForwarded } from '../harness/ask.ts'
import { portcullis } from '../harness/command.ts'
import { startGate, type TestGate } from '../harness/gate.ts'

const contract = fileURLToPath(new URL('../fixtures/rules.yaml', import.meta.url))
let gate: TestGate

before(async () => {
  gate = await startGate({ contract, more: 'allowWeakening: true' })
})
after(() => gate.stop())

async function as(claims: object, target: string, more: Ask = {}) {
  return ask(gate, target, { token: await gate.issuer.token({ ...claims }), ...more })
}

async function passes(claims: object, target: string, more: Ask = {}): Promise<void> {
  const before = gate.upstream.heads
  assert.equal((await as(claims, target, more)).status, 200)
  assert.equal(gate.upstream.heads, before + 1)
}

async function denies(claims: object, target: string, more: Ask = {}): Promise<string> {
  const reply = await assertNotForwarded(gate, as(claims, target, more), 403, 'not_authorized')
  const { instance } = JSON.parse(reply.body) as { readonly instance: string }
  return String((await gate.logged(({ request_id }) => request_id === instance)).detail)
}

test('an object is for its owner and for admins (OWASP API1:2023)', async () => {
  await passes({ sub: 'u1', roles: [] }, '/users/u1/orders')
  await passes({ sub: 'u2', roles: ['admin'] }, '/users/u1/orders')
  assert.match(await denies({ sub: 'u2', roles: ['user'] }, '/users/u1/orders'), /does not hold/)
  assert.match(await denies({ sub: 'u1 ' }, '/users/u1/orders'), /cannot be evaluated: no such key: roles/)
})

test('optional and typed parameters: an integer is compared as one', async () => {
  await passes({ sub: 'u1', roles: [] }, '/users/u1/orders?limit=100')
  await denies({ sub: 'u1', roles: [] }, '/users/u1/orders?limit=101')
  await passes({ sub: 'u1', roles: ['admin'] }, '/users/u1/orders?limit=101')
  await passes({}, '/numbers/3', { headers: ['X-Level: 2'] })
  await denies({}, '/numbers/4', { headers: ['X-Level: 2'] })
  await denies({}, '/numbers/3', { headers: ['X-Level: 1'] })
  assert.match(await denies({}, '/numbers/3'), /cannot be evaluated: no such key/)
})

test('rules read the validated body, and one that fails leaves the upstream untouched', async () => {
  const post = (body: object): Ask => ({ method: 'POST', body: JSON.stringify(body) })
  const items = [{ sku: 'a', quantity: 10 }]
  await passes({ sub: 'u1' }, '/users/u1/orders', post({ items }))
  await denies({ sub: 'u1' }, '/users/u1/orders', post({ items: [...items, { sku: 'b', quantity: 11 }] }))
  await denies({ sub: 'u1', roles: [] }, '/users/u1/orders', post({ items, discount: 0.5 }))
  await passes({ sub: 'u1', roles: ['sales'] }, '/users/u1/orders', post({ items, discount: 0.5 }))
})

const partsOf = (...parts: readonly (readonly [name: string, content: string, more?: string])[]): Ask => ({
  method: 'POST',
  contentType: 'multipart/form-data; boundary=XX',
  body: `${parts
    .map(
      ([name, content, more = '']) =>
        `--XX\r\nContent-Disposition: form-data; name="${name}"\r\n${more}\r\n${content}\r\n`,
    )
    .join('')}--XX--\r\n`,
})
const json = 'Content-Type: application/json\r\n'

test('rules read the text and JSON parts of a multipart body that is read whole', async () => {
  await passes({ sub: 'u1' }, '/parts', partsOf(['owner', 'u1']))
  await passes({ sub: 'u1' }, '/parts', partsOf(['size', '5'], ['lines', '{"qty":8}', json], ['owner', 'u1']))
  await denies({ sub: 'u1' }, '/parts', partsOf(['owner', 'u2']))
  await denies({ sub: 'u1' }, '/parts', partsOf(['owner', 'u1'], ['size', '6']))
  await denies(
    { sub: 'u1' },
    '/parts',
    partsOf(['owner', 'u1'], ['lines', '{"qty":8}', json], ['lines', '{"qty":9}', json]),
  )
  assert.match(await denies({ sub: 'u1' }, '/parts', { method: 'POST' }), /no such key: owner/)
})

test('a rule that reads the body denies one whose files stream, and check says so', async () => {
  await passes({ sub: 'u1' }, '/mixed', { method: 'POST', body: '{"owner":"u1"}' })
  assert.match(await denies({ sub: 'u1' }, '/mixed', partsOf(['owner', 'u1'])), /cannot be evaluated/)
  const { stdout } = await portcullis(['check', '-c', gate.configurationFile, '--json'])
  const { problems } = JSON.parse(stdout) as { readonly problems: readonly { readonly rule: string }[] }
  const unseen = problems.filter(({ rule }) => rule === 'rule-body-unseen')
  assert.equal(unseen.length, 1, stdout)
  assert.match(JSON.stringify(unseen), /multipart\/form-data/)
})

test('an anonymous caller has no claims, so a rule about them denies', async () => {
  await assertNotForwarded(gate, ask(gate, '/feed'), 403, 'not_authorized')
  await passes({ sub: 'u1' }, '/feed')
})

test('a rule about an API key denies a caller that has none', async () => {
  assert.match(await denies({ roles: [] }, '/keyed'), /cannot be evaluated: no such key: owner/)
})

test('input that is only reported is not taken for absent by a rule (validate: report)', async () => {
  await passes({ sub: 'u1' }, '/search?owner=u1&page=1')
  await denies({ sub: 'u1' }, '/search?owner=u2&page=1')
  assert.match(await denies({ sub: 'u1' }, '/search?owner=u2&page=x'), /cannot be evaluated/)
})

test('a body of the largest size at a rule that walks it is answered soon (H7)', async () => {
  const item = { sku: 'a', quantity: 1 }
  const count = Math.floor((1024 * 1024 - 32) / (JSON.stringify(item).length + 1))
  const body = JSON.stringify({ items: Array.from({ length: count }, () => item) })
  assert.ok(body.length > 1_000_000)
  const startedMs = performance.now()
  const detail = await denies({ sub: 'u1' }, '/users/u1/orders', { method: 'POST', body })
  assert.match(detail, /cannot be evaluated: too many items/)
  assert.ok(performance.now() - startedMs < 2000)
})

test('check finds what a rule gets wrong about the contract, and says what was meant', async () => {
  const wrong = readFileSync(contract, 'utf8')
    .replace('token.sub == path.userId ||', 'token.sub == path.userid ||')
    .replace('query.limit <= 100', 'query.limit <= "100"')
    .replace('item.quantity <= 10', 'item.quantty <= 10')
    .replace('!has(body.discount)', '!has(body.discont)')
    .replace('query.owner == token.sub', 'query.owner == 7')
  writeFileSync(join(gate.folder, 'wrong.yaml'), wrong)
  const configuration = readFileSync(gate.configurationFile, 'utf8').replace(
    JSON.stringify(contract),
    './wrong.yaml',
  )
  writeFileSync(join(gate.folder, 'wrong-gate.yaml'), configuration)
  const { code, stdout } = await portcullis(['check', '-c', join(gate.folder, 'wrong-gate.yaml'), '--json'])
  assert.equal(code, 1)
  const { problems } = JSON.parse(stdout) as {
    readonly problems: readonly { readonly rule: string; readonly message: string; readonly fix: string }[]
  }
  const found = problems
    .filter(({ rule }) => rule === 'expression-invalid')
    .map(({ message, fix }) => `${message} — ${fix}`)
  const convert = 'both sides must be of one type; string(), int() and double() convert'
  assert.deepEqual(found, [
    'authorize: path has no member userid — did you mean userId?',
    `authorize: no such overload: int <= string in query.limit <= "100" — ${convert}`,
    'authorize: item has no member quantty — did you mean quantity?',
    'authorize: body has no member discont — did you mean discount?',
    `authorize: no such overload: string == int in query.owner == 7 — ${convert}`,
  ])
})
