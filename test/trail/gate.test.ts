import assert from 'node:assert/strict'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { ask, assertNotForwarded } from '../harness/ask.ts'
import { type GateOptions, startGate, type TestGate } from '../harness/gate.ts'
import { document } from './document.ts'

interface Entry {
  readonly kind: string
  readonly [field: string]: unknown
}

async function withGate(run: (gate: TestGate) => Promise<void>, options: GateOptions = {}): Promise<void> {
  const gate = await startGate({ document, more: 'allowWeakening: true', ...options })
  try {
    await run(gate)
  } finally {
    await gate.stop()
  }
}

/** What stands on the trail now, without checkpoints. */
function entriesOf(gate: TestGate): readonly Entry[] {
  const database = new DatabaseSync(join(gate.folder, '.portcullis/trail.sqlite'), { readOnly: true })
  const rows = database.prepare('SELECT entry FROM portcullis_trail ORDER BY chain, sequence').all()
  database.close()
  return rows
    .map(({ entry }) => JSON.parse(String(entry)) as Entry)
    .filter(({ kind }) => kind !== 'checkpoint')
}

test('a write stands on the trail before the upstream sees it, and after with what became of it', () =>
  withGate(async (gate) => {
    let before: readonly Entry[] = []
    gate.upstream.answer = (response) => {
      before = entriesOf(gate)
      response.writeHead(201).end('{}')
    }
    const token = await gate.issuer.token()
    const { fields } = await ask(gate, '/accounts/42/entries/7', {
      method: 'PUT',
      token,
      body: '{"text":"x"}',
    })
    const id = fields.get('x-request-id')
    assert.equal(before.length, 1)
    const { trace_id: trace, key_id: key, program, ...intent } = before[0] as Entry
    assert.deepEqual(intent, {
      kind: 'intent',
      request_id: id,
      operation: 'putEntry',
      method: 'PUT',
      object: { account: '42', entry: '7' },
      subject: 'alice',
      issuer: gate.issuer.issuer,
      client: 'app',
      schemes: 'bearerAuth',
      address: '127.0.0.1',
    })
    assert.match(`${String(trace)} ${String(program)}`, /^[0-9a-f]{32} [0-9a-f]{16}$/)
    assert.equal(typeof key, 'string')
    await gate.gateway.stop()
    assert.deepEqual(entriesOf(gate).slice(1), [{ kind: 'outcome', request_id: id, status: 201 }])
  }))

test('an outcome says why the answer was not that of the upstream', () =>
  withGate(async (gate) => {
    gate.upstream.answer = (response) => response.destroy()
    const token = await gate.issuer.token()
    await ask(gate, '/accounts/1/entries/1', { method: 'PUT', token, body: '{"text":"x"}' })
    await gate.gateway.stop()
    const [, outcome] = entriesOf(gate)
    assert.deepEqual(
      [outcome?.kind, outcome?.status, outcome?.stage, outcome?.reason],
      ['outcome', 502, 'forward', 'upstream_unreachable'],
    )
  }))

test('reads are not on the trail; what the contract marks is, and what it takes off is not', () =>
  withGate(
    async (gate) => {
      const token = await gate.issuer.token()
      await ask(gate, '/accounts/1', { token })
      await ask(gate, '/marked', { token })
      await ask(gate, '/unmarked', { method: 'POST', token })
      await ask(gate, '/unmarked', { method: 'POST' })
      await gate.gateway.stop()
      assert.deepEqual(
        entriesOf(gate).map(({ kind, operation }) => `${kind} ${String(operation)}`),
        ['intent getMarked', 'outcome undefined'],
      )
    },
    { more: 'allowWeakening: true' },
  ))

test('a path parameter that is marked stands there as a keyed hash, the same for the same value', () =>
  withGate(async (gate) => {
    const token = await gate.issuer.token()
    for (const path of ['/people/555-1234', '/people/555-1234', '/people/555-9999'])
      await ask(gate, path, { method: 'DELETE', token })
    await gate.gateway.stop()
    const people = entriesOf(gate).flatMap(({ object }) =>
      object ? [(object as { phone: string }).phone] : [],
    )
    assert.match(people[0] ?? '', /^hmac:[A-Za-z0-9_-]{22}$/)
    assert.equal(people[0], people[1])
    assert.notEqual(people[0], people[2])
  }))

test('denials of a known caller stand there one by one with rule and object, those of nobody by address and minute', () =>
  withGate(async (gate) => {
    const token = await gate.issuer.token({ sub: 'mallory' })
    // All of it in one minute.
    while (Date.now() % 60_000 > 55_000) await new Promise((resolve) => setTimeout(resolve, 100))
    await assertNotForwarded(gate, ask(gate, '/people/x', { method: 'DELETE', token }), 403, 'not_authorized')
    for (let i = 0; i < 3; i++) await ask(gate, '/accounts/1')
    await ask(gate, '/nowhere')
    await gate.gateway.stop()
    const [denial, denials, ...others] = entriesOf(gate)
    const { subject, stage, reason, status, rule } = denial as Entry
    assert.deepEqual([subject, stage, reason, status], ['mallory', 'rules', 'not_authorized', 403])
    assert.match(String(rule), /openapi\.json:\d+$/)
    assert.deepEqual(
      [denials?.kind, denials?.address, denials?.reasons],
      ['denials', '127.0.0.1', { credential_missing: 3, route_unknown: 1 }],
    )
    assert.deepEqual(others, [])
  }))

test('nothing secret is on the trail or beside it: no token, key, body, query, header, user agent', () =>
  withGate(async (gate) => {
    const canary = 'CANARY-7f3a9'
    const token = await gate.issuer.token({ secret: canary, jti: canary })
    const put = { method: 'PUT', token, body: '{"text":"x"}' }
    const path = '/accounts/1/entries/1'
    await ask(gate, path, { ...put, headers: [`User-Agent: ${canary}`, `X-Note: ${canary}`] })
    await ask(gate, path, { ...put, body: `{"text":"${canary}","${canary}":1}` })
    await ask(gate, `${path}?${canary}=1`, put)
    await ask(gate, `${path}?note=${canary}`, put)
    await ask(gate, path, { ...put, headers: [`Cookie: session=${canary}`, `Host: ${canary}`] })
    await ask(gate, path, { ...put, contentType: canary })
    await ask(gate, path, { ...put, token: canary })
    await ask(gate, `/${canary}`, put)
    await ask(gate, `/people/${canary}`, { method: 'DELETE', token })
    gate.upstream.answer = (response) => response.writeHead(500, { Server: canary }).end(canary)
    await ask(gate, path, put)
    await gate.gateway.stop()
    assert.ok(entriesOf(gate).length > 8)
    const folder = join(gate.folder, '.portcullis')
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .map((name) => join(folder, name))
      .filter((file) => statSync(file).isFile())
    for (const file of files) {
      const octets = readFileSync(file).toString('latin1')
      assert.ok(!octets.includes(canary), file)
      assert.ok(!octets.includes(token.slice(-40)), file)
    }
    assert.ok(files.length >= 3, files.join())
  }))

test('without a trail nothing is written, and check says so', () =>
  withGate(
    async (gate) => {
      const token = await gate.issuer.token()
      const { status } = await ask(gate, '/accounts/1/entries/1', {
        method: 'PUT',
        token,
        body: '{"text":"x"}',
      })
      assert.equal(status, 200)
      assert.ok(!readdirSync(gate.folder).includes('.portcullis'))
    },
    { more: 'allowWeakening: true\ntrail: false' },
  ))

test('a trail that cannot be had: marked writes are denied and nothing is forwarded, reads pass; where it says so, writes pass too', () =>
  withGate(
    async (gate) => {
      const token = await gate.issuer.token()
      await gate.logged(({ event }) => event === 'trail_unavailable')
      const put = { method: 'PUT', token, body: '{"text":"x"}' }
      const denied = await assertNotForwarded(
        gate,
        ask(gate, '/accounts/1/entries/1', put),
        503,
        'trail_unavailable',
      )
      assert.equal(denied.fields.get('retry-after'), '5')
      assert.equal((await ask(gate, '/accounts/1', { token })).status, 200)
      assert.equal((await ask(gate, '/lenient', { method: 'POST', token })).status, 200)
    },
    { more: 'allowWeakening: true\ntrail: { database: "postgres://gate@127.0.0.1:1/none" }' },
  ))
