import assert from 'node:assert/strict'
import type { Reason } from '../../src/engine/reasons.ts'
import { problemType } from '../../src/wire/problem.ts'
import type { TestGate } from './gate.ts'
import { type RawReply, sendRaw } from './raw-client.ts'

export interface Ask {
  readonly method?: string
  readonly token?: string
  readonly headers?: readonly string[]
  readonly body?: string
  readonly contentType?: string
}

/** Sends one request over the plaintext listener, spelled exactly as given. */
export function ask(
  gate: TestGate,
  target: string,
  { method = 'GET', token, headers = [], body, contentType }: Ask = {},
): Promise<RawReply> {
  const lines = [`${method} ${target} HTTP/1.1`, 'Host: api.example.com']
  if (token !== undefined) lines.push(`Authorization: Bearer ${token}`)
  if (body !== undefined)
    lines.push(
      `Content-Type: ${contentType ?? 'application/json'}`,
      `Content-Length: ${Buffer.byteLength(body)}`,
    )
  lines.push(...headers)
  const { http } = gate.gateway.addresses
  assert.ok(http)
  return sendRaw(
    http,
    Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), Buffer.from(body ?? '', 'utf8')]),
    { lingerMs: 0 },
  )
}

/** A problem document of this reason came, complete with request id and security headers, and the log says the same. */
export async function assertDenied(
  gate: TestGate,
  reply: RawReply,
  status: number,
  reason: Reason,
): Promise<void> {
  assert.equal(reply.status, status, reply.text)
  const problem = JSON.parse(reply.body) as {
    readonly type: string
    readonly status: number
    readonly instance: string
  }
  assert.equal(problem.type, problemType(reason))
  assert.equal(problem.status, status)
  assert.equal(reply.fields.get('x-request-id'), problem.instance)
  assert.equal(reply.fields.get('content-type'), 'application/problem+json')
  assert.equal(reply.fields.get('x-content-type-options'), 'nosniff')
  assert.ok(reply.fields.get('content-security-policy')?.startsWith("default-src 'none'"))
  const line = await gate.logged((one) => one.request_id === problem.instance)
  assert.equal(line.event, 'denied')
  assert.equal(line.reason, reason)
  assert.equal(line['http.response.status_code'], status)
}

/** Asks, and asserts that the gate denied and the upstream saw nothing of it. */
export async function assertNotForwarded(
  gate: TestGate,
  reply: Promise<RawReply>,
  status: number,
  reason: Reason,
): Promise<RawReply> {
  const before = gate.upstream.heads
  const answered = await reply
  await assertDenied(gate, answered, status, reason)
  assert.equal(gate.upstream.heads, before, 'the upstream saw a denied request')
  return answered
}
