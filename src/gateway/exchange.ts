import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Member } from '../base/roster.ts'
import type { Denial } from '../engine/decision.ts'
import type { Journal, Reply } from '../engine/outcome.ts'
import type { Permit } from '../engine/permit.ts'
import type { Ending } from '../engine/record/ending.ts'
import type { AnswerStyle } from '../wire/answer-fields.ts'
import { answerFields } from '../wire/answer-fields.ts'
import { problemAnswer } from '../wire/problem.ts'
import type { MessageBody } from '../wire/read-request.ts'
import { responseFields } from '../wire/response-fields.ts'
import { expectTaking } from './expect-taking.ts'
import { forward, type Receiver, type UpstreamHead } from './forward.ts'
import { drainOnce, fateOfBody } from './unread-body.ts'
import type { Upstreams } from './upstreams.ts'

export interface ExchangeStyle extends AnswerStyle {
  /** Whether the answer is the last on its connection. */
  readonly closing: () => boolean
  /** The answer says so. */
  readonly onLast: () => void
  readonly answerTimeoutMs: number
  /** A bug was met where nobody above could learn of it. */
  readonly onDefect: (error: unknown, requestId: string) => void
}

const maxOneWriteBytes = 16 * 1024

/**
 * One request and its answer on the client's side.
 * INVARIANT: `onEnd` is called exactly once, when the fate of the request is settled and its connection is done with it.
 */
export class Exchange implements Receiver, Member {
  place = -1
  readonly #message: IncomingMessage
  readonly #response: ServerResponse
  readonly #body: MessageBody
  readonly journal: Journal
  readonly #style: ExchangeStyle
  readonly #onEnd: (end: Ending) => void
  readonly #startedMs = performance.now()
  #cancel: (() => void) | null = null
  #denial: Denial | null = null
  #settled = false
  #closed = false
  #last = false
  #dropped = false
  #endedMs = 0
  #responseBytes = 0
  #announcedBytes = -1

  constructor(
    message: IncomingMessage,
    response: ServerResponse,
    body: MessageBody,
    journal: Journal,
    style: ExchangeStyle,
    onEnd: (end: Ending) => void,
  ) {
    this.#message = message
    this.#response = response
    this.#body = body
    this.journal = journal
    this.#style = style
    this.#onEnd = onEnd
    response.once('close', () => this.#onClose())
    // The time of an answer behind others begins when they are out, and what waited is being written.
    if (response.socket === null) response.once('socket', () => queueMicrotask(() => this.#expectTaking()))
  }

  get socket(): Socket {
    return this.#message.socket
  }

  deny(denial: Denial): void {
    if (this.#settled && this.#denial) return
    this.#denial = denial
    this.#settle()
    if (this.#closed) return this.#record()
    if (this.#message.socket.destroyed) return
    // The head is out: all that is left is to break off visibly, so that nobody takes half an answer for a whole one.
    if (this.#response.headersSent) return this.#breakConnection()
    const answer = problemAnswer(denial, this.journal, this.#style)
    this.#write(answer.status, answer.fields, answer.body)
  }

  /** A bug, perhaps of what was about to be answered: 500 in its place, or, where even that cannot be written, an end. */
  breakDown(denial: Denial): void {
    if (!this.#response.headersSent) this.#denial = null
    this.fail(denial)
  }

  /** It is not served: an earlier answer was the last of the connection. */
  drop(): void {
    this.#dropped = true
    this.#settle()
    if (this.#closed) return this.#record()
    this.#response.destroy()
  }

  /** An answer the gateway itself owes. */
  reply({ status, headers, body }: Reply): void {
    this.#settle()
    if (this.#closed) return this.#record()
    this.#write(status, [...answerFields(this.journal, this.#style, false), ...headers], body)
  }

  pass(permit: Permit, upstreams: Upstreams): void {
    this.#settle()
    if (this.#closed) return this.#record()
    this.#cancel = forward(permit, upstreams, this.#body, this)
  }

  /** Every octet of the request has come. */
  get received(): boolean {
    return this.#body.complete
  }

  /** What followed on the connection was no HTTP: a body still on its way ends here, and so does the connection (H4). */
  breakOff(why: 'timeout' | 'aborted'): void {
    this.#last = true
    this.#body.breakOff(why)
  }

  /** Its connection takes more; for where the HTTP library says so no more. */
  drained(): void {
    if (this.#response.socket !== null) this.#response.emit('drain')
  }

  /** Its connection is gone; likewise. */
  disconnected(): void {
    this.#response.destroy()
  }

  head(status: number, headers: UpstreamHead): void {
    this.journal.stageClock?.enter('response')
    // RFC 9110 8.6: a 204 has no Content-Length, and some would wait for what it promises.
    const sent = status === 204 ? { ...headers, 'content-length': undefined } : headers
    const fields = responseFields(sent, this.journal, this.#style)
    // An upstream that answers before it has read everything leaves octets that nobody will read (attack E2).
    if (this.#isLast() || !this.#body.complete) this.#close(fields)
    this.#response.writeHead(status, fields)
    const length = sent['content-length']
    if (typeof length === 'string') this.#announcedBytes = Number(length)
    else if (this.#message.method !== 'HEAD') this.#response.flushHeaders()
  }

  data(chunk: Buffer): boolean {
    this.#responseBytes += chunk.length
    if (chunk.length === this.#announcedBytes) {
      // As one string with the head it is one write; latin1 keeps every octet.
      if (chunk.length <= maxOneWriteBytes) this.#response.end(chunk.toString('latin1'), 'latin1')
      else this.#response.end(chunk)
      return true
    }
    return this.#response.write(chunk)
  }

  whenDrained(resume: () => void): void {
    this.#expectTaking()
    this.#response.once('drain', resume)
  }

  end(): void {
    this.#endedMs = performance.now()
    if (!this.#response.writableEnded) this.#response.end()
    this.#expectTaking()
  }

  /** Whoever calls it, for an upstream, catches nothing: the client would wait for what cannot be written. */
  fail(denial: Denial): void {
    try {
      this.deny(denial)
    } catch (error) {
      this.#style.onDefect(error, this.journal.requestId)
      this.#breakConnection()
    }
  }

  /**
   * Once it is this answer's turn, and those before it are out: destroyed sooner, it would hold up those behind it for ever. What
   * of it was written is sent.
   */
  #breakConnection(): void {
    this.#style.onLast()
    const response = this.#response
    if (response.socket) response.destroy()
    else response.once('socket', (socket: Socket) => queueMicrotask(() => socket.destroySoon()))
  }

  #write(status: number, fields: string[], body: string): void {
    this.#endedMs = performance.now()
    this.#responseBytes = Buffer.byteLength(body)
    const fate = fateOfBody(this.#message, this.#denial)
    if (this.#isLast() || fate !== 'keep') this.#close(fields)
    this.#response.writeHead(status, fields)
    if (fate !== 'drain') this.#response.end(body)
    else {
      this.#response.write(body)
      drainOnce(this.#message, () => this.#response.end())
    }
    this.#expectTaking()
  }

  /** What the system took whole needs no watching; over TLS that is known only later. */
  #expectTaking(): void {
    const { socket, writableLength } = this.#response
    if (socket && writableLength > 0) expectTaking(socket, this.#style.answerTimeoutMs)
  }

  #close(fields: string[]): void {
    fields.push('Connection', 'close')
    this.#style.onLast()
  }

  #isLast(): boolean {
    return this.#last || this.#style.closing()
  }

  #settle(): void {
    this.#settled = true
  }

  #onClose(): void {
    this.#closed = true
    if (!this.#response.writableFinished) this.#cancel?.()
    // The head may have gone out before it was known that nothing follows. Before one that is dropped others may still be answered.
    if (this.#isLast() && !this.#dropped) this.#message.socket.destroySoon()
    if (this.#settled) this.#record()
  }

  #record(): void {
    const endedMs = this.#endedMs === 0 ? performance.now() : this.#endedMs
    this.#onEnd({
      journal: this.journal,
      denial: this.#denial,
      status: this.#response.headersSent ? this.#response.statusCode : null,
      durationMs: endedMs - this.#startedMs,
      responseBytes: this.#responseBytes,
    })
  }
}
