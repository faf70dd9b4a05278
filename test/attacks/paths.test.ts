import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { ask, assertNotForwarded } from '../harness/ask.ts'
import { startGate, type TestGate } from '../harness/gate.ts'
import { headerOf } from '../harness/upstream.ts'

let gate: TestGate
let token: string

before(async () => {
  gate = await startGate({ more: 'cors: { origins: ["https://app.example.com"] }' })
  token = await gate.issuer.token()
})
after(() => gate.stop())

const ambiguous = (target: string) =>
  assertNotForwarded(gate, ask(gate, target, { token }), 400, 'path_ambiguous')

async function arrivesAs(target: string, upstreamTarget: string): Promise<void> {
  const reply = await ask(gate, target, { token })
  assert.equal(reply.status, 200, `${target}: ${reply.text}`)
  assert.equal(gate.upstream.seen.at(-1)?.target, upstreamTarget)
}

test('C1 dot segments, plain and encoded, are refused', async () => {
  for (const target of [
    '/public/../admin',
    '/public/%2e%2e/admin',
    '/public/.%2E/admin',
    '/./things',
    '/things/.',
    '/things/..',
    '/%2e/things',
    '/things/%2E%2e',
  ])
    await ambiguous(target)
})

test('C2 empty segments are refused', async () => {
  for (const target of ['//admin', '/things//x', '//', '/things/%20/'.replace('%20', '')])
    await ambiguous(target)
})

test('C3 encoded delimiters, backslashes and path parameters are refused', async () => {
  for (const octet of ['%2f', '%2F', '%5c', '%5C', '%00', '%3b', '%3B', '%25', '%23', '%3f', '%3F']) {
    await ambiguous(`/things/a${octet}b`)
    await ambiguous(`/admin${octet}x`)
  }
  for (const target of ['/admin;x', '/things;a=b/x', '/things\\x', '/things/a%252fb']) await ambiguous(target)
})

test('C3 an octet passes where the contract allows it, and only there', async () => {
  await arrivesAs('/files/a%2Fb', '/files/a%2Fb')
  await ambiguous('/files/a%25b')
  await ambiguous('/things/a%2Fb')
})

test('C4 C5 what was matched is what is forwarded, in one spelling', async () => {
  await arrivesAs('/%74hings', '/things')
  await arrivesAs('/things/%61%2db', '/things/a-b')
  await arrivesAs('/files/%e2%82%ac', '/files/%E2%82%AC')
  await arrivesAs('/things?limit=5&tag=%61', '/things?limit=5&tag=%61')
  await assertNotForwarded(gate, ask(gate, '/%61dmin', { token }), 403, 'scope_missing')
})

test('C6 a fragment, an absolute, an asterisk and a relative target are refused', async () => {
  for (const target of [
    '/things#x',
    '/public#',
    'http://api.example.com/things',
    'https://evil.example.com/',
    '*',
    'things',
    'api.example.com:443',
    '?x=1',
  ]) {
    const before = gate.upstream.heads
    const reply = await ask(gate, target, { token })
    assert.equal(reply.status, 400, target)
    assert.match(reply.body, /malformed_request|path_ambiguous/)
    assert.equal(gate.upstream.heads, before)
  }
})

test('C7 query text is not matched as path', async () => {
  await assertNotForwarded(gate, ask(gate, '/admin?/public', { token }), 403, 'scope_missing')
  await assertNotForwarded(gate, ask(gate, '/nothing?/things', { token }), 404, 'route_unknown')
})

test('C8 a preflight is answered by the gateway, and never proxied', async () => {
  const before = gate.upstream.heads
  const preflight = [
    'Origin: https://app.example.com',
    'Access-Control-Request-Method: POST',
    'Access-Control-Request-Headers: content-type, authorization',
  ]
  const reply = await ask(gate, '/things', { method: 'OPTIONS', headers: preflight })
  assert.equal(reply.status, 204, reply.text)
  assert.equal(reply.fields.get('access-control-allow-origin'), 'https://app.example.com')
  assert.equal(gate.upstream.heads, before)
  const foreign = ['Origin: https://evil.example.com', 'Access-Control-Request-Method: POST']
  const refused = await ask(gate, '/things', { method: 'OPTIONS', headers: foreign })
  assert.equal(refused.fields.get('access-control-allow-origin'), undefined)
  assert.ok(refused.status >= 400)
  assert.equal(gate.upstream.heads, before)
})

test('C8 undeclared methods are 405 with Allow, HEAD follows GET, overrides are ignored', async () => {
  for (const method of ['OPTIONS', 'TRACE', 'PUT', 'PATCH', 'DELETE', 'PROPFIND']) {
    const reply = await assertNotForwarded(
      gate,
      ask(gate, '/things', { method, token }),
      405,
      'method_not_allowed',
    )
    assert.equal(reply.fields.get('allow'), 'GET, HEAD, POST')
  }
  const head = await ask(gate, '/things', { method: 'HEAD', token })
  assert.equal(head.status, 200)
  assert.equal(head.body, '')
  assert.equal(gate.upstream.seen.at(-1)?.method, 'HEAD')
  await assertNotForwarded(
    gate,
    ask(gate, '/things', { method: 'HEAD' }).then((reply) => ({ ...reply, body: problemFor(reply) })),
    401,
    'credential_missing',
  )
  const overridden = await ask(gate, '/things', {
    token,
    headers: ['X-HTTP-Method-Override: DELETE', 'X-Method-Override: PUT'],
  })
  assert.equal(overridden.status, 200)
  assert.equal(gate.upstream.seen.at(-1)?.method, 'GET')
})

/** An answer to HEAD has no body; its header fields carry the id. */
function problemFor({
  status,
  fields,
}: {
  readonly status: number
  readonly fields: ReadonlyMap<string, string>
}): string {
  return JSON.stringify({
    type: 'urn:portcullis:problem:credential_missing',
    status,
    instance: fields.get('x-request-id'),
  })
}

test('C9 a path or method the contract lacks is never forwarded', async () => {
  for (const target of ['/', '/nothing', '/things/', '/Things', '/things/x/y', '/public/x']) {
    const before = gate.upstream.heads
    const reply = await ask(gate, target, { token })
    assert.ok([400, 404].includes(reply.status), `${target} → ${reply.status}`)
    assert.equal(gate.upstream.heads, before)
  }
})

test('E7 Host goes to the upstream from the configuration, and its redirects come back untouched', async () => {
  const answer = gate.upstream.answer
  gate.upstream.answer = (response) =>
    response.writeHead(302, { Location: 'http://169.254.169.254/latest' }).end()
  const before = gate.upstream.heads
  const reply = await ask(gate, '/things', { token, headers: [] })
  gate.upstream.answer = answer
  assert.equal(reply.status, 302)
  assert.equal(gate.upstream.heads, before + 1)
  const seen = gate.upstream.seen.at(-1)
  assert.ok(seen)
  assert.equal(headerOf(seen, 'host'), new URL(gate.upstream.url).host)
})
