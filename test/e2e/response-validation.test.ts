import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { request } from 'undici'
import { compile } from '../../src/contract/compile.ts'
import { ask, assertDenied } from '../harness/ask.ts'
import { startGate, type TestGate } from '../harness/gate.ts'
import type { RawReply } from '../harness/raw-client.ts'
import { headerOf } from '../harness/upstream.ts'

const contract = fileURLToPath(new URL('../fixtures/answers.yaml', import.meta.url))
const max = 1024 ** 2
let gate: TestGate

before(async () => {
  gate = await startGate({ contract, more: 'allowWeakening: true' })
})
after(() => gate?.stop())
beforeEach(() => {
  gate.upstream.answer = (response) => response.writeHead(500).end()
})

type Fields = { readonly [name: string]: string | number | readonly string[] }
const json = { 'Content-Type': 'application/json', 'X-Total': '1' }

/** The upstream answers with this, of known length unless the fields say otherwise. */
function answers(body: string | Buffer, fields: Fields = json, status = 200): void {
  gate.upstream.answer = (response: ServerResponse) => {
    const octets = Buffer.from(body as string)
    const head = 'Transfer-Encoding' in fields ? fields : { 'Content-Length': octets.length, ...fields }
    response.writeHead(status, head as Record<string, string>)
    response.end(octets)
  }
}

async function lineOf(reply: RawReply): Promise<Readonly<Record<string, unknown>>> {
  return gate.logged((line) => line.request_id === reply.fields.get('x-request-id'))
}

async function assertReported(body: string | Buffer, detail: RegExp, fields: Fields = json, status = 200) {
  answers(body, fields, status)
  const reply = await ask(gate, '/reported')
  assert.equal(reply.status, status)
  if (typeof body === 'string') assert.equal(reply.body, body)
  const line = await lineOf(reply)
  assert.equal(line.event, 'request')
  assert.equal(line.reported, 'response_invalid')
  assert.match(String(line.reported_detail), detail)
}

/** The client learns nothing but that the gateway got a bad answer; the log has the detail. */
async function assertRefused(target: string, detail: RegExp, secret?: string) {
  const reply = await ask(gate, target)
  await assertDenied(gate, reply, 502, 'response_invalid')
  assert.deepEqual(Object.keys(JSON.parse(reply.body)).sort(), ['instance', 'status', 'title', 'type'])
  const line = await lineOf(reply)
  assert.equal(line.stage, 'response')
  assert.match(String(line.detail), detail)
  if (secret !== undefined) assert.doesNotMatch(reply.text + JSON.stringify(line), new RegExp(secret))
}

interface Fault {
  readonly what: string
  readonly body: string
  readonly fields?: Fields
  readonly status?: number
  readonly detail: RegExp
}

const faults: readonly Fault[] = [
  {
    what: 'an undeclared field',
    body: '{"name":"a","hash":"s3cret"}',
    detail: /\/hash is not a known field/,
  },
  {
    what: 'an undeclared field, deep',
    body: '{"name":"a","friends":[{"name":"b","hash":"s3cret"}]}',
    detail: /\/friends\/0\/hash is not/,
  },
  {
    what: 'a writeOnly field',
    body: '{"name":"a","password":"s3cret"}',
    detail: /\/password is not a known field/,
  },
  { what: 'a missing field', body: '{}', detail: /\/name is required/ },
  { what: 'a wrong type', body: '{"name":5}', detail: /\/name must be a string/ },
  { what: 'no JSON', body: '{"name":', detail: /must be JSON/ },
  { what: 'a member twice', body: '{"name":"a","name":"b"}', detail: /must not stand twice/ },
  { what: 'an undeclared status', body: '{"name":"a"}', status: 201, detail: /status 201 is not declared/ },
  {
    what: 'a server error',
    body: 'at Stack (s3cret.js:1)',
    status: 500,
    detail: /status 500 is not declared/,
  },
  {
    what: 'an undeclared media type',
    body: '<p>s3cret',
    fields: { ...json, 'Content-Type': 'text/html' },
    detail: /media type text\/html is not declared/,
  },
  {
    what: 'no media type',
    body: '{"name":"a"}',
    fields: { 'X-Total': '1' },
    detail: /Content-Type is missing/,
  },
  { what: 'an empty body', body: '', fields: { 'X-Total': '1' }, detail: /it is empty/ },
  {
    what: 'another charset',
    body: '{"name":"a"}',
    fields: { ...json, 'Content-Type': 'application/json; charset=latin1' },
    detail: /charset of JSON/,
  },
  {
    what: 'a missing header',
    body: '{"name":"a"}',
    fields: { 'Content-Type': 'application/json' },
    detail: /header x-total is required/,
  },
  {
    what: 'a header of a wrong type',
    body: '{"name":"a"}',
    fields: { ...json, 'X-Total': 'many' },
    detail: /header x-total must be an integer/,
  },
  {
    what: 'a header out of bounds',
    body: '{"name":"a"}',
    fields: { ...json, 'X-Total': '-1' },
    detail: /header x-total .*must be ≥ 0/,
  },
  {
    what: 'a list in a header',
    body: '{"name":"a"}',
    fields: { ...json, 'X-Tags': 'abc, abcd' },
    detail: /header x-tags \/1 must have at most 3/,
  },
  {
    what: 'a fault under a range of statuses',
    body: '{"trace":"s3cret"}',
    fields: { 'Content-Type': 'application/problem+json' },
    status: 404,
    detail: /answer 404: \/trace is not a known field/,
  },
]
for (const { what, body, fields, status, detail } of faults) {
  test(`report: ${what} passes and is recorded; enforce: it becomes a generic 502`, async () => {
    await assertReported(body, detail, fields, status)
    answers(body, fields, status)
    await assertRefused('/enforced', detail, 's3cret')
  })
  test(`enforce, length unknown: ${what} becomes a generic 502`, async () => {
    if (body === '') return answers(body)
    answers(body, { ...(fields ?? json), 'Transfer-Encoding': 'chunked' }, status)
    await assertRefused('/enforced', detail, 's3cret')
  })
}

const sound: readonly (readonly [what: string, body: string, fields: Fields, status: number])[] = [
  [
    'the declared answer',
    ' {"name":"é","id":7,\n"friends":[{"name":"b"}]} ',
    { ...json, 'X-Tags': 'a, b' },
    200,
  ],
  ['undeclared headers', '{"name":"a"}', { ...json, 'X-More': '1', ETag: '"1"' }, 200],
  ['a declared error', '{"title":"no"}', { 'Content-Type': 'application/problem+json' }, 422],
  ['opaque content', '\u0000binary', { 'Content-Type': 'application/octet-stream', 'X-Total': '1' }, 200],
  ['a declared 204', '', {}, 204],
  ['304, declared or not (RFC 9110 15.4.5)', '', { ETag: '"1"' }, 304],
]
for (const [what, body, fields, status] of sound) {
  for (const target of ['/reported', '/enforced', '/stripped', '/unseen']) {
    test(`${target}: ${what} passes as it came, and nothing is recorded`, async () => {
      gate.upstream.answer = (response) =>
        response
          .writeHead(status, {
            ...fields,
            ...(body !== '' && { 'Content-Length': Buffer.byteLength(body) }),
          } as Record<string, string>)
          .end(body)
      const reply = await ask(gate, target)
      assert.equal(reply.status, status, reply.text)
      assert.equal(Buffer.from(reply.body, 'latin1').toString(), body)
      if (fields.ETag) assert.equal(reply.fields.get('etag'), fields.ETag)
      const line = await lineOf(reply)
      for (const field of ['reported', 'answer_unseen', 'answer_stripped'])
        assert.equal(line[field], undefined)
    })
  }
}

test('off: nothing is looked at', async () => {
  answers('<p>', { 'Content-Type': 'text/html' }, 418)
  const reply = await ask(gate, '/unseen')
  assert.equal(reply.status, 418)
  assert.equal((await lineOf(reply)).reported, undefined)
})

const strips: readonly (readonly [body: string, rest: string, members: number])[] = [
  ['{"name":"a", "hash":"s3cret"}', '{"name":"a"}', 1],
  ['{"hash":1,"name":"a" , "password":"s3cret"}', '{"name":"a"}', 2],
  [
    '{"name":"a","friends":[{"name":"b","x":{"y":[1]}},{"z":"}","name":"\\u0063"}]}',
    '{"name":"a","friends":[{"name":"b"},{"name":"\\u0063"}]}',
    2,
  ],
  ['{"name":"a","contact":{"mail":"m","token":"s3cret"}}', '{"name":"a","contact":{"mail":"m"}}', 1],
]
for (const [body, rest, members] of strips) {
  test(`strip: ${body} becomes ${rest}`, async () => {
    answers(body, {
      ...json,
      ETag: '"1"',
      'Content-MD5': 'x',
      Digest: 'x',
      'Repr-Digest': 'x',
      'Last-Modified': 'x',
    })
    const reply = await ask(gate, '/stripped')
    assert.equal(reply.status, 200, reply.text)
    assert.equal(reply.body, rest)
    assert.equal(reply.fields.get('content-length'), String(Buffer.byteLength(rest)))
    for (const name of ['etag', 'content-md5', 'digest', 'repr-digest'])
      assert.equal(reply.fields.get(name), undefined)
    assert.equal(reply.fields.get('last-modified'), 'x')
    assert.equal((await lineOf(reply)).answer_stripped, members)
  })
}

test('strip: what cannot be mended by cutting is a 502, and so is what cannot be read', async () => {
  for (const [body, fields, detail] of [
    ['{"hash":1}', json, /\/name is required/],
    ['{"name":"a","contact":{"fax":"s3cret"}}', json, /\/contact/],
    ['{"name":"a","hash":', json, /must be JSON/],
    ['{"name":"a"}', { ...json, 'Content-Type': 'text/plain' }, /not declared/],
  ] as const) {
    answers(body, fields)
    await assertRefused('/stripped', detail, 's3cret')
  }
})

test('enforce and strip ask for the whole answer without a coding; report and opaque content leave that to the client', async () => {
  answers('{"name":"a"}')
  const headers = ['Accept-Encoding: gzip', 'Range: bytes=0-1', 'If-Range: "1"']
  for (const target of ['/enforced', '/stripped', '/reported', '/files']) {
    await ask(gate, target, { headers })
    const seen = gate.upstream.seen.at(-1)
    assert.ok(seen)
    const whole = target === '/enforced' || target === '/stripped'
    assert.equal(headerOf(seen, 'accept-encoding'), whole ? 'identity' : 'gzip', target)
    assert.equal(headerOf(seen, 'range'), whole ? null : 'bytes=0-1', target)
    assert.equal(headerOf(seen, 'if-range'), whole ? null : '"1"', target)
  }
})

const coders = { gzip: gzipSync, deflate: deflateSync, br: brotliCompressSync, zstd: zstdCompressSync }
for (const [coding, encode] of Object.entries(coders)) {
  test(`${coding}: the content is judged decoded; enforce and strip pass on what they judged`, async () => {
    const fields = { ...json, 'Content-Encoding': coding, ETag: '"1"' }
    answers(encode('{"name":"a","hash":1}'), fields)
    const reply = await ask(gate, '/reported')
    assert.equal(reply.fields.get('content-encoding'), coding)
    assert.match(String((await lineOf(reply)).reported_detail), /\/hash/)
    await assertRefused('/enforced', /\/hash/)
    const stripped = await ask(gate, '/stripped')
    assert.equal(stripped.body, '{"name":"a"}')
    assert.equal(stripped.fields.get('content-encoding'), undefined)
    answers(encode('{"name":"a"}'), fields)
    const enforced = await ask(gate, '/enforced')
    assert.equal(enforced.body, '{"name":"a"}')
    assert.equal(enforced.fields.get('content-encoding'), undefined)
    assert.equal(enforced.fields.get('etag'), undefined)
  })
}

const form = { 'Content-Type': 'application/x-www-form-urlencoded' }
test('forms are read as those of requests are: octets that are sound pass in every mode', async () => {
  const body = 'name=caf%C3%A9+x&size=1&tags=a&tags=b'
  answers(body, form)
  for (const target of ['/forms', '/enforced-forms', '/stripped-forms']) {
    const reply = await ask(gate, target)
    assert.equal(reply.status, 200)
    assert.equal(reply.body, body)
    assert.equal((await lineOf(reply)).reported, undefined)
  }
})

for (const [body, detail] of [
  ['name=a&hash=s3cret', /\/hash is not a known field/],
  ['name=a&secret=s3cret', /\/secret is not a known field/],
  ['name=a&size=s3cret', /\/size must be an integer/],
  ['size=1', /\/name is required/],
  ['name=a&name=b', /\/name must not stand twice/],
  ['name=a&tags=a&tags=b&tags=c', /\/tags must have at most 2 items/],
  ['name=s3cret;size=1', /the content must be percent-encoded/],
  ['', /\/name is required/],
] as const) {
  test(`an answer of a form that breaks the contract is reported, or refused: ${body}`, async () => {
    answers(body, form)
    const reply = await ask(gate, '/forms')
    assert.equal(reply.body, body)
    assert.match(String((await lineOf(reply)).reported_detail), detail)
    for (const target of ['/enforced-forms', '/stripped-forms']) await assertRefused(target, detail, 's3cret')
  })
}

for (const type of ['multipart/form-data; boundary=XX', 'application/xml', 'application/cbor']) {
  test(`${type}: what a schema describes and nobody reads is recorded as unseen, and refused where it is enforced`, async () => {
    answers('--XX', { 'Content-Type': type })
    const reply = await ask(gate, '/forms')
    assert.equal(reply.status, 200)
    assert.equal((await lineOf(reply)).answer_unseen, 'media_type')
    for (const target of ['/enforced-forms', '/stripped-forms'])
      await assertRefused(target, /cannot be judged: media_type/)
  })
}

test('content that its schema leaves alone passes without a record; JSON under a range is judged', async () => {
  for (const type of [
    'multipart/mixed; boundary=XX',
    'multipart/related; boundary=XX',
    'application/pdf',
    'text/event-stream',
  ])
    for (const target of ['/forms', '/enforced-forms', '/stripped-forms']) {
      answers('data: x', { 'Content-Type': type })
      const reply = await ask(gate, target)
      assert.equal(reply.status, 200, type)
      assert.equal((await lineOf(reply)).answer_unseen, undefined)
    }
  answers('{"name":"a","hash":1}', { 'Content-Type': 'application/vnd.a+json' })
  assert.match(String((await lineOf(await ask(gate, '/forms'))).reported_detail), /\/hash is not/)
  await assertRefused('/enforced-forms', /\/hash is not/)
  assert.equal((await ask(gate, '/stripped-forms')).body, '{"name":"a"}')
})

test('check warns of answers that could never pass where they are enforced', () => {
  const { diagnostics } = compile(gate.configurationFile, {})
  const unread = diagnostics.filter(({ rule }) => rule === 'answer-unvalidated')
  assert.deepEqual(
    unread.map(({ message }) => message.split(' ')[2]),
    ['multipart/form-data', 'application/xml', 'multipart/form-data', 'application/xml'],
  )
})

interface Unseen {
  readonly why: string
  readonly body: Buffer
  readonly fields: Fields
  readonly status?: number
}
const person = (size: number) => Buffer.from(`{"name":"${'a'.repeat(size)}"}`)
const unseen: readonly Unseen[] = [
  { why: 'too_large', body: person(max), fields: json },
  { why: 'too_large', body: person(max), fields: { ...json, 'Transfer-Encoding': 'chunked' } },
  // ATTACK: D8 on the way back: 64 MiB in 64 KiB.
  {
    why: 'too_large',
    body: gzipSync(Buffer.alloc(64 * max, 0x20)),
    fields: { ...json, 'Content-Encoding': 'gzip' },
  },
  { why: 'content_coding', body: gzipSync('{}'), fields: { ...json, 'Content-Encoding': 'gzip, gzip' } },
  { why: 'content_coding', body: Buffer.from('x'), fields: { ...json, 'Content-Encoding': 'compress' } },
  {
    why: 'partial',
    body: Buffer.from('{"na'),
    fields: { ...json, 'Content-Range': 'bytes 0-3/12' },
    status: 206,
  },
]
for (const [index, { why, body, fields, status = 200 }] of unseen.entries()) {
  test(`${index} ${why}: report passes it with a record; enforce and strip refuse what they cannot judge`, async () => {
    answers(body, fields, status)
    const { body: stream, headers, statusCode } = await request(`${gate.gateway.addresses.http}/reported`)
    assert.equal(statusCode, status)
    assert.deepEqual(Buffer.from(await stream.arrayBuffer()), body)
    const line = await gate.logged((one) => one.request_id === headers['x-request-id'])
    assert.equal(line.answer_unseen, why)
    assert.equal(line.reported, undefined)
    for (const target of ['/enforced', '/stripped'])
      await assertRefused(target, new RegExp(`cannot be judged: ${why}`))
  })
}

test('the largest answer that is judged is judged in every mode', async () => {
  answers(person(max - '{"name":""}'.length))
  for (const target of ['/reported', '/enforced', '/stripped']) {
    const { body, headers, statusCode } = await request(`${gate.gateway.addresses.http}${target}`)
    assert.equal(statusCode, 200)
    assert.equal((await body.arrayBuffer()).byteLength, max)
    const line = await gate.logged((one) => one.request_id === headers['x-request-id'])
    assert.equal(line.answer_unseen, undefined)
  }
})

test('maxResponse is the bound in place of 1 MiB, as the octets come and decoded', async () => {
  for (const [maxResponse, largest] of [
    ['2MiB', 2 * max],
    ['1KiB', 1024],
  ] as const) {
    const bounded = await startGate({
      contract,
      more: `validate: { maxResponse: ${maxResponse} }\nallowWeakening: true`,
    })
    const exact = person(largest - '{"name":""}'.length)
    const over = person(largest - '{"name":""}'.length + 1)
    try {
      for (const [body, coding, status] of [
        [exact, 'identity', 200],
        [over, 'identity', 502],
        [gzipSync(exact), 'gzip', 200],
        [gzipSync(over), 'gzip', 502],
      ] as const) {
        bounded.upstream.answer = (response) =>
          response
            .writeHead(200, { ...json, 'Content-Encoding': coding, 'Content-Length': body.length })
            .end(body)
        for (const target of ['/enforced', '/stripped']) {
          const answer = await request(`${bounded.gateway.addresses.http}${target}`)
          await answer.body.dump({ limit: 4 * max })
          assert.equal(answer.statusCode, status, `${target} ${maxResponse} ${coding}`)
        }
        const reported = await request(`${bounded.gateway.addresses.http}/reported`)
        assert.deepEqual(Buffer.from(await reported.body.arrayBuffer()), body)
        const line = await bounded.logged((one) => one.request_id === reported.headers['x-request-id'])
        assert.equal(line.answer_unseen, status === 200 ? undefined : 'too_large')
      }
    } finally {
      await bounded.stop()
    }
  }
})

test('content that is broken in its coding is a fault, not a crash', async () => {
  await assertReported(Buffer.from('no gzip'), /is not one stream of gzip/, {
    ...json,
    'Content-Encoding': 'gzip',
  })
  await assertRefused('/enforced', /is not one stream of gzip/)
  // RFC 1952 2.2 allows several members; to some clients the content ends with the first.
  const members = Buffer.concat([gzipSync('{"name":"a"}'), gzipSync('   ')])
  await assertReported(members, /is not one stream of gzip/, { ...json, 'Content-Encoding': 'gzip' })
  for (const target of ['/enforced', '/stripped']) await assertRefused(target, /is not one stream of gzip/)
})

test('content under an answer that declares none is a fault, empty ones pass', async () => {
  for (const fields of [{}, { 'Transfer-Encoding': 'chunked' }]) {
    answers('s3cret', fields)
    await assertRefused('/bare', /it has content, and the contract declares none/, 's3cret')
    answers('', fields)
    assert.equal((await ask(gate, '/bare')).status, 200)
  }
})

test('a 205 must have no content: what comes with one never passes unjudged (RFC 9110 15.3.6)', async () => {
  for (const target of ['/reset', '/stripped-reset'])
    for (const fields of [json, { ...json, 'Transfer-Encoding': 'chunked' }]) {
      answers('{"hash":"s3cret"}', fields, 205)
      await assertRefused(target, /answer 205: it has content/, 's3cret')
      answers('', fields, 205)
      assert.equal((await ask(gate, target)).status, 205)
    }
})

test('a 204 has no Content-Length, whatever the upstream says (RFC 9110 8.6)', async () => {
  answers('', { 'Content-Length': 3 }, 204)
  const reply = await ask(gate, '/bare', { headers: ['Connection: close'] })
  assert.equal(reply.status, 204)
  assert.equal(reply.fields.get('content-length'), undefined)
})

test('a stream of events passes as it comes under enforce', async () => {
  let push: ((text: string) => void) | undefined
  gate.upstream.answer = (response) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'X-Total': '1' })
    response.flushHeaders()
    push = (text) => response.write(text)
  }
  const { body } = await request(`${gate.gateway.addresses.http}/enforced`)
  const events = body[Symbol.asyncIterator]()
  for (const text of ['data: 1\n\n', 'data: 2\n\n']) {
    push?.(text)
    assert.equal(String((await events.next()).value), text)
  }
  body.on('error', () => {})
  body.destroy()
})

test('HEAD is judged by its head, and under strip promises no length of what would be cut', async () => {
  gate.upstream.answer = (response) =>
    response.writeHead(200, { ...json, 'Content-Length': 500, ETag: '"1"' }).end()
  for (const [target, length] of [
    ['/reported', '500'],
    ['/enforced', '500'],
    ['/stripped', undefined],
  ] as const) {
    const reply = await ask(gate, target, { method: 'HEAD', headers: ['Connection: close'] })
    assert.equal(reply.status, 200)
    assert.equal(reply.fields.get('content-length'), length, target)
    assert.equal(reply.fields.get('etag'), length && '"1"')
  }
  gate.upstream.answer = (response) => response.writeHead(200, { 'Content-Type': 'application/json' }).end()
  const reply = await ask(gate, '/enforced', { method: 'HEAD', headers: ['Connection: close'] })
  assert.equal(reply.status, 502)
})

test('an answer that breaks off while it is held is a 502, and the client sees none of it', async () => {
  gate.upstream.answer = (response) => {
    response.writeHead(200, { ...json, 'Content-Length': 100 })
    response.write('{"name":"s3cret')
    setTimeout(() => response.destroy(), 50)
  }
  const reply = await ask(gate, '/enforced')
  assert.equal(reply.status, 502)
  assert.doesNotMatch(reply.text, /s3cret/)
})

test('names that look like data are not told, even to the operator', async () => {
  answers('{"name":"a","alice@example.com":1}')
  await assertRefused('/enforced', /\/\* is not a known field/, 'alice')
})

test('what was reported, unseen and cut is counted by operation', async () => {
  const { admin } = gate.gateway.addresses
  const text = await (await fetch(`${admin}/metrics`)).text()
  for (const [operation, reason] of [
    ['reported', 'response_invalid'],
    ['reported', 'answer_unseen'],
    ['stripped', 'answer_stripped'],
  ])
    assert.match(
      text,
      new RegExp(
        `portcullis_decisions_total\\{operation="${operation}",stage="report",reason="${reason}"\\} [1-9]`,
      ),
    )
  assert.match(text, /operation="enforced",stage="response",reason="response_invalid"\} [1-9]/)
})

test('a contract may be stricter than the configuration; to be looser it needs allowWeakening', () => {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-answers-'))
  const file = join(folder, 'portcullis.yaml')
  const rulesOf = (configured: string, written: string, more = '') => {
    const document = readFileSync(contract, 'utf8').replaceAll(/x-portcullis: .*/g, '')
    writeFileSync(
      join(folder, 'openapi.yaml'),
      `${document}\nx-portcullis: { validate: { responses: "${written}" } }\n`,
    )
    writeFileSync(
      file,
      `contract: ./openapi.yaml\nlisten: { http: { host: 127.0.0.1, port: 0, allowPlaintext: true } }\nupstreams: { default: { url: "http://127.0.0.1:1" } }\nvalidate: { responses: "${configured}" }\n${more}`,
    )
    const { program, diagnostics } = compile(file, {})
    const modes = new Set(program?.operations.map(({ validateResponses }) => validateResponses))
    const expected = ['plaintext', 'answer-unvalidated']
    return [...modes, ...diagnostics.map(({ rule }) => rule).filter((rule) => !expected.includes(rule))]
  }
  assert.deepEqual(rulesOf('report', 'enforce'), ['enforce'])
  assert.deepEqual(rulesOf('enforce', 'strip'), ['strip'])
  assert.deepEqual(rulesOf('strip', 'enforce'), ['enforce'])
  assert.deepEqual(rulesOf('report', 'off'), ['weakening-not-allowed'])
  assert.deepEqual(rulesOf('enforce', 'report'), ['weakening-not-allowed'])
  assert.deepEqual(rulesOf('strip', 'report', 'allowWeakening: true'), ['report', 'weakening'])
  assert.deepEqual(rulesOf('off', 'off'), ['off', 'weakening'])
  assert.deepEqual(rulesOf('report', 'offf'), ['value-invalid'])
  rmSync(folder, { recursive: true })
})

test('a text whose schema says something is judged by it; any text, other charsets and event streams are not', async () => {
  const text = (type: string) => ({ 'Content-Type': type })
  answers('up', text('text/plain; charset=utf-8'))
  assert.equal((await ask(gate, '/texts')).body, 'up')
  answers('secret', text('text/plain'))
  await assertRefused('/texts', /the content must be /, 'secret')
  answers(Buffer.from([0x75, 0xff]), text('text/plain'))
  await assertRefused('/texts', /must be UTF-8/)
  answers('10', text('text/html'))
  await assertRefused('/texts', /must be ≤ 9/)
  answers('9', text('text/html'))
  assert.equal((await ask(gate, '/texts')).status, 200)
  answers('up', text('text/plain; charset=iso-8859-1'))
  await assertRefused('/texts', /cannot be judged: charset/)
  answers(Buffer.from([0xe4]), text('text/csv; charset=iso-8859-1'))
  assert.equal((await ask(gate, '/texts')).status, 200)
  answers('data: long\n\n', text('text/event-stream'))
  assert.equal((await ask(gate, '/texts')).status, 200)
})
