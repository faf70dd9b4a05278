import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { after, before, describe, test } from 'node:test'
import type { Worker } from 'node:worker_threads'
import { parseList } from 'structured-headers'
import { ask, assertNotForwarded } from '../harness/ask.ts'
import { configurationFor, startGate, type TestGate } from '../harness/gate.ts'
import { metric } from '../harness/metric.ts'
import { openSocket } from '../harness/raw-client.ts'
import { until } from '../harness/until.ts'

// Caps on requests in flight, before an upstream that answers when it is told to.

const most = 4
const limits = (concurrent = most) => `[
  { name: mine, by: subject, concurrent: ${concurrent} },
  { name: wide, by: subject, rate: 1000000/s, burst: 1000000 }
]`

/** Answers wait until they are let go. */
function holdAnswers(gate: TestGate) {
  const waiting: ServerResponse[] = []
  const answer = gate.upstream.answer
  gate.upstream.answer = (response) => void waiting.push(response)
  return {
    waiting,
    letGo() {
      gate.upstream.answer = answer
      for (const response of waiting.splice(0))
        if (response.headersSent) response.end()
        else answer(response, response.req)
    },
  }
}

const held = (gate: TestGate, places: number) =>
  until(async () => (await metric(gate, 'portcullis_limit_places')) === places, `${places} places are held`)

for (const workers of [1, 2])
  describe(`with ${workers} workers`, () => {
    let gate: TestGate
    let token: string
    before(async () => {
      gate = await startGate({ limits: limits(), workers })
    })
    after(() => gate.stop())

    const fill = async (sub: string) => {
      token = await gate.issuer.token({ sub })
      const answers = holdAnswers(gate)
      const asked = Array.from({ length: most }, () => ask(gate, '/things', { token }))
      await until(() => answers.waiting.length === most, 'all that fit are with the upstream')
      return { ...answers, asked }
    }

    test('of requests in parallel exactly as many pass as the cap says, and as many again when they ended', async () => {
      token = await gate.issuer.token({ sub: 'parallel' })
      for (let round = 0; round < 3; round++) {
        const answers = holdAnswers(gate)
        const replies = Array.from({ length: most + 9 }, () => ask(gate, '/things', { token }))
        const done: number[] = []
        for (const reply of replies) void reply.then(({ status }) => done.push(status))
        await until(() => done.length === 9, 'those too many are answered')
        assert.ok(done.every((status) => status === 429))
        assert.equal(answers.waiting.length, most)
        assert.equal(await metric(gate, 'portcullis_limit_places'), most)
        answers.letGo()
        const statuses = (await Promise.all(replies)).map(({ status }) => status)
        assert.equal(statuses.filter((status) => status === 200).length, most)
        await held(gate, 0)
      }
    })

    test('a denial is 429 with the cap in RateLimit fields, Retry-After and the problem (RFC 6585 4)', async () => {
      const { letGo, asked } = await fill('denied')
      const denied = await assertNotForwarded(gate, ask(gate, '/things', { token }), 429, 'quota_exceeded')
      assert.deepEqual(JSON.parse(denied.body)['violated-policies'], ['mine'])
      const [policy, parameters] = parseList(denied.fields.get('ratelimit-policy') ?? '').find(
        ([name]) => name === 'mine',
      ) as [string, Map<string, unknown>]
      assert.equal(policy, 'mine')
      assert.deepEqual(Object.fromEntries(parameters), { q: most, qu: 'concurrent-requests' })
      assert.match(denied.fields.get('ratelimit') ?? '', /"mine";r=0/)
      assert.equal(denied.fields.get('retry-after'), '1')
      const line = await gate.logged(({ detail }) => detail === 'full: mine')
      assert.deepEqual(
        [line.stage, line.reason, line['violated-policies'] ?? line.limits],
        ['limit', 'quota_exceeded', 'mine'],
      )
      assert.equal((await ask(gate, '/nowhere', { token })).status, 404, 'nothing else is held up')
      letGo()
      const left = (await Promise.all(asked)).map(
        ({ fields }) => /"mine";r=(\d)/.exec(fields.get('ratelimit') ?? '')?.[1],
      )
      assert.deepEqual(left.toSorted(), ['0', '1', '2', '3'])
      await held(gate, 0)
    })

    test('a request that a rate denies holds no place, and one that a cap denies takes no token', async () => {
      const own = await startGate({
        workers,
        limits: `[{ name: mine, by: subject, concurrent: ${most} }, { name: five, by: subject, rate: ${most + 1}/day }]`,
      })
      token = await own.issuer.token({ sub: 'poor' })
      const answers = holdAnswers(own)
      const asked = Array.from({ length: most }, () => ask(own, '/things', { token }))
      await until(() => answers.waiting.length === most, 'all that fit are with the upstream')
      for (let nth = 0; nth < 3; nth++) {
        const denied = await assertNotForwarded(own, ask(own, '/things', { token }), 429, 'quota_exceeded')
        assert.deepEqual(JSON.parse(denied.body)['violated-policies'], ['mine'])
      }
      answers.letGo()
      await Promise.all(asked)
      await held(own, 0)
      assert.equal((await ask(own, '/things', { token })).status, 200, 'the last token is still there')
      for (let nth = 0; nth < most + 2; nth++) {
        const denied = await assertNotForwarded(own, ask(own, '/things', { token }), 429, 'quota_exceeded')
        assert.deepEqual(JSON.parse(denied.body)['violated-policies'], ['five'])
      }
      await held(own, 0)
      await own.stop()
    })

    test('a client that hangs up frees its place: while it waits, in the middle of a stream, and of its body', async () => {
      token = await gate.issuer.token({ sub: 'leaver' })
      const url = gate.gateway.addresses.http as string
      const head = `Host: localhost\r\nAuthorization: Bearer ${token}\r\n`
      const get = `GET /things HTTP/1.1\r\n${head}\r\n`
      const post = `POST /things HTTP/1.1\r\n${head}Content-Type: application/json\r\nContent-Length: 900\r\n\r\n{`
      const answers = holdAnswers(gate)
      for (const [octets, phase] of [
        [get, 'waiting'],
        [get, 'streaming'],
        [post, 'sending'],
        [get + get, 'pipelining'],
      ] as const) {
        const seen = answers.waiting.length
        const socket = openSocket(url)
        socket.on('error', () => {})
        socket.write(octets)
        if (phase !== 'sending') await until(() => answers.waiting.length > seen, phase)
        if (phase === 'streaming') {
          const received = new Promise((resolve) => socket.once('data', resolve))
          answers.waiting.at(-1)?.writeHead(200, { 'Content-Type': 'text/event-stream' }).write('data: 1\n\n')
          await received
        }
        await until(async () => (await metric(gate, 'portcullis_limit_places')) > 0, `${phase}: held`)
        socket.destroy()
        await held(gate, 0)
      }
      answers.letGo()
    })

    test('an upstream that breaks off frees the place', async () => {
      const { waiting, asked, letGo } = await fill('broken')
      gate.upstream.answer = (response) => void response.socket?.destroy()
      for (const response of waiting.splice(0)) response.socket?.destroy()
      assert.ok((await Promise.all(asked)).every(({ status }) => status === 502))
      await held(gate, 0)
      letGo()
    })

    test('a reload that changes the cap counts what is in flight', async () => {
      const { letGo, asked } = await fill('reloaded')
      const reloadTo = async (concurrent: number) => {
        gate.configure(configurationFor({ limits: limits(concurrent) }, gate.upstream, gate.issuer))
        assert.equal(await gate.gateway.reload(), true)
      }
      await reloadTo(most - 1)
      assert.equal((await ask(gate, '/things', { token })).status, 429)
      await reloadTo(most + 1)
      const more = ask(gate, '/things', { token })
      await held(gate, most + 1)
      assert.equal((await ask(gate, '/things', { token })).status, 429)
      letGo()
      await Promise.all([...asked, more])
      await held(gate, 0)
      await reloadTo(most)
    })
  })

test('a worker that dies holds nothing any more, and what the other holds stays held', async () => {
  const threads: Worker[] = []
  const note = (thread: Worker) => void threads.push(thread)
  process.on('worker', note)
  const gate = await startGate({ limits: limits(24), workers: 2 })
  process.off('worker', note)
  const token = await gate.issuer.token({ sub: 'mourner' })
  const answers = holdAnswers(gate)
  const asked = Array.from({ length: 24 }, () => ask(gate, '/things', { token }).catch(() => null))
  await held(gate, 24)
  const dying = threads.find(({ threadId, threadName }) => threadId > 0 && threadName?.startsWith('data'))
  await dying?.terminate()
  await gate.logged(({ event }) => event === 'worker_died')
  const left = await metric(gate, 'portcullis_limit_places')
  answers.letGo()
  const served = (await Promise.all(asked)).filter((reply) => reply?.status === 200)
  assert.equal(served.length, left)
  await held(gate, 0)
  await gate.logged(({ event }) => event === 'worker_replaced')
  await gate.stop()
})

test('a client that hangs up while its token is being verified leaves no place behind, and a slow one keeps its', async () => {
  const gate = await startGate({
    limits: '[{ name: door, by: address, concurrent: 2 }]',
  })
  const token = await gate.issuer.token()
  const url = gate.gateway.addresses.http as string
  for (let nth = 0; nth < 20; nth++) {
    const fresh = await gate.issuer.token({ sub: `hasty${nth}` })
    const socket = openSocket(url)
    socket.on('error', () => {})
    socket.write(`GET /things HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${fresh}\r\n\r\n`)
    setImmediate(() => socket.destroy())
  }
  await held(gate, 0)
  const answers = holdAnswers(gate)
  const asked = [ask(gate, '/things', { token }), ask(gate, '/things', { token })]
  await until(() => answers.waiting.length === 2, 'both are with the upstream')
  await assertNotForwarded(gate, ask(gate, '/things', { token: 'a.b.c' }), 429, 'quota_exceeded')
  answers.letGo()
  await Promise.all(asked)
  await held(gate, 0)
  await gate.stop()
})

test('a cap of the contract counts in its operation alone, beside those of the configuration (x-portcullis.limits)', async () => {
  const answer = { responses: { '200': { description: 'ok' } } }
  const own = { 'x-portcullis': { limits: [{ name: 'exports', by: 'subject', concurrent: 2 }] } }
  const gate = await startGate({
    limits: limits(3),
    document: {
      openapi: '3.1.0',
      info: { title: 'exports', version: '1' },
      servers: [{ url: 'https://api.example.com' }],
      security: [{ bearerAuth: [] }],
      paths: {
        '/exports': { get: { operationId: 'getExports', ...own, ...answer } },
        '/things': { get: { operationId: 'listThings', ...answer } },
      },
      components: { securitySchemes: { bearerAuth: { type: 'http', scheme: 'bearer' } } },
    },
  })
  const token = await gate.issuer.token({ sub: 'exporter' })
  const answers = holdAnswers(gate)
  const asked = [1, 2].map(() => ask(gate, '/exports', { token }))
  await until(() => answers.waiting.length === 2, 'both exports are with the upstream')
  await held(gate, 4)
  const denied = await assertNotForwarded(gate, ask(gate, '/exports', { token }), 429, 'quota_exceeded')
  assert.deepEqual(JSON.parse(denied.body)['violated-policies'], ['exports'])
  assert.match(denied.fields.get('ratelimit-policy') ?? '', /"exports";q=2;qu="concurrent-requests"/)
  await held(gate, 4)
  asked.push(ask(gate, '/things', { token }))
  await until(() => answers.waiting.length === 3, 'another operation has room')
  const both = await assertNotForwarded(gate, ask(gate, '/exports', { token }), 429, 'quota_exceeded')
  assert.deepEqual(JSON.parse(both.body)['violated-policies'].toSorted(), ['exports', 'mine'])
  await assertNotForwarded(gate, ask(gate, '/things', { token }), 429, 'quota_exceeded')
  answers.letGo()
  assert.ok((await Promise.all(asked)).every(({ status }) => status === 200))
  await held(gate, 0)
  await gate.stop()
})
