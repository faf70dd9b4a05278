import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { assertDenied } from '../harness/ask.ts'
import { type BodyGate, startBodyGate } from '../harness/body-gate.ts'

let bodies: BodyGate
before(async () => {
  bodies = await startBodyGate()
})
after(() => bodies.gate.stop())

async function unsupported(contentType: string, body: string): Promise<void> {
  const before = bodies.gate.upstream.heads
  await assertDenied(
    bodies.gate,
    await bodies.post('/text', contentType, body),
    415,
    'media_type_unsupported',
  )
  assert.equal(bodies.gate.upstream.heads, before, contentType)
}

test('a text is validated against its schema, in the words that JSON has for it', async () => {
  for (const contentType of [
    'text/plain',
    'text/plain;charset=UTF-8',
    'TEXT/plain; Charset="utf-8"; format=flowed',
  ])
    await bodies.passes('/text', contentType, 'café \u{1f600}')
  await bodies.refused('/text', 'text/plain', 'a<b', '', 'must match the pattern')
  await bodies.refused('/text', 'text/plain', '12345678901', '', 'must have at most 10 characters')
  await bodies.refused('/text', 'text/plain', Buffer.from([0x61, 0xff]), '', 'must be UTF-8')
  await bodies.refused('/text', 'text/plain', Buffer.from([0xc0, 0xaf]), '', 'must be UTF-8')
  await bodies.refused('/text', 'text/plain', '', '', 'is required')
  await bodies.passes('/text', 'text/x-count', '12')
  for (const body of ['1.5', ' 12', '12\n', '9007199254740993'])
    await bodies.refused('/text', 'text/x-count', body, '', 'must be an integer')
  await bodies.passes('/text', 'application/xml', '<a/>')
})

test('D1 the parameters that a contract names tell media types apart, and each stands once (RFC 9110 8.3.1)', async () => {
  await bodies.passes('/text', 'text/csv; header=present', 'a,b')
  await bodies.passes('/text', 'text/csv;HEADER="present"', 'a,b')
  await bodies.refused('/text', 'text/csv; header=present', 'abc', '', 'must be one of the listed values')
  await bodies.passes('/text', 'text/csv; header=absent', 'abc')
  await bodies.passes('/text', 'application/vnd.thing+json;v=2', '{"b":1}')
  await bodies.refused('/text', 'application/vnd.thing+json;v=2', '{"a":1}', '/a', 'is not a known field')
  await bodies.refused('/text', 'application/vnd.thing+json', '{"b":1}', '/b', 'is not a known field')
  for (const contentType of [
    'text/csv; header=present; header=absent',
    'text/plain; charset=utf-8; charset=utf-8',
    'text/plain; charset=utf-16',
    'text/plain; charset=us-ascii',
    'text/plain; charset=iso-8859-1',
    'text/latin; charset=iso-8859-1',
    'text/plain; charset',
    'text/html',
    'text/*',
  ])
    await unsupported(contentType, 'abc')
})
