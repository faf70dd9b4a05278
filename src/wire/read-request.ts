import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { Readable } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { formatIp, parseIp } from '../base/ip.ts'
import type { BodyRead, BodySource, Peer, RawRequest, ShownCertificates } from '../base/message.ts'
import type { Denial } from '../engine/decision.ts'
import type { BodyInspector } from '../engine/permit.ts'
import { type BodyPace, PaceWatch } from './body-pace.ts'
import { newRequestId, newTrace } from './random-ids.ts'
import { createBufferCount } from './young-buffers.ts'

const countBuffers = createBufferCount()

export interface Arrival {
  /** The client waits for 100 before it sends its body (RFC 9110 10.1.1). */
  readonly expectsContinue: boolean
  readonly pace: BodyPace
}

/** What came in: the request for the engine, and its body for whoever forwards it unread. */
export interface Arrived {
  readonly request: RawRequest
  readonly body: MessageBody
}

/** Takes a message of Node's server as it stood on the wire. */
export function readRequest(message: IncomingMessage, response: ServerResponse, arrival: Arrival): Arrived {
  const body = new MessageBody(message, response, arrival)
  const request = {
    id: newRequestId(),
    receivedAtMs: Date.now(),
    peer: peerOf(message.socket),
    method: message.method ?? '',
    target: message.url ?? '',
    httpVersion: message.httpVersion,
    headers: message.rawHeaders,
    body,
    trace: newTrace(),
  }
  return { request, body }
}

export function peerOf(socket: Socket): Peer {
  const shown = socket.remoteAddress ?? ''
  // A listener on `::` shows IPv4 peers so; records of requests that end before the walk over proxies spell them as all others do.
  const mapped = shown.startsWith('::ffff:') ? parseIp(shown) : null
  const address = mapped ? formatIp(mapped) : shown
  if (!('encrypted' in socket)) return { address, encrypted: false }
  const { servername } = socket as TLSSocket
  const certificates = shownCertificates(socket as TLSSocket)
  return {
    address,
    encrypted: true,
    ...(typeof servername === 'string' && servername !== '' && { serverName: servername.toLowerCase() }),
    ...(certificates && { certificates }),
  }
}

/** ATTACK: a body of one-octet chunks, each kept as an object of its own; so many are joined. */
const maxSmallChunks = 256

const shownBy = new WeakMap<Socket, ShownCertificates | null>()
const maxChain = 8

/** The certificates of a handshake, taken once a connection; null when the client showed none. */
function shownCertificates(socket: TLSSocket): ShownCertificates | null {
  const known = shownBy.get(socket)
  if (known !== undefined) return known
  const shown = takeCertificates(socket)
  shownBy.set(socket, shown)
  return shown
}

function takeCertificates(socket: TLSSocket): ShownCertificates | null {
  const chain: Uint8Array[] = []
  // ATTACK: `getPeerCertificate` reads each certificate whole, whoever signed it, and ends the process over a curve that NIST has no
  // name for (Node.js 26.10). Here none is read but by the engine.
  let next = socket.getPeerX509Certificate?.()
  while (next && chain.length < maxChain) {
    chain.push(next.raw)
    next = next.issuerCertificate
  }
  if (chain.length === 0) return null
  return { chain, distrust: socket.authorized ? null : String(socket.authorizationError) }
}

/**
 * ATTACK: a client goes away in the tick in which its body is given up. Node looks whether anybody listens to an error one tick
 * before it emits it, and one to which nobody listens any more ends the process.
 */
function ignore(): void {}

/** The body of one message: read whole, or streamed, at most once. */
export class MessageBody implements BodySource {
  readonly #message: IncomingMessage
  readonly #response: ServerResponse
  readonly #arrival: Arrival
  #broken: 'timeout' | 'aborted' | null = null
  #onBroken: (() => void) | null = null

  constructor(message: IncomingMessage, response: ServerResponse, arrival: Arrival) {
    this.#message = message
    this.#response = response
    this.#arrival = arrival
  }

  /** Every octet has come, or none was announced. */
  get complete(): boolean {
    return this.#message.complete
  }

  /** Tells whoever reads that nothing more will come. */
  breakOff(why: 'timeout' | 'aborted'): void {
    this.#broken = why
    this.#onBroken?.()
  }

  async read(maxBytes: number, announcedBytes: number | null): Promise<BodyRead> {
    this.#invite()
    const message = this.#message
    // A small body that came in one packet with its head is there after this turn of the parser, and needs no listeners.
    await null
    if (announcedBytes === null || message.readableLength !== announcedBytes) return this.#receive(maxBytes)
    const bytes = message.read() as Buffer
    message.resume()
    return bytes.length > maxBytes ? { kind: 'too_large' } : { kind: 'bytes', bytes }
  }

  #receive(maxBytes: number): Promise<BodyRead> {
    const message = this.#message
    if (this.#broken !== null || message.destroyed)
      return Promise.resolve({ kind: this.#broken ?? 'aborted' })
    return new Promise((resolve) => {
      const chunks: Buffer[] = []
      const small: Buffer[] = []
      let size = 0
      const watch = new PaceWatch(this.#arrival.pace, () => finish({ kind: 'timeout' }))
      watch.run()
      function onData(chunk: Buffer): void {
        size += chunk.length
        watch.received(chunk.length)
        if (size > maxBytes) finish({ kind: 'too_large' })
        else if (small.push(chunk) === maxSmallChunks) chunks.push(Buffer.concat(small.splice(0)))
      }
      function onEnd(): void {
        chunks.push(...small)
        finish({
          kind: 'bytes',
          bytes: chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, size),
        })
      }
      // INVARIANT: framing that turns out bad, and a client that goes away, end here and not upstream (attack H4).
      const onBroken = (): void => finish({ kind: this.#broken ?? 'aborted' })
      this.#onBroken = onBroken
      function finish(read: BodyRead): void {
        watch.rest()
        message.off('data', onData).off('end', onEnd).off('error', onBroken).off('close', onBroken)
        message.on('error', ignore)
        if (read.kind !== 'bytes') message.pause()
        resolve(read)
      }
      message.on('data', onData).on('end', onEnd).on('error', onBroken).on('close', onBroken)
    })
  }

  /**
   * The body as it comes, with back-pressure. The stream fails with `BodyCut` when there is more of it than
   * `maxBytes`, when it comes too slowly, when the client goes away, and when its framing turns out bad, with `BodyRefused`
   * when the inspector refuses it; it never destroys the client's socket.
   */
  stream(maxBytes: number, inspector: BodyInspector | null): Readable {
    this.#invite()
    const message = this.#message
    let size = 0
    // INVARIANT: the last octets wait for the verdict on the whole, so that nothing refused arrives complete.
    let held: Buffer | null = null
    let ended = false
    const watch = new PaceWatch(this.#arrival.pace, () => stream.destroy(new BodyCut('timeout')))
    const stream = new Readable({
      read() {
        if (!ended) watch.run()
        message.resume()
      },
      destroy(error, done) {
        watch.rest()
        message.off('data', onData).off('end', onEnd).off('error', onBroken).off('close', onBroken)
        message.on('error', ignore)
        message.pause()
        done(error)
      },
    })
    // ATTACK: E2, E3. Whoever forwards it listens once it has a connection for it; a body that breaks off before, or after it
    // was let go of, would end the process. Its error stays with it, and is read there.
    stream.on('error', ignore)
    function onData(chunk: Buffer): void {
      size += chunk.length
      watch.received(chunk.length)
      countBuffers(chunk.length)
      if (size > maxBytes) stream.destroy(new BodyCut('too_large'))
      else if (inspector === null) pass(chunk)
      else if (!refusedBy(inspector.push(chunk))) {
        if (held !== null) pass(held)
        held = chunk
      }
    }
    function onEnd(): void {
      watch.rest()
      ended = true
      if (inspector !== null && refusedBy(inspector.end())) return
      if (held !== null) stream.push(held)
      stream.push(null)
    }
    function pass(chunk: Buffer): void {
      if (stream.push(chunk)) return
      watch.rest()
      message.pause()
    }
    function refusedBy(denial: Denial | null): boolean {
      if (denial !== null) stream.destroy(new BodyRefused(denial))
      return denial !== null
    }
    const onBroken = (): void => {
      if (!message.complete) stream.destroy(new BodyCut(this.#broken ?? 'aborted'))
    }
    this.#onBroken = onBroken
    if (this.#broken !== null || message.destroyed) onBroken()
    else message.on('data', onData).on('end', onEnd).on('error', onBroken).on('close', onBroken)
    return stream
  }

  #invite(): void {
    if (this.#arrival.expectsContinue) this.#response.writeContinue()
  }
}

/** Why a streamed body ended before its end. */
export class BodyCut extends Error {
  readonly kind: 'too_large' | 'timeout' | 'aborted'

  constructor(kind: BodyCut['kind']) {
    super(`the body was cut: ${kind}`)
    this.kind = kind
  }
}

/** A streamed body was refused by what is in it. */
export class BodyRefused extends Error {
  readonly denial: Denial

  constructor(denial: Denial) {
    super('the body was refused on its way')
    this.denial = denial
  }
}
