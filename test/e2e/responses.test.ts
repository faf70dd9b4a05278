import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { after, before, test } from 'node:test'
import { request } from 'undici'
import { ask } from '../harness/ask.ts'
import { startGate, type TestGate } from '../harness/gate.ts'
import { sendRaw } from '../harness/raw-client.ts'
import { headerOf } from '../harness/upstream.ts'

let gate: TestGate
let token: string

before(async () => {
  gate = await startGate({ more: 'cors: { origins: ["https://app.example.com"], credentials: true }' })
  token = await gate.issuer.token()
})
after(() => gate.stop())

async function through(
  answer: (response: ServerResponse) => void,
  target = '/things',
  bearer: string | undefined = token,
) {
  gate.upstream.answer = answer
  return ask(gate, target, bearer === undefined ? {} : { token: bearer })
}

test('headers that leak are dropped, security headers are ours', async () => {
  const { fields } = await through((response) =>
    response
      .writeHead(200, {
        Server: 'Apache/2.2',
        'X-Powered-By': 'PHP/5.1',
        'X-AspNet-Version': '4',
        Via: '1.1 inner',
        'X-Request-Id': 'inner',
        'X-Content-Type-Options': 'none',
        'Strict-Transport-Security': 'max-age=0',
        RateLimit: '"x";r=1',
        Connection: 'X-Hop',
        'X-Hop': '1',
        'X-Mine': 'kept',
        ETag: '"1"',
      })
      .end('{}'),
  )
  for (const name of [
    'server',
    'x-powered-by',
    'x-aspnet-version',
    'via',
    'x-hop',
    'strict-transport-security',
  ])
    assert.equal(fields.get(name), undefined, name)
  assert.notEqual(fields.get('x-request-id'), 'inner')
  assert.equal(fields.get('x-content-type-options'), 'nosniff')
  assert.equal(fields.get('referrer-policy'), 'no-referrer')
  assert.equal(fields.get('x-mine'), 'kept')
  assert.equal(fields.get('etag'), '"1"')
  assert.match(fields.get('ratelimit') ?? '', /^"wide"/)
})

test('cookies get the flags they lack, and keep those they have', async () => {
  const { fields } = await through((response) =>
    response
      .writeHead(200, {
        'Set-Cookie': ['a=1', 'b=2; secure; HttpOnly; SameSite=Strict; Path=/', 'c=3; samesite=None; Secure'],
      })
      .end('{}'),
  )
  assert.deepEqual(fields.get('set-cookie')?.split('\n'), [
    'a=1; Secure; HttpOnly; SameSite=Lax',
    'b=2; secure; HttpOnly; SameSite=Strict; Path=/',
    'c=3; samesite=None; Secure; HttpOnly',
  ])
})

test('authenticated answers are not stored, unless they say so themselves; public ones are left alone', async () => {
  const plain = (response: ServerResponse) => response.end('{}')
  const cached = (response: ServerResponse) =>
    response.writeHead(200, { 'Cache-Control': 'private, max-age=60' }).end('{}')
  assert.equal((await through(plain)).fields.get('cache-control'), 'no-store')
  assert.equal((await through(cached)).fields.get('cache-control'), 'private, max-age=60')
  assert.equal((await through(plain, '/public', undefined)).fields.get('cache-control'), undefined)
  gate.upstream.answer = plain
  assert.equal((await ask(gate, '/public')).fields.get('cache-control'), undefined)
})

test('the closed Content-Security-Policy gives way only to HTML with its own', async () => {
  const own = "default-src 'self'"
  const html = await through((response) =>
    response
      .writeHead(200, { 'Content-Type': 'text/html; charset=utf-8', 'Content-Security-Policy': own })
      .end('<p>'),
  )
  assert.equal(html.fields.get('content-security-policy'), own)
  const json = await through((response) =>
    response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Security-Policy': own }).end('{}'),
  )
  assert.equal(json.fields.get('content-security-policy'), "default-src 'none'; frame-ancestors 'none'")
  const bare = await through((response) =>
    response.writeHead(200, { 'Content-Type': 'text/html' }).end('<p>'),
  )
  assert.equal(bare.fields.get('content-security-policy'), "default-src 'none'; frame-ancestors 'none'")
})

test('CORS: allowed origins read answers and denials and see the quota; others see nothing of it', async () => {
  gate.upstream.answer = (response) =>
    response.writeHead(200, { 'Access-Control-Allow-Origin': '*' }).end('{}')
  for (const [bearer, status] of [
    [token, 200],
    ['x', 401],
  ] as const) {
    const { fields, status: got } = await ask(gate, '/things', {
      token: bearer,
      headers: ['Origin: https://app.example.com'],
    })
    assert.equal(got, status)
    assert.equal(fields.get('access-control-allow-origin'), 'https://app.example.com')
    assert.equal(fields.get('access-control-allow-credentials'), 'true')
    assert.match(fields.get('access-control-expose-headers') ?? '', /RateLimit/)
    assert.equal(fields.get('vary'), 'Origin')
  }
  const foreign = await ask(gate, '/things', { token, headers: ['Origin: https://evil.example.com'] })
  assert.equal(foreign.fields.get('access-control-allow-origin'), undefined)
})

test('204, 304 and HEAD have no body, and the connection goes on', async () => {
  gate.upstream.answer = (response, { method }) =>
    method === 'HEAD'
      ? response.writeHead(200, { 'Content-Length': '1000' }).end()
      : response.writeHead(204).end()
  const { http } = gate.gateway.addresses
  const get = (method: string, more = '') => `${method} /public HTTP/1.1\r\nHost: a\r\n${more}\r\n`
  const reply = await sendRaw(http ?? '', get('HEAD') + get('GET') + get('GET', 'Connection: close\r\n'), {
    lingerMs: 500,
  })
  const statuses = [...reply.text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status)
  assert.deepEqual(statuses, ['200', '204', '204'])
  assert.equal(reply.fields.get('content-length'), '1000')
})

test('a stream of events passes as it comes', async () => {
  let push: ((text: string) => void) | undefined
  gate.upstream.answer = (response) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' })
    response.flushHeaders()
    push = (text) => response.write(text)
  }
  const { body, headers } = await request(`${gate.gateway.addresses.http}/public`)
  assert.equal(headers['content-type'], 'text/event-stream')
  const events = body[Symbol.asyncIterator]()
  for (const text of ['data: 1\n\n', 'data: 2\n\n']) {
    push?.(text)
    assert.equal(String((await events.next()).value), text)
  }
  body.on('error', () => {})
  body.destroy()
})

test('a large answer waits for a slow client, and arrives whole', async () => {
  const size = 64 * 1024 * 1024
  gate.upstream.answer = (response) => {
    let left = size
    response.writeHead(200, { 'Content-Length': size })
    const write = () => {
      while (left > 0) {
        const chunk = Buffer.alloc(Math.min(left, 256 * 1024), 1)
        left -= chunk.length
        if (!response.write(chunk)) return response.once('drain', write)
      }
      return response.end()
    }
    write()
  }
  const before = process.memoryUsage().rss
  const { body } = await request(`${gate.gateway.addresses.http}/public`)
  await new Promise((resolve) => setTimeout(resolve, 300))
  assert.ok(process.memoryUsage().rss - before < size / 2, 'it is not held in memory')
  let received = 0
  for await (const chunk of body) received += (chunk as Buffer).length
  assert.equal(received, size)
})

test('what the upstream gets: our trace, our id, the token, the validated query', async () => {
  gate.upstream.answer = (response) => response.end('{}')
  const reply = await ask(gate, '/things?limit=5', {
    token,
    headers: ['Accept: application/json', 'X-Unknown: 1', 'X-Trace-Mode: full', 'Cookie: theme=dark'],
  })
  const seen = gate.upstream.seen.at(-1)
  assert.ok(seen)
  assert.equal(headerOf(seen, 'authorization'), `Bearer ${token}`)
  assert.equal(headerOf(seen, 'x-request-id'), reply.fields.get('x-request-id'))
  assert.match(headerOf(seen, 'traceparent') ?? '', /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)
  assert.equal(headerOf(seen, 'accept'), 'application/json')
  assert.equal(headerOf(seen, 'x-trace-mode'), 'full')
  assert.equal(headerOf(seen, 'x-unknown'), null)
  assert.equal(headerOf(seen, 'cookie'), 'theme=dark')
  const line = await gate.logged(({ request_id: id }) => id === reply.fields.get('x-request-id'))
  assert.ok(headerOf(seen, 'traceparent')?.includes(String(line.trace_id)))
  assert.equal(line.operation, 'listThings')
  assert.equal(line['http.route'], '/things')
  assert.equal(line['enduser.id'], 'alice')
})
