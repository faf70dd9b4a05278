import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { type Ask, ask, assertNotForwarded } from '../harness/ask.ts'
import { startGate, type TestGate } from '../harness/gate.ts'
import { sendRaw } from '../harness/raw-client.ts'

let gate: TestGate
let token: string

before(async () => {
  gate = await startGate()
  token = await gate.issuer.token()
})
after(() => gate.stop())

const post = (body: string, more: Partial<Ask> = {}) =>
  ask(gate, '/things', { method: 'POST', token, body, ...more })
const invalid = async (body: string, pointer: string) => {
  const reply = await assertNotForwarded(gate, post(body), 400, 'body_invalid')
  const { errors } = JSON.parse(reply.body) as { readonly errors: readonly { readonly pointer: string }[] }
  assert.ok(
    errors.some((fault) => fault.pointer === pointer),
    `${body} → ${reply.body}`,
  )
}

test('a sound body arrives as it was sent, byte for byte', async () => {
  const body = '{ "name" : "caf\\u00e9", "size":1.0e1 ,"nested":{"list":[{"a":1}]}}'
  assert.equal((await post(body)).status, 200)
  assert.equal(gate.upstream.seen.at(-1)?.body, body)
})

test('D1 one media type, spelled once', async () => {
  for (const contentType of [
    'application/json',
    'application/json; charset=utf-8',
    'APPLICATION/JSON;charset=UTF-8',
    'application/json;charset="utf-8"',
  ])
    assert.equal((await post('{"name":"x"}', { contentType })).status, 200, contentType)
  for (const contentType of [
    'application/json, text/plain',
    'application/json text/plain',
    'application/json;',
    'application/jsonx',
    'text/x',
    'json',
    '',
    'application/json; charset=utf-16',
    'application/json; charset=utf-8; charset=utf-8',
    "application/json; charset*=utf-8''utf-16",
    'application/json; charset*0=utf-; charset*1=16',
    'application\t/json',
    'multipart/form-data',
  ])
    await assertNotForwarded(gate, post('{"name":"x"}', { contentType }), 415, 'media_type_unsupported')
})

test('D2 a body without a media type is not guessed at', async () => {
  const reply = ask(gate, '/things', { method: 'POST', token, headers: ['Content-Length: 12'] })
  await assertNotForwarded(gate, reply, 415, 'media_type_unsupported')
})

test('D3 unknown fields are refused at every depth, in the ten-thousandth item too', async () => {
  await invalid('{"name":"x","extra":1}', '/extra')
  await invalid('{"name":"x","nested":{"extra":1}}', '/nested/extra')
  await invalid('{"name":"x","nested":{"list":[{"a":1},{"a":1,"b":2}]}}', '/nested/list/1/b')
  const list = Array.from({ length: 10_001 }, (_, i) => (i === 10_000 ? '{"b":1}' : '{"a":1}'))
  await invalid(`{"name":"x","nested":{"list":[${list}]}}`, '/nested/list/10000/b')
})

test('D5 duplicate keys are refused', async () => {
  await invalid('{"name":"x","name":"y"}', '/name')
  await invalid('{"name":"x","nested":{"list":[{"a":1,"\\u0061":2}]}}', '/nested/list/0/a')
  await invalid('{"name":"x","Name":"y"}', '/Name')
})

test('D6 prototype names are unknown fields', async () => {
  for (const name of ['__proto__', 'constructor', 'prototype', 'toString'])
    await invalid(`{"name":"x","${name}":{}}`, `/${name}`)
  assert.equal(({} as Record<string, unknown>).polluted, undefined)
})

test('D7 a body where none is declared is refused', async () => {
  await assertNotForwarded(gate, ask(gate, '/things', { token, body: '{}' }), 400, 'body_unexpected')
  const { http } = gate.gateway.addresses
  assert.ok(http)
  const chunked = sendRaw(
    http,
    `GET /things HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`,
  )
  await assertNotForwarded(gate, chunked, 400, 'body_unexpected')
})

test('D8 content codings are refused', async () => {
  const bomb = gzipSync(Buffer.alloc(1024 * 1024)).toString('latin1')
  for (const coding of ['gzip', 'deflate', 'br', 'gzip, gzip', 'x-unknown'])
    await assertNotForwarded(
      gate,
      post(bomb.slice(0, 100), { headers: [`Content-Encoding: ${coding}`] }),
      415,
      'media_type_unsupported',
    )
})

test('D9 brackets in a query are names like any other', async () => {
  for (const query of ['a[999999999]=1', 'tag[]=x', 'tag%5B%5D=x', 'limit[gt]=1'])
    await assertNotForwarded(gate, ask(gate, `/things?${query}`, { token }), 400, 'parameter_invalid')
})

test('D11 numbers that lose their value in parsing are refused', async () => {
  await invalid('{"name":"x","size":9007199254740993}', '/size')
  await invalid('{"name":"x","size":1e999}', '/size')
  for (const size of ['9007199254740993.0', '9.007199254740993e15', '1.00000000000000000001', '1e-400'])
    await invalid(`{"name":"x","size":${size}}`, '/size')
  await invalid('{"name":"x\\ud800"}', '/name')
})

test('D13 a scalar that stands twice is refused', async () => {
  await assertNotForwarded(gate, ask(gate, '/things?limit=1&limit=2', { token }), 400, 'parameter_invalid')
  assert.equal((await ask(gate, '/things?tag=a&tag=b', { token })).status, 200)
})

test('bodies over the limit are refused, announced or not', async () => {
  const { http } = gate.gateway.addresses
  assert.ok(http)
  const head = `POST /things HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\n`
  const announced = await assertNotForwarded(
    gate,
    sendRaw(http, `${head}Content-Length: 2000000\r\n\r\n`, { lingerMs: 1500 }),
    413,
    'body_too_large',
  )
  assert.ok(announced.closed)
  const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`
  const chunked = await assertNotForwarded(
    gate,
    sendRaw(http, `${head}Transfer-Encoding: chunked\r\n\r\n${chunk.repeat(17)}`, { lingerMs: 1500 }),
    413,
    'body_too_large',
  )
  assert.ok(chunked.closed)
})

test('what is not JSON, not UTF-8, or nested without end is refused', async () => {
  for (const body of [
    '',
    '{',
    'nul',
    '{"name":"x"} x',
    "{'name':'x'}",
    '{"name":"x",}',
    '\ufeff{"name":"x"}',
    'NaN',
  ]) {
    const reply = await post(body)
    assert.equal(reply.status, 400, body)
  }
  const deep = `{"name":"x","nested":${'['.repeat(100_000)}${']'.repeat(100_000)}}`
  await assertNotForwarded(gate, post(deep), 400, 'body_invalid')
  const { http } = gate.gateway.addresses
  assert.ok(http)
  const broken = Buffer.from('{"name":"\xff\xfe"}', 'latin1')
  const head = `POST /things HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nContent-Length: ${broken.length}\r\n\r\n`
  await assertNotForwarded(
    gate,
    sendRaw(http, Buffer.concat([Buffer.from(head), broken])),
    400,
    'body_invalid',
  )
})

test('an opaque body streams through, and is cut off past its limit', async () => {
  const contentType = 'application/octet-stream'
  const fits = await ask(gate, '/files/a', { method: 'PUT', token, body: 'x'.repeat(200_000), contentType })
  assert.equal(fits.status, 200, fits.text)
  assert.equal(gate.upstream.seen.at(-1)?.body.length, 200_000)
  const { http } = gate.gateway.addresses
  assert.ok(http)
  const before = gate.upstream.seen.length
  const head = `PUT /files/a HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\nContent-Type: ${contentType}\r\nTransfer-Encoding: chunked\r\n\r\n`
  const reply = await sendRaw(http, head + `10000\r\n${'x'.repeat(0x10000)}\r\n`.repeat(6), {
    lingerMs: 1500,
  })
  assert.equal(reply.status, 413, reply.text)
  assert.ok(reply.closed)
  assert.equal(gate.upstream.seen.length, before, 'the upstream request was broken off, not ended')
})
