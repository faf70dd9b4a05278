import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TLSSocket } from 'node:tls'
import type { BodyRead, BodySource, RawRequest } from '../base/message.ts'
import { newRequestId, newTrace } from './random-ids.ts'

export interface Arrival {
  /** The client waits for 100 before it sends its body (RFC 9110 10.1.1). */
  readonly expectsContinue: boolean
  readonly bodyTimeoutMs: number
}

/** Hands a message of Node's server to the engine, as it stood on the wire. */
export function readRequest(
  message: IncomingMessage,
  response: ServerResponse,
  arrival: Arrival,
): RawRequest {
  const { socket } = message
  const encrypted = 'encrypted' in socket
  const serverName = encrypted ? (socket as TLSSocket).servername : undefined
  return {
    id: newRequestId(),
    receivedAtMs: Date.now(),
    peer: {
      address: socket.remoteAddress ?? '',
      encrypted,
      ...(typeof serverName === 'string' && serverName !== ''
        ? { serverName: serverName.toLowerCase() }
        : {}),
    },
    method: message.method ?? '',
    target: message.url ?? '',
    httpVersion: message.httpVersion,
    headers: message.rawHeaders,
    body: new MessageBody(message, response, arrival),
    trace: newTrace(),
  }
}

/** The body of one message; read whole at most once. */
class MessageBody implements BodySource {
  readonly #message: IncomingMessage
  readonly #response: ServerResponse
  readonly #arrival: Arrival

  constructor(message: IncomingMessage, response: ServerResponse, arrival: Arrival) {
    this.#message = message
    this.#response = response
    this.#arrival = arrival
  }

  read(maxBytes: number): Promise<BodyRead> {
    if (this.#arrival.expectsContinue) this.#response.writeContinue()
    const message = this.#message
    return new Promise((resolve) => {
      const chunks: Buffer[] = []
      let size = 0
      const timer = setTimeout(() => finish({ kind: 'timeout' }), this.#arrival.bodyTimeoutMs)
      function onData(chunk: Buffer): void {
        size += chunk.length
        if (size > maxBytes) finish({ kind: 'too_large' })
        else chunks.push(chunk)
      }
      function onEnd(): void {
        finish({
          kind: 'bytes',
          bytes: chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, size),
        })
      }
      // INVARIANT: framing that turns out bad, and a client that goes away, end here and not upstream (attack H4).
      function onBroken(): void {
        finish({ kind: 'aborted' })
      }
      function finish(read: BodyRead): void {
        clearTimeout(timer)
        message.off('data', onData).off('end', onEnd).off('error', onBroken).off('close', onBroken)
        if (read.kind !== 'bytes') message.pause()
        resolve(read)
      }
      message.on('data', onData).on('end', onEnd).on('error', onBroken).on('close', onBroken)
    })
  }
}
