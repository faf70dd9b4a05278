import assert from 'node:assert/strict'
import { fileURLToPath } from 'node:url'
import { assertDenied } from './ask.ts'
import { startGate, type TestGate } from './gate.ts'
import { type RawReply, sendRaw } from './raw-client.ts'

const contract = fileURLToPath(new URL('../fixtures/bodies.yaml', import.meta.url))

/** A gate for bodies of all media types, public operations and wide limits. */
export interface BodyGate {
  readonly gate: TestGate
  post(target: string, contentType: string, body: string | Buffer): Promise<RawReply>
  /** The body arrives octet for octet. */
  passes(target: string, contentType: string, body: string | Buffer): Promise<void>
  /** The body is refused, its first fault is this, and the upstream saw no request. */
  refused(
    target: string,
    contentType: string,
    body: string | Buffer,
    pointer: string,
    message: string,
  ): Promise<void>
}

export async function startBodyGate(more = ''): Promise<BodyGate> {
  const gate = await startGate({
    yaml: ({ url }) => `
contract: ${JSON.stringify(contract)}
listen: { http: { host: 127.0.0.1, port: 0, allowPlaintext: true } }
upstreams: { default: { url: "${url}" } }
limits: [{ name: wide, by: address, rate: 1000000/s, burst: 1000000 }]
failedAuthentications: { rate: 1000000/s }
${more}`,
  })
  const { http } = gate.gateway.addresses
  assert.ok(http)
  const post = (target: string, contentType: string, body: string | Buffer) => {
    const octets = Buffer.from(body as string)
    const head = `POST ${target} HTTP/1.1\r\nHost: api.example.com\r\nContent-Type: ${contentType}\r\nContent-Length: ${octets.length}\r\n\r\n`
    return sendRaw(http, Buffer.concat([Buffer.from(head, 'latin1'), octets]), { lingerMs: 0 })
  }
  return {
    gate,
    post,
    async passes(target, contentType, body) {
      const reply = await post(target, contentType, body)
      assert.equal(reply.status, 200, `${body}: ${reply.text}`)
      assert.equal(
        gate.upstream.seen.at(-1)?.body,
        body.toString(),
        'the octets that came are those that arrive',
      )
    },
    async refused(target, contentType, body, pointer, message) {
      const before = gate.upstream.heads
      const reply = await post(target, contentType, body)
      await assertDenied(gate, reply, 400, 'body_invalid')
      const { errors } = JSON.parse(Buffer.from(reply.body, 'latin1').toString()) as {
        readonly errors: readonly object[]
      }
      assert.deepEqual(errors[0], { in: 'body', pointer, message }, String(body))
      assert.equal(gate.upstream.heads, before, 'the upstream saw a denied request')
    },
  }
}
