import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { everyLine } from '../../src/program/thinning.ts'
import { ask } from '../harness/ask.ts'
import { type LogLine, startGate, type TestGate } from '../harness/gate.ts'

let gate: TestGate

before(async () => {
  gate = await startGate()
})
after(() => gate.stop())

test('G1 canary secrets appear in no log line, metric or answer', async () => {
  const canary = 'CANARY-7f3a9'
  const token = await gate.issuer.token({ secret: canary, jti: canary })
  const tries: readonly (() => ReturnType<typeof ask>)[] = [
    () => ask(gate, '/things', { token }),
    () => ask(gate, `/things?tag=${canary}`, { token }),
    () => ask(gate, `/things?${canary}=1`, { token }),
    () => ask(gate, `/things?limit=${canary}`, { token }),
    () => ask(gate, `/things/${canary}`, { token }),
    () => ask(gate, `/${canary}`, { token }),
    () => ask(gate, '/things', { token, headers: [`Cookie: session=${canary}; theme=${canary}`] }),
    () => ask(gate, '/things', { token, headers: [`X-Trace-Mode: ${canary}`, `X-Api-Key: ${canary}`] }),
    () => ask(gate, '/things', { token: canary }),
    () => ask(gate, '/things', { headers: [`Authorization: Basic ${canary}`] }),
    () => ask(gate, '/things', { method: 'POST', token, body: `{"name":"${canary}","${canary}":1}` }),
    () => ask(gate, '/things', { method: 'POST', token, body: canary }),
    () => ask(gate, '/things', { method: 'POST', token, body: '{"name":"x"}', contentType: canary }),
    () => ask(gate, '/things', { token, headers: [`Host: ${canary}@x`] }),
    () => ask(gate, '/things', { token, headers: [`Bad Name: ${canary}`] }),
  ]
  const answers: string[] = []
  for (const attempt of tries) answers.push((await attempt()).text)
  gate.upstream.answer = (response) =>
    response.writeHead(500, { 'X-Powered-By': canary, Server: canary }).end('no')
  answers.push((await ask(gate, '/things', { token })).text)
  const metrics = await (await fetch(`${gate.gateway.addresses.admin}/metrics`)).text()
  await gate.logged((line) => line['http.response.status_code'] === 500)
  gate.upstream.answer = (response) => response.end('{}')
  const text = gate.log.map((line) => JSON.stringify(line)).join('\n')
  assert.deepEqual(
    text.split('\n').filter((line) => line.includes(canary)),
    [],
  )
  assert.ok(!metrics.includes(canary))
  // A pointer may name the client's own field; no value comes back.
  for (const [index, answer] of answers.entries()) {
    const withoutPointers = answer.replace(/"pointer":"[^"]*"/g, '')
    assert.ok(!withoutPointers.includes(canary), `${index}: ${answer}`)
  }
})

test('G2 an error body tells neither claims nor issuers nor stacks', async () => {
  for (const changes of [{ exp: 1 }, { aud: 'x' }, { iss: 'https://other.example.com' }, { exp: 'x' }]) {
    const { body } = await ask(gate, '/things', { token: await gate.issuer.token(changes) })
    assert.deepEqual(Object.keys(JSON.parse(body) as object).sort(), ['instance', 'status', 'title', 'type'])
  }
})

test('G3 control characters, ANSI and bidi overrides from clients are escaped', async () => {
  const raw: string[] = []
  const token = await gate.issuer.token({ sub: 'a\u001b[31mred\r\n{"event":"ready"}\u202e\u2066x' })
  await ask(gate, '/public', { headers: ['User-Agent: \tx"\\ {"event":"ready"}'] })
  await ask(gate, '/things', { token })
  const line = await gate.logged(({ 'enduser.id': subject }) => String(subject).startsWith('a\u001b'))
  assert.equal(line['enduser.id'], 'a\u001b[31mred\r\n{"event":"ready"}\u202e\u2066x', 'nothing is lost')
  raw.push(JSON.stringify(line))
  const { createLog, jsonLines } = await import('../../src/sinks/log.ts')
  const written: string[] = []
  const log = createLog(
    () => everyLine,
    jsonLines((lines) => written.push(lines)),
  )
  log.event('test', { detail: '\u001b[31m\u202e\u2066\u0085\u009b\r\n' })
  log.event('defect', { detail: '\u00ad\u200b\ufff9\ufe0f\u{e0041}' })
  assert.match(written.join(''), /^(?:[\x20-\x7e]+\n)+$/)
  assert.equal(
    (JSON.parse(written[1] ?? '') as { detail: string }).detail,
    '\u00ad\u200b\ufff9\ufe0f\u{e0041}',
  )
})

test('G3 half a surrogate pair, or one that is cut, makes no line that a parser refuses (RFC 7493 2.1)', async () => {
  const token = await gate.issuer.token({ sub: `x${'\u{1f600}'.repeat(300)}` })
  await ask(gate, '/things', { token })
  const line = await gate.logged(({ 'enduser.id': subject }) => String(subject).startsWith('x\u{1f600}'))
  assert.ok(String(line['enduser.id']).isWellFormed())
  const { eventLine } = await import('../../src/sinks/log.ts')
  assert.equal((JSON.parse(eventLine('defect', { detail: 'a\ud800b' })) as LogLine).detail, 'a\ufffdb')
})

test('G4 labels of metrics come from the contract', async () => {
  for (let i = 0; i < 20; i++) await ask(gate, `/unknown-${i}`, { method: i % 2 ? 'GET' : `M${i}` })
  const metrics = await (await fetch(`${gate.gateway.addresses.admin}/metrics`)).text()
  assert.ok(!metrics.includes('unknown-'))
  assert.ok(!/http_request_method="M\d/.test(metrics))
  assert.match(
    metrics,
    /portcullis_decisions_total\{operation="listThings",stage="record",reason="allowed"\} \d+/,
  )
  assert.match(
    metrics,
    /http_server_request_duration_seconds_count\{operation="",http_request_method="GET",http_response_status_code="404"\} \d+/,
  )
})

test('a token is followed by a fingerprint that says nothing of it', async () => {
  const [one, other] = [await gate.issuer.token({ jti: 'one' }), await gate.issuer.token({ jti: 'other' })]
  for (const token of [one, one, other])
    await ask(gate, '/things', { token, headers: ['User-Agent: followed'] })
  const followed = () => gate.log.filter((line) => line['user_agent.original'] === 'followed')
  await gate.logged(() => followed().length === 3)
  const [first, second, third] = followed().map((line) => String(line.token_fingerprint))
  assert.match(first ?? '', /^[0-9a-f]{16}$/)
  assert.equal(first, second)
  assert.notEqual(first, third)
  const { createHash } = await import('node:crypto')
  assert.ok(
    !createHash('sha256')
      .update(one)
      .digest('hex')
      .startsWith(first ?? ''),
  )
})
